// Wrong: the totals are never changed but replaced: an update takes the current map,
// makes a changed copy and puts that in its place. Its author thought that whoever
// holds a map that nobody changes needs no lock, and that the two accesses to the
// variable are guarded. So they are, each by itself: of two handlers that start from
// the same map, the second puts back what the first had changed, and an addition
// is gone. A handler is done within some microseconds, so that it takes a second
// message at the same moment, and a goroutine that gives way between two locks.
// Caught by: final-reads, in 9 of 20 seeds
// Command: glomers test 4 ./stages/4-counter/broken/copy-on-write --engine native --yields 0.3 --cpu-cost 400µs --seed 2
package main

import (
	"encoding/json"
	"log"
	"maps"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const interval = 20 * time.Millisecond // between messages to the same node

// totals maps a node to the sum of the additions that it took. It never changes.
type totals map[string]int

// with returns totals in which a node has at least the given total.
func (t totals) with(id string, total int) totals {
	changed := maps.Clone(t)
	if changed == nil {
		changed = totals{}
	}
	changed[id] = max(changed[id], total)
	return changed
}

type server struct {
	node *maelstrom.Node

	mu     sync.Mutex
	totals totals
}

func (s *server) current() totals {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.totals
}

func (s *server) replace(t totals) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.totals = t
}

func main() {
	s := &server{node: maelstrom.NewNode()}
	s.node.Handle("init", s.init)
	s.node.Handle("add", s.add)
	s.node.Handle("read", s.read)
	s.node.Handle("gossip", s.gossip)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) init(maelstrom.Message) error {
	for _, id := range s.node.NodeIDs() {
		if id != s.node.ID() {
			go s.gossipTo(id)
		}
	}
	return nil
}

func (s *server) gossipTo(id string) {
	for range time.Tick(interval) {
		s.node.Send(id, map[string]any{"type": "gossip", "totals": s.current()})
	}
}

func (s *server) gossip(msg maelstrom.Message) error {
	var body struct {
		Totals totals `json:"totals"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	t := s.current()
	for id, total := range body.Totals {
		t = t.with(id, total)
	}
	s.replace(t)
	return nil
}

func (s *server) add(msg maelstrom.Message) error {
	var body struct {
		Delta int `json:"delta"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	t, id := s.current(), s.node.ID()
	s.replace(t.with(id, t[id]+body.Delta))
	return s.node.Reply(msg, map[string]any{"type": "add_ok"})
}

func (s *server) read(msg maelstrom.Message) error {
	sum := 0
	for _, total := range s.current() {
		sum += total
	}
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "value": sum})
}
