// Wrong: it answers only when the other nodes have the writes. Its author wanted no write
// to be lost with its node. So nobody is answered while a partition lasts, and total
// availability forbids that. Only a partition that lasts longer than clients wait
// shows it, which a seed need not have.
// Caught by: availability, in 19 of 20 seeds
// Command: glomers test 6b ./stages/6b-txn/broken/waits --nemesis partition --seed 3
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

// write is one write with the timestamp of its transaction.
type write struct {
	At    timestamp `json:"at"`
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
	empty   *sync.Cond // that it is
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
			p := &peer{id: id, some: sync.NewCond(&s.mu), empty: sync.NewCond(&s.mu)}
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
	s.mu.Lock()
	for _, p := range s.peers {
		for len(p.pending) > 0 {
			p.empty.Wait()
		}
	}
	s.mu.Unlock()
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
	at := timestamp{s.clock, s.node.ID()}
	writes := map[int]write{} // the last one of each key
	for i := range txn {
		switch o := &txn[i]; o.f {
		case "r":
			o.value = s.store[o.key].Value // nil if nobody wrote it
		case "w":
			w := write{at, o.key, o.value}
			s.store[o.key] = w // no write on this node is later
			writes[o.key] = w
		}
	}
	for _, p := range s.peers {
		for _, w := range writes {
			p.pending = append(p.pending, w)
		}
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
		_, err := s.node.SyncRPC(ctx, p.id, map[string]any{"type": "replicate", "writes": batch})
		cancel()
		if err != nil {
			continue
		}
		s.mu.Lock()
		p.pending = p.pending[len(batch):]
		p.empty.Broadcast()
		s.mu.Unlock()
	}
}

// replicate takes writes of another node. It may get them twice.
func (s *server) replicate(msg maelstrom.Message) error {
	var body struct {
		Writes []write `json:"writes"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	for _, w := range body.Writes {
		s.apply(w)
	}
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
