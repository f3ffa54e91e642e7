// Wrong: a batch is sent once and thrown away. Its author thought of the batches as
// a way to save messages and saved the acknowledgements, too. One lost message now loses
// everything that was collected, for everyone behind that edge.
// Caught by: lost (with partitions), in 20 of 20 seeds
// Command: glomers test 3e ./stages/3e-broadcast/broken/forgets-batch --nemesis partition --seed 1
package main

import (
	"encoding/json"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const flushEvery = 300 * time.Millisecond

type server struct {
	node *maelstrom.Node

	mu     sync.Mutex
	values []int
	known  map[int]bool
	queues map[string][]int // by neighbour
}

func main() {
	s := &server{node: maelstrom.NewNode(), values: []int{}, known: map[int]bool{}, queues: map[string][]int{}}
	s.node.Handle("init", s.init)
	s.node.Handle("topology", s.topology)
	s.node.Handle("broadcast", s.broadcast)
	s.node.Handle("gossip", s.gossip)
	s.node.Handle("read", s.read)
	go func() {
		for range time.Tick(flushEvery) {
			s.flush()
		}
	}()
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

// init makes the first node the hub of a star.
func (s *server) init(maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ids := s.node.NodeIDs(); s.node.ID() != ids[0] {
		s.queues[ids[0]] = nil
	} else {
		for _, spoke := range ids[1:] {
			s.queues[spoke] = nil
		}
	}
	return nil
}

// topology is accepted and ignored.
func (s *server) topology(msg maelstrom.Message) error {
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

// gossip takes values from a neighbour.
func (s *server) gossip(msg maelstrom.Message) error {
	var body struct {
		Messages []int `json:"messages"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.add(msg.Src, body.Messages...)
	return nil
}

// add remembers new values and queues them for all neighbours but the sender.
func (s *server) add(from string, values ...int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		if s.known[v] {
			continue
		}
		s.known[v] = true
		s.values = append(s.values, v)
		for peer := range s.queues {
			if peer != from {
				s.queues[peer] = append(s.queues[peer], v)
			}
		}
	}
}

// flush sends every neighbour its queue.
func (s *server) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for peer, queue := range s.queues {
		if len(queue) == 0 {
			continue
		}
		if err := s.node.Send(peer, map[string]any{"type": "gossip", "messages": queue}); err != nil {
			log.Print(err)
			continue
		}
		s.queues[peer] = nil
	}
}

func (s *server) read(msg maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "messages": s.values})
}
