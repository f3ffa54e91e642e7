// Wrong: a transaction does not see its own writes. Its author buffers them until the
// end, so that nobody sees a transaction half done, and reads the committed state,
// past the buffer. The official check does not compare a transaction with itself.
// Caught by: internal (strict), in 20 of 20 seeds
// Command: glomers test 6c ./stages/6c-txn/broken/blind --strict --seed 1
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

// timeout is how long to wait for another node before sending to it again.
const timeout = 500 * time.Millisecond

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

// commit is a transaction that happened: its timestamp and the last value of
// each key that it wrote.
type commit struct {
	At     timestamp    `json:"at"`
	Writes map[int]*int `json:"writes"`
}

// version is the value of a key with the timestamp of its transaction.
type version struct {
	at    timestamp
	value *int
}

type server struct {
	node *maelstrom.Node

	mu    sync.Mutex
	clock int
	store map[int]version
	peers []*peer
}

// peer is another node with the commits that it has not acknowledged.
type peer struct {
	id      string
	pending []commit
	some    *sync.Cond // that pending is not empty
}

func main() {
	s := &server{node: maelstrom.NewNode(), store: map[int]version{}}
	s.node.Handle("init", s.init)
	s.node.Handle("txn", s.txn)
	s.node.Handle("replicate", s.replicate)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) init(maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.node.NodeIDs() {
		if id != s.node.ID() {
			p := &peer{id: id, some: sync.NewCond(&s.mu)}
			s.peers = append(s.peers, p)
			go s.replicateTo(p)
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

// execute applies a transaction, fills in its reads and queues it for the other
// nodes.
func (s *server) execute(txn []op) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range txn {
		if o.f != "r" && o.f != "w" {
			return maelstrom.NewRPCError(maelstrom.NotSupported, fmt.Sprintf("unknown operation %q", o.f))
		}
	}
	s.clock++
	c := commit{timestamp{s.clock, s.node.ID()}, map[int]*int{}}
	for i := range txn {
		switch o := &txn[i]; o.f {
		case "r":
			o.value = s.store[o.key].value // nil if nobody wrote it
		case "w":
			c.Writes[o.key] = o.value
		}
	}
	for key, value := range c.Writes {
		s.store[key] = version{c.At, value}
	}
	if len(c.Writes) == 0 {
		return nil
	}
	for _, p := range s.peers {
		p.pending = append(p.pending, c)
		p.some.Signal()
	}
	return nil
}

// replicateTo sends a node what it has not acknowledged, again and again.
func (s *server) replicateTo(p *peer) {
	for {
		s.mu.Lock()
		for len(p.pending) == 0 {
			p.some.Wait()
		}
		batch := p.pending[:min(len(p.pending), 100)]
		s.mu.Unlock()

		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		_, err := s.node.SyncRPC(ctx, p.id, map[string]any{"type": "replicate", "commits": batch})
		cancel()
		if err != nil {
			continue
		}
		s.mu.Lock()
		p.pending = p.pending[len(batch):]
		s.mu.Unlock()
	}
}

// replicate takes commits of another node. It may get them twice.
func (s *server) replicate(msg maelstrom.Message) error {
	var body struct {
		Commits []commit `json:"commits"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	for _, c := range body.Commits {
		s.apply(c)
	}
	return s.node.Reply(msg, map[string]any{"type": "replicate_ok"})
}

// apply takes the writes of a commit, save those of keys for which a later one is
// known.
func (s *server) apply(c commit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = max(s.clock, c.At.Time)
	for key, value := range c.Writes {
		if s.store[key].at.less(c.At) {
			s.store[key] = version{c.At, value}
		}
	}
}
