// Dirty keys in batches, the later timestamp wins. A node executes a transaction
// on its own copy of the database and answers at once; every 20 ms it sends the
// newest version of each key that it wrote since the last time to the other nodes.
//
// Why it is read uncommitted: that level forbids only dirty writes (G0), which are
// two transactions whose writes are ordered one way for one key and the other way
// for another. All writes of a transaction have the same Lamport timestamp, and for
// each key the version with the highest one wins, on every node alike. So all keys
// agree on the order. A version that is overwritten within an interval is never
// sent, so with three nodes or more a transaction may be seen in part elsewhere. This
// level allows it. Stage 6c sends whole transactions.
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

	// A partition leaves thousands of keys to send, and Maelstrom's library reads
	// lines of 64 KiB at most.
	batchLimit = 500 // keys
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

// version is a value with the timestamp of the transaction that wrote it.
type version struct {
	At    timestamp `json:"at"`
	Value *int      `json:"value"`
}

// batch is what nodes send to each other.
type batch struct {
	Type     string          `json:"type"`
	Number   int             `json:"number"` // counts the batches with versions from this node to that one; 0 if it has none
	Versions map[int]version `json:"versions"`
	Ack      int             `json:"ack"` // the number of the receiver's last batch that arrived
}

type server struct {
	node *maelstrom.Node

	mu    sync.Mutex
	clock int
	store map[int]version
	peers map[string]*peer
}

// peer is what a node knows about another one. At most one batch is under way to
// it; what is written meanwhile waits for the next.
type peer struct {
	dirty    map[int]bool    // keys with a version that is in no batch yet
	inFlight map[int]version // the batch under way, nil if there is none
	number   int             // of that batch, or of the last one
	sent     time.Time       // when that batch was last sent
	received int             // the number of the last batch from the peer
	owed     bool            // that number is not acknowledged yet
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
			s.peers[id] = &peer{dirty: map[int]bool{}}
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

// execute runs a transaction on this node's copy, fills in its reads and marks the
// keys that it wrote.
func (s *server) execute(txn []op) error {
	for _, o := range txn {
		if o.f != "r" && o.f != "w" {
			return maelstrom.NewRPCError(maelstrom.NotSupported, fmt.Sprintf("unknown operation %q", o.f))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	at := timestamp{s.clock, s.node.ID()}
	for i := range txn {
		switch o := &txn[i]; o.f {
		case "r":
			o.value = s.store[o.key].Value // nil if nobody wrote it
		case "w":
			s.store[o.key] = version{at, o.value} // no version here is later
			for _, p := range s.peers {
				p.dirty[o.key] = true
			}
		}
	}
	return nil
}

// replicateTo sends a batch in every interval in which there is something to send.
func (s *server) replicateTo(id string, p *peer) {
	for range time.Tick(interval) {
		s.mu.Lock()
		b, ok := s.next(p)
		s.mu.Unlock()
		if ok {
			s.node.Send(id, b)
		}
	}
}

// next returns the batch that is due to a peer, if one is: new versions, a repeated
// batch, or an acknowledgement with nothing to ride on.
func (s *server) next(p *peer) (batch, bool) {
	b := batch{Type: "batch", Ack: p.received}
	switch {
	case p.inFlight != nil && time.Since(p.sent) >= retry:
		b.Number, b.Versions, p.sent = p.number, p.inFlight, time.Now()
	case p.inFlight == nil && len(p.dirty) > 0:
		p.number++
		p.inFlight = map[int]version{}
		for key := range p.dirty {
			if len(p.inFlight) == batchLimit {
				break
			}
			p.inFlight[key] = s.store[key]
			delete(p.dirty, key)
		}
		b.Number, b.Versions, p.sent = p.number, p.inFlight, time.Now()
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
	if b.Ack == p.number {
		p.inFlight = nil
	}
	for key, v := range b.Versions {
		s.clock = max(s.clock, v.At.Time)
		if s.store[key].At.less(v.At) {
			s.store[key] = v
		}
	}
	if b.Number > 0 {
		p.received, p.owed = b.Number, true
	}
	return nil
}
