// A vector of totals, one for each node, and no store at all. Every node counts its
// own additions in memory; twice a second, nodes send each other their vectors,
// and merge them by taking the maximum of each total. This is the G-counter, the
// first example of a state-based CRDT (Shapiro et al., 2011).
//
// Merging is commutative, associative and idempotent, so messages may be lost,
// repeated and reordered; it is enough that one arrives in the end. Additions and
// reads touch only memory, so they succeed whatever the network does.
//
// What it costs: three nodes send twelve messages a second at most, 0.12 an
// operation at 100 a second, and less with a longer interval: the cost does not
// depend on the load. A message has an entry for every node. The price: an addition
// is acknowledged while only one node knows it. If that node is killed before it
// gossips, the addition is lost; and when it comes back, it counts from 0 until it
// hears its own total from another node, so that what it takes meanwhile is lost as
// well. That is why this design fails the hard mode.
package main

import (
	"encoding/json"
	"log"
	"maps"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const interval = 500 * time.Millisecond // between messages to the same node

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
	node *maelstrom.Node

	mu     sync.Mutex
	totals totals
	peers  map[string]*peer
}

// peer is what a node knows about another one.
type peer struct {
	has  totals // what it last sent
	owed bool   // it does not know that this node has what it sent
}

func main() {
	n := maelstrom.NewNode()
	s := &server{node: n, totals: totals{}, peers: map[string]*peer{}}
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
	return nil
}

func (s *server) add(msg maelstrom.Message) error {
	var body struct {
		Delta int `json:"delta"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	s.totals[s.node.ID()] += body.Delta
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "add_ok"})
}

func (s *server) read(msg maelstrom.Message) error {
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
	for range time.Tick(interval) {
		s.mu.Lock()
		send := p.owed || !p.has.covers(s.totals)
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
		p.owed = !body.Has.covers(body.Totals)
		s.totals.merge(body.Totals)
	}
	return nil
}
