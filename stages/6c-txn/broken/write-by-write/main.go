// Wrong: the writes of a transaction are sent to the other nodes one by one. Its author
// executes a transaction under one lock and thought that it is atomic. It is so on
// its own node; others see it half done, with values that the transaction itself
// replaced a moment later. Read uncommitted allows that: it is a solution of stage 6b.
// Caught by: G1b, in 20 of 20 seeds
// Command: glomers test 6c ./stages/6c-txn/broken/write-by-write --seed 1
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

// timestamp is a Lamport clock with the node's id to make it unique, and counts the
// writes of a transaction, so that of two to one key the later one stays.
type timestamp struct {
	Time  int    `json:"time"`
	Node  string `json:"node"`
	Index int    `json:"index"`
}

func (t timestamp) less(u timestamp) bool {
	switch {
	case t.Time != u.Time:
		return t.Time < u.Time
	case t.Node != u.Node:
		return t.Node < u.Node
	}
	return t.Index < u.Index
}

// write is one write with the timestamp of its transaction.
type write struct {
	At    timestamp `json:"written"`
	Key   int       `json:"key"`
	Value *int      `json:"value"`
}

type server struct {
	node *maelstrom.Node

	mu    sync.Mutex
	clock int
	store map[int]write
	peers []*peer
}

// peer is another node with the writes that it has not acknowledged.
type peer struct {
	id      string
	pending []write
	some    *sync.Cond // that pending is not empty
}

func main() {
	s := &server{node: maelstrom.NewNode(), store: map[int]write{}}
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

// execute applies a transaction, fills in its reads and queues its writes for
// the other nodes.
func (s *server) execute(txn []op) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range txn {
		if o.f != "r" && o.f != "w" {
			return maelstrom.NewRPCError(maelstrom.NotSupported, fmt.Sprintf("unknown operation %q", o.f))
		}
	}
	s.clock++
	for i := range txn {
		switch o := &txn[i]; o.f {
		case "r":
			o.value = s.store[o.key].Value // nil if nobody wrote it
		case "w":
			w := write{timestamp{s.clock, s.node.ID(), i}, o.key, o.value}
			s.store[o.key] = w // no write on this node is later
			for _, p := range s.peers {
				p.pending = append(p.pending, w)
				p.some.Signal()
			}
		}
	}
	return nil
}

// replicateTo sends a node one write after the other, each until it is acknowledged.
func (s *server) replicateTo(p *peer) {
	for {
		s.mu.Lock()
		for len(p.pending) == 0 {
			p.some.Wait()
		}
		w := p.pending[0]
		s.mu.Unlock()

		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		_, err := s.node.SyncRPC(ctx, p.id, map[string]any{"type": "replicate", "key": w.Key, "value": w.Value, "written": w.At})
		cancel()
		if err != nil {
			continue
		}
		s.mu.Lock()
		p.pending = p.pending[1:]
		s.mu.Unlock()
	}
}

// replicate takes a write of another node. It may get it twice.
func (s *server) replicate(msg maelstrom.Message) error {
	var w write
	if err := json.Unmarshal(msg.Body, &w); err != nil {
		return err
	}
	s.apply(w)
	return s.node.Reply(msg, map[string]any{"type": "replicate_ok"})
}

// apply takes one write unless a later one of its key is known. Between the
// writes of a transaction others may read, which this consistency model allows.
func (s *server) apply(w write) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock = max(s.clock, w.At.Time)
	if s.store[w.Key].At.less(w.At) {
		s.store[w.Key] = w
	}
}
