// Wrong: each value is sent to all other nodes, once. Its author thought that a
// message that was sent arrives, as it did in every run without a partition. Send
// returns no error for a message that the network drops: nobody can know but the
// receiver, who does not know what to expect.
// Caught by: lost, in 16 of 16 seeds
// Command: glomers test 3c ./stages/3c-broadcast/broken/all-to-all-once --seed 1
package main

import (
	"encoding/json"
	"log"
	"sync"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

type server struct {
	node *maelstrom.Node

	mu     sync.Mutex
	values []int
	known  map[int]bool
}

func main() {
	s := &server{node: maelstrom.NewNode(), values: []int{}, known: map[int]bool{}}
	s.node.Handle("topology", s.topology)
	s.node.Handle("broadcast", s.broadcast)
	s.node.Handle("gossip", s.gossip)
	s.node.Handle("read", s.read)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

// topology is accepted and ignored.
func (s *server) topology(msg maelstrom.Message) error {
	return s.node.Reply(msg, map[string]any{"type": "topology_ok"})
}

// broadcast takes a value from a client and sends it to all others.
func (s *server) broadcast(msg maelstrom.Message) error {
	var body struct {
		Message int `json:"message"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.add(body.Message)
	for _, peer := range s.node.NodeIDs() {
		if peer == s.node.ID() {
			continue
		}
		if err := s.node.Send(peer, map[string]any{"type": "gossip", "message": body.Message}); err != nil {
			return err
		}
	}
	return s.node.Reply(msg, map[string]any{"type": "broadcast_ok"})
}

// gossip takes a value from another node.
func (s *server) gossip(msg maelstrom.Message) error {
	var body struct {
		Message int `json:"message"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.add(body.Message)
	return nil
}

// add remembers a value. One that comes twice is there once.
func (s *server) add(v int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known[v] {
		s.known[v] = true
		s.values = append(s.values, v)
	}
}

func (s *server) read(msg maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "messages": s.values})
}
