// Wrong: a value reaches the neighbours of the node that it came to, and nobody
// passes it on. Its author tried it with two nodes, which are each other's
// neighbours. The topology that the test suggests is a grid: with three nodes or
// more, some are not neighbours.
// Caught by: lost, in 51 of 51 seeds
// Command: glomers test 3b ./stages/3b-broadcast/broken/one-hop --seed 1
package main

import (
	"encoding/json"
	"log"
	"slices"
	"sync"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

type server struct {
	node *maelstrom.Node

	mu         sync.Mutex
	values     []int
	known      map[int]bool
	neighbours []string
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

func (s *server) topology(msg maelstrom.Message) error {
	var body struct {
		Topology map[string][]string `json:"topology"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	s.neighbours = body.Topology[s.node.ID()]
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "topology_ok"})
}

// broadcast takes a value from a client.
func (s *server) broadcast(msg maelstrom.Message) error {
	if err := s.gossip(msg); err != nil {
		return err
	}
	return s.node.Reply(msg, map[string]any{"type": "broadcast_ok"})
}

// gossip takes a value from anyone. Those from clients are passed on.
func (s *server) gossip(msg maelstrom.Message) error {
	var body struct {
		Message int `json:"message"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[body.Message] {
		return nil
	}
	s.known[body.Message] = true
	s.values = append(s.values, body.Message)
	if slices.Contains(s.node.NodeIDs(), msg.Src) {
		return nil
	}
	for _, peer := range s.neighbours {
		if err := s.node.Send(peer, map[string]any{"type": "gossip", "message": body.Message}); err != nil {
			return err
		}
	}
	return nil
}

func (s *server) read(msg maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "messages": s.values})
}
