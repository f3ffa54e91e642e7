// Requeue the batch on timeout. Every neighbour has a queue and one goroutine that
// empties it: it takes everything that waits, sends it in one message, and waits
// for the acknowledgement. If none comes in time it puts the batch back.
//
// Cost: never more than one message in flight to a neighbour, so that a partition
// costs one message a second and edge, and what came meanwhile arrives in one batch
// when it heals. The other side of this: a value waits for the round trip of the
// one before it, or for a timeout when that was lost. An acknowledged value takes
// two messages an edge, on a topology with cycles more than a tree would need.
package main

import (
	"context"
	"encoding/json"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

// timeout is how long to wait for an acknowledgement.
const timeout = time.Second

type server struct {
	node *maelstrom.Node

	mu     sync.Mutex
	values []int
	known  map[int]bool
	queues map[string]*queue // by neighbour
}

// queue holds what a neighbour has not been sent, or has not acknowledged in time.
type queue struct {
	values []int         // guarded by the server's mutex
	filled chan struct{} // has an element when there may be values
}

func main() {
	s := &server{node: maelstrom.NewNode(), values: []int{}, known: map[int]bool{}, queues: map[string]*queue{}}
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
	for _, peer := range body.Topology[s.node.ID()] {
		if s.queues[peer] == nil {
			s.queues[peer] = &queue{filled: make(chan struct{}, 1)}
			go s.deliver(peer, s.queues[peer])
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

// add remembers new values and queues them for all neighbours but the sender.
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
	s.values = append(s.values, fresh...)
	for peer, q := range s.queues {
		if peer != from {
			q.put(fresh)
		}
	}
}

// put adds values to the queue. The caller holds the server's mutex.
func (q *queue) put(values []int) {
	if len(values) == 0 {
		return
	}
	q.values = append(q.values, values...)
	select {
	case q.filled <- struct{}{}:
	default: // it will be emptied anyway
	}
}

// deliver empties a neighbour's queue, a batch at a time.
func (s *server) deliver(peer string, q *queue) {
	for range q.filled {
		s.mu.Lock()
		batch := q.values
		q.values = nil
		s.mu.Unlock()
		if len(batch) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		_, err := s.node.SyncRPC(ctx, peer, map[string]any{"type": "gossip", "messages": batch})
		cancel()
		if err != nil {
			s.mu.Lock()
			q.put(batch)
			s.mu.Unlock()
		}
	}
}

func (s *server) read(msg maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "messages": s.values})
}
