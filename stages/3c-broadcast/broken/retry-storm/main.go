// Wrong: a goroutine for each value and neighbour sends it until it is
// acknowledged, and starts whenever a value arrives, known or not. Its author
// thought that sending too often is safe, because a receiver removes duplicates.
// Each copy that arrives starts further ones: the nodes are soon busy with nothing
// else, and clients wait in vain.
// Caught by: messages without end (the run is stopped, or operations time out)
// Command: glomers test 3c ./stages/3c-broadcast/broken/retry-storm --seed 1
package main

import (
	"context"
	"encoding/json"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

// retryAfter is how long to wait for an acknowledgement.
const retryAfter = 500 * time.Millisecond

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
	var body struct {
		Message int `json:"message"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.add(msg.Src, body.Message)
	return s.node.Reply(msg, map[string]any{"type": "broadcast_ok"})
}

// gossip takes a value from a neighbour and acknowledges it.
func (s *server) gossip(msg maelstrom.Message) error {
	var body struct {
		Message int `json:"message"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.add(msg.Src, body.Message)
	return s.node.Reply(msg, map[string]any{"type": "gossip_ok"})
}

// add remembers a value and passes it on to all neighbours but the sender.
func (s *server) add(from string, v int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known[v] {
		s.known[v] = true
		s.values = append(s.values, v)
	}
	for _, peer := range s.neighbours {
		if peer != from {
			go s.deliver(peer, v)
		}
	}
}

// deliver sends a neighbour a value until it acknowledges it.
func (s *server) deliver(peer string, v int) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), retryAfter)
		_, err := s.node.SyncRPC(ctx, peer, map[string]any{"type": "gossip", "message": v})
		cancel()
		if err == nil {
			return
		}
	}
}

func (s *server) read(msg maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "messages": s.values})
}
