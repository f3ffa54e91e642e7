// Direct fan-out with acknowledged sends. The node that a value was broadcast on
// sends it straight to all others, again and again to those that do not
// acknowledge it. Nobody passes anything on.
//
// Cost: one hop, and 2(n-1) messages a broadcast: 24 an operation with 25 nodes, as
// in the star, half of them acknowledgements. No node is special, and a
// partition delays only what has to cross it. But all depends on the origin: two
// nodes that both have a value do not help a third one to it. Batches would save
// nothing: there are n(n-1) pairs to batch for, and each sees few values.
package main

import (
	"encoding/json"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

// retryAfter is how long to wait for an acknowledgement: several round trips,
// because a retry that is not needed costs messages.
const retryAfter = time.Second

type server struct {
	node *maelstrom.Node

	mu      sync.Mutex
	values  []int
	known   map[int]bool
	unacked map[string]map[int]time.Time // by peer: when a value was last sent
}

func main() {
	s := &server{node: maelstrom.NewNode(), values: []int{}, known: map[int]bool{}, unacked: map[string]map[int]time.Time{}}
	s.node.Handle("init", s.init)
	s.node.Handle("topology", s.topology)
	s.node.Handle("broadcast", s.broadcast)
	s.node.Handle("gossip", s.gossip)
	s.node.Handle("read", s.read)
	go func() {
		for range time.Tick(retryAfter / 2) {
			s.retry()
		}
	}()
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

// init makes all other nodes peers.
func (s *server) init(maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, peer := range s.node.NodeIDs() {
		if peer != s.node.ID() {
			s.unacked[peer] = map[int]time.Time{}
		}
	}
	return nil
}

// topology is accepted and ignored.
func (s *server) topology(msg maelstrom.Message) error {
	return s.node.Reply(msg, map[string]any{"type": "topology_ok"})
}

// broadcast takes a value from a client and sends it to all peers.
func (s *server) broadcast(msg maelstrom.Message) error {
	var body struct {
		Message int `json:"message"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	s.add([]int{body.Message})
	for peer := range s.unacked {
		s.send(peer, []int{body.Message})
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "broadcast_ok"})
}

// gossip takes values from a peer and acknowledges them.
func (s *server) gossip(msg maelstrom.Message) error {
	var body struct {
		Messages []int `json:"messages"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	s.add(body.Messages)
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "gossip_ok"})
}

// add remembers new values. The caller holds the mutex.
func (s *server) add(values []int) {
	for _, v := range values {
		if !s.known[v] {
			s.known[v] = true
			s.values = append(s.values, v)
		}
	}
}

// retry sends every peer what it should have acknowledged by now, in one
// message.
func (s *server) retry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for peer, unacked := range s.unacked {
		var values []int
		for v, sent := range unacked {
			if time.Since(sent) >= retryAfter {
				values = append(values, v)
			}
		}
		if len(values) > 0 {
			s.send(peer, values)
		}
	}
}

// send sends values to a peer. The caller holds the mutex.
func (s *server) send(peer string, values []int) {
	for _, v := range values {
		s.unacked[peer][v] = time.Now()
	}
	body := map[string]any{"type": "gossip", "messages": values}
	err := s.node.RPC(peer, body, func(maelstrom.Message) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, v := range values {
			delete(s.unacked[peer], v)
		}
		return nil
	})
	if err != nil {
		log.Print(err) // retry will send them again
	}
}

func (s *server) read(msg maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "messages": s.values})
}
