// Whole commits in batches, the later timestamp wins. A node executes a
// transaction on its own copy of the database and answers at once; every 20 ms it
// sends what it committed to the other nodes, each transaction as a whole.
//
// Why it is read committed: a transaction executes under one lock, is shipped
// with only its last write of each key, and is applied under one lock. So nobody
// reads a value of a transaction that never commits (G1a) or one that the
// transaction itself replaces (G1b). Every commit has a Lamport timestamp that is
// higher than that of everything its node had seen, and for each key the highest
// one wins. So dependencies only ever point to higher timestamps, and cannot form
// a cycle (G0, G1c).
//
// What it costs: one message per node, peer and interval, however many
// transactions there were, because acknowledgements ride on the batches of the
// other direction. Two nodes at 20 ms: 100 messages a second. The price is
// staleness: others see a write up to an interval later, and two nodes that write
// the same key at once do not notice that one of them loses.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	interval = 20 * time.Millisecond  // between batches to the same node
	retry    = 500 * time.Millisecond // until a batch without an acknowledgement is repeated

	// A partition leaves thousands of commits to send, and Maelstrom's library reads
	// lines of 64 KiB at most.
	batchLimit = 500 // writes
)

// op is one micro-operation of a transaction: ["r", key, null] or ["w", key, value].
type op struct {
	f     string
	key   int
	value *int
}

func (o *op) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&o.f, &o.key, &o.value})
}

func (o op) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{o.f, o.key, o.value})
}

// timestamp is a Lamport clock with the node's id to make it unique.
type timestamp struct {
	Time int    `json:"time"`
	Node string `json:"node"`
}

func (t timestamp) less(u timestamp) bool {
	return t.Time < u.Time || t.Time == u.Time && t.Node < u.Node
}

// commit is a committed transaction: its timestamp and the last value that it
// wrote to each key.
type commit struct {
	At     timestamp    `json:"at"`
	Writes map[int]*int `json:"writes"`
}

// version is a value with the timestamp of the transaction that wrote it.
type version struct {
	at    timestamp
	value *int
}

// batch is what nodes send to each other.
type batch struct {
	Type    string   `json:"type"`
	Number  int      `json:"number"` // counts the batches with commits from this node to that one; 0 if it has none
	Commits []commit `json:"commits"`
	Ack     int      `json:"ack"` // the number of the receiver's last batch that arrived
}

type server struct {
	node *maelstrom.Node

	mu    sync.Mutex
	clock int
	store map[int]version
	peers map[string]*peer
}

// peer is what a node knows about another one. At most one batch is under way to
// it; what commits meanwhile waits for the next.
type peer struct {
	pending  []commit  // not acknowledged, the oldest first
	inFlight int       // how many of pending are in the batch under way
	number   int       // of that batch, or of the last one
	sent     time.Time // when that batch was last sent
	received int       // the number of the last batch from the peer
	owed     bool      // that number is not acknowledged yet
}

func main() {
	s := &server{node: maelstrom.NewNode(), store: map[int]version{}}
	s.node.Handle("init", s.init)
	s.node.Handle("txn", s.txn)
	s.node.Handle("batch", s.receive)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) init(maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers = map[string]*peer{}
	for _, id := range s.node.NodeIDs() {
		if id != s.node.ID() {
			s.peers[id] = &peer{}
			go s.replicateTo(id, s.peers[id])
		}
	}
	return nil
}

func (s *server) txn(msg maelstrom.Message) error {
	var body struct {
		Txn []op `json:"txn"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	if err := s.execute(body.Txn); err != nil {
		return err
	}
	return s.node.Reply(msg, map[string]any{"type": "txn_ok", "txn": body.Txn})
}

// execute runs a transaction on this node's copy, fills in its reads and queues
// its writes for the other nodes.
func (s *server) execute(txn []op) error {
	for _, o := range txn {
		if o.f != "r" && o.f != "w" {
			return maelstrom.NewRPCError(maelstrom.NotSupported, fmt.Sprintf("unknown operation %q", o.f))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	c := commit{timestamp{s.clock, s.node.ID()}, map[int]*int{}}
	for i := range txn {
		switch o := &txn[i]; o.f {
		case "r":
			o.value = s.store[o.key].value // nil if nobody wrote it
		case "w":
			s.store[o.key] = version{c.At, o.value} // no version here is later
			c.Writes[o.key] = o.value
		}
	}
	if len(c.Writes) > 0 {
		for _, p := range s.peers {
			p.pending = append(p.pending, c)
		}
	}
	return nil
}

// replicateTo sends a batch in every interval in which there is something to send.
func (s *server) replicateTo(id string, p *peer) {
	for range time.Tick(interval) {
		s.mu.Lock()
		b, ok := p.next()
		s.mu.Unlock()
		if ok {
			s.node.Send(id, b)
		}
	}
}

// next returns the batch that is due, if one is: new commits, a repeated batch, or
// an acknowledgement with nothing to ride on.
func (p *peer) next() (batch, bool) {
	b := batch{Type: "batch", Ack: p.received}
	switch {
	case p.inFlight > 0 && time.Since(p.sent) >= retry:
		b.Number, b.Commits, p.sent = p.number, p.pending[:p.inFlight], time.Now()
	case p.inFlight == 0 && len(p.pending) > 0:
		p.number++
		for writes := 0; p.inFlight < len(p.pending) && writes < batchLimit; p.inFlight++ {
			writes += len(p.pending[p.inFlight].Writes)
		}
		b.Number, b.Commits, p.sent = p.number, p.pending[:p.inFlight], time.Now()
	case !p.owed:
		return b, false
	}
	p.owed = false
	return b, true
}

// receive applies a batch of another node. Applying it twice does no harm.
func (s *server) receive(msg maelstrom.Message) error {
	var b batch
	if err := json.Unmarshal(msg.Body, &b); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[msg.Src]
	if p == nil {
		return nil // not initialized yet; the batch will be repeated
	}
	if p.inFlight > 0 && b.Ack == p.number {
		p.pending, p.inFlight = p.pending[p.inFlight:], 0
	}
	for _, c := range b.Commits {
		s.apply(c)
	}
	if b.Number > 0 {
		p.received, p.owed = b.Number, true
	}
	return nil
}

// apply installs the writes of a commit, except where a later version is known.
func (s *server) apply(c commit) {
	s.clock = max(s.clock, c.At.Time)
	for key, value := range c.Writes {
		if s.store[key].at.less(c.At) {
			s.store[key] = version{c.At, value}
		}
	}
}
