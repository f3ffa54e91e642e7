// Totals written through to the store, and gossiped. Every node writes the sum of
// its own additions to its own key in seq-kv before it acknowledges one. Reads add
// up the totals that the node has heard of, and cost nothing; every 1.5 seconds,
// nodes send each other what the other one may lack.
//
// Why it is correct: a node is the only writer of its total, which only grows, so
// that it may be written and sent again and merged by taking the maximum. A total
// is gossiped only after it was written: a node that was killed reads all totals
// from the store before it answers, and never shows less than before.
//
// What it costs: two messages for an addition, which is the least for one that
// survives the death of its node: it must be told to someone else, and that one
// must answer. (One client per node waits for its answer, so there is nothing to
// batch.) The gossip of three nodes costs four messages a second at most. With 100
// operations a second, a third of them additions, of which a fifth adds 0: 0.53 +
// 0.04 messages an operation. The price of free reads is staleness: 1.5 seconds, or
// as long as a partition lasts.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"math/rand/v2"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	timeout  = time.Second             // of a request to seq-kv
	interval = 1500 * time.Millisecond // between messages to the same node
)

// totals maps a node to the sum of the additions that it took.
type totals map[string]int

// covers reports whether t has everything that u has.
func (t totals) covers(u totals) bool {
	for id, total := range u {
		if t[id] < total {
			return false
		}
	}
	return true
}

// merge takes what u has and t lacks.
func (t totals) merge(u totals) {
	for id, total := range u {
		t[id] = max(t[id], total)
	}
}

type server struct {
	node  *maelstrom.Node
	kv    *maelstrom.KV
	ready chan struct{} // closed when the totals are read from the store

	adding sync.Mutex // held while the own total is written: totals must not overtake each other

	mu     sync.Mutex
	totals totals
	peers  map[string]*peer
}

// peer is what a node knows about another one.
type peer struct {
	has  totals // what it last sent; nil before that
	owed bool   // it does not know that this node has what it sent
}

func main() {
	n := maelstrom.NewNode()
	s := &server{node: n, kv: maelstrom.NewSeqKV(n), ready: make(chan struct{}), totals: totals{}, peers: map[string]*peer{}}
	n.Handle("init", s.init)
	n.Handle("add", s.add)
	n.Handle("read", s.read)
	n.Handle("gossip", s.gossip)
	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) init(maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.node.NodeIDs() {
		if id != s.node.ID() {
			s.peers[id] = &peer{}
			go s.gossipTo(id, s.peers[id])
		}
	}
	go s.load()
	return nil
}

// load reads the totals that earlier lives of this node and the others wrote. The
// store may answer a read from the past, but never from before a write of the same
// client, and a write that changes something comes last.
func (s *server) load() {
	s.insist(func(ctx context.Context) error {
		return s.kv.Write(ctx, "now-"+s.node.ID(), fmt.Sprintf("%x", rand.Uint64()))
	})
	stored := totals{}
	for _, id := range s.node.NodeIDs() {
		s.insist(func(ctx context.Context) (err error) {
			stored[id], err = s.kv.ReadInt(ctx, id)
			if maelstrom.ErrorCode(err) == maelstrom.KeyDoesNotExist {
				return nil
			}
			return err
		})
	}
	s.mu.Lock()
	s.totals.merge(stored)
	s.mu.Unlock()
	close(s.ready)
}

// insist repeats a request to the store until it succeeds.
func (s *server) insist(request func(context.Context) error) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		err := request(ctx)
		cancel()
		if err == nil {
			return
		}
		log.Printf("seq-kv: %v", err)
	}
}

func (s *server) add(msg maelstrom.Message) error {
	var body struct {
		Delta int `json:"delta"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	<-s.ready
	if body.Delta > 0 {
		s.count(body.Delta)
	}
	return s.node.Reply(msg, map[string]any{"type": "add_ok"})
}

func (s *server) count(delta int) {
	s.adding.Lock()
	defer s.adding.Unlock()
	id := s.node.ID()
	s.mu.Lock()
	total := s.totals[id] + delta
	s.mu.Unlock()
	s.insist(func(ctx context.Context) error { return s.kv.Write(ctx, id, total) })
	s.mu.Lock()
	s.totals[id] = total
	s.mu.Unlock()
}

func (s *server) read(msg maelstrom.Message) error {
	<-s.ready
	sum := 0
	s.mu.Lock()
	for _, total := range s.totals {
		sum += total
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "value": sum})
}

// gossipTo sends a node the totals in every interval in which it may lack some or is
// owed an acknowledgement, which is the totals with its own among them.
func (s *server) gossipTo(id string, p *peer) {
	<-s.ready
	for range time.Tick(interval) {
		s.mu.Lock()
		send := p.has == nil || p.owed || !p.has.covers(s.totals)
		p.owed = false
		body := map[string]any{"type": "gossip", "totals": maps.Clone(s.totals), "has": p.has}
		s.mu.Unlock()
		if send {
			s.node.Send(id, body)
		}
	}
}

// gossip takes the totals of another node.
func (s *server) gossip(msg maelstrom.Message) error {
	var body struct {
		Totals totals `json:"totals"`
		Has    totals `json:"has"` // what the other node knows that this one has
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.peers[msg.Src]; p != nil {
		p.has = body.Totals
		p.owed = body.Has == nil || !body.Has.covers(body.Totals)
		s.totals.merge(body.Totals)
	}
	return nil
}
