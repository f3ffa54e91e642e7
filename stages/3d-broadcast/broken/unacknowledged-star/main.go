// Wrong: a star without acknowledgements. It has half of the messages of the one
// with them and keeps all limits, and its author thought that the challenge asks
// for nothing else. It does not, until the network loses a message: stage 3d is
// 3c with a limit, not without partitions.
// Caught by: lost (with partitions), in 20 of 20 seeds
// Command: glomers test 3d ./stages/3d-broadcast/broken/unacknowledged-star --nemesis partition --seed 1
package main

import (
	"encoding/json"
	"log"
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
	s.node.Handle("init", s.init)
	s.node.Handle("topology", s.topology)
	s.node.Handle("broadcast", s.broadcast)
	s.node.Handle("gossip", s.gossip)
	s.node.Handle("read", s.read)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

// init makes the first node the hub of a star.
func (s *server) init(maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ids := s.node.NodeIDs(); s.node.ID() != ids[0] {
		s.neighbours = ids[:1]
	} else {
		s.neighbours = ids[1:]
	}
	return nil
}

// topology is accepted and ignored.
func (s *server) topology(msg maelstrom.Message) error {
	return s.node.Reply(msg, map[string]any{"type": "topology_ok"})
}

// broadcast takes a value from a client.
func (s *server) broadcast(msg maelstrom.Message) error {
	if err := s.gossip(msg); err != nil {
		return err
	}
	return s.node.Reply(msg, map[string]any{"type": "broadcast_ok"})
}

// gossip takes a value from anyone and passes it on if it is new. Without that
// condition it would travel in circles for ever.
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
	for _, peer := range s.neighbours {
		if peer == msg.Src {
			continue
		}
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
