// Grid as given, with acknowledged sends. The program of stage 3c on the topology that the
// test suggests: each node passes new values on to its neighbours in the grid
// until they acknowledge them.
//
// Cost: five by five nodes have 40 edges. A value crosses 24 of them to reach
// everyone and each of the other 16 twice, from both ends, for nothing, and each
// message is acknowledged: 112 messages a broadcast, 56 an operation. Corner to
// corner are eight hops, so that a value takes up to 800 ms. It misses all limits of
// the challenge, and is the one to start from: the cycles cost the messages, the
// diameter costs the time. What it buys is a way around nearly any broken link.
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
	unacked map[string]map[int]time.Time // by neighbour: when a value was last sent
}

func main() {
	s := &server{node: maelstrom.NewNode(), values: []int{}, known: map[int]bool{}, unacked: map[string]map[int]time.Time{}}
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

func (s *server) topology(msg maelstrom.Message) error {
	var body struct {
		Topology map[string][]string `json:"topology"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	for _, peer := range body.Topology[s.node.ID()] {
		if s.unacked[peer] == nil {
			s.unacked[peer] = map[int]time.Time{}
		}
	}
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
	s.add(msg.Src, []int{body.Message})
	return s.node.Reply(msg, map[string]any{"type": "broadcast_ok"})
}

// gossip takes values from a neighbour. The acknowledgement says that this node
// now sees to it that they reach the nodes behind it.
func (s *server) gossip(msg maelstrom.Message) error {
	var body struct {
		Messages []int `json:"messages"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.add(msg.Src, body.Messages)
	return s.node.Reply(msg, map[string]any{"type": "gossip_ok"})
}

// add remembers new values and passes them on to all neighbours but the sender.
func (s *server) add(from string, values []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fresh []int
	for _, v := range values {
		if !s.known[v] {
			s.known[v] = true
			fresh = append(fresh, v)
		}
	}
	if len(fresh) == 0 {
		return
	}
	s.values = append(s.values, fresh...)
	for peer := range s.unacked {
		if peer != from {
			s.send(peer, fresh)
		}
	}
}

// retry sends every neighbour what it should have acknowledged by now, in one
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

// send sends values to a neighbour. The caller holds the mutex.
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
