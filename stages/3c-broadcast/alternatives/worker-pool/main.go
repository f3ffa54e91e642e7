// Worker pool with RPC timeouts and jittered retry. A new value becomes a job for
// each neighbour but the sender. A fixed number of workers take jobs, wait for the
// acknowledgement, and put a job that failed back after a pause that doubles each
// time, up to two seconds, and is drawn at random so that retries spread out.
//
// Cost: two messages an edge and value, at most as many in flight as there are
// workers. The pause keeps an unreachable neighbour from blocking the pool, since
// no worker waits during it; still, every attempt holds a worker until it times
// out, and in a long partition these attempts slow down the values for everyone
// else. Each value is retried on its own: after a partition the whole backlog
// goes out one by one. The batch of a queue per neighbour does the same with one
// message.
package main

import (
	"context"
	"encoding/json"
	"log"
	"math/rand/v2"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	workers    = 16
	timeout    = 200 * time.Millisecond // for an acknowledgement
	firstPause = 200 * time.Millisecond
	mostPause  = 2 * time.Second
)

type server struct {
	node *maelstrom.Node

	jobs chan job

	mu         sync.Mutex
	values     []int
	known      map[int]bool
	neighbours []string
}

// job is a value that a neighbour may not have.
type job struct {
	peer  string
	value int
	pause time.Duration // before the next attempt, if this one fails
}

func main() {
	s := &server{node: maelstrom.NewNode(), jobs: make(chan job), values: []int{}, known: map[int]bool{}}
	s.node.Handle("topology", s.topology)
	s.node.Handle("broadcast", s.broadcast)
	s.node.Handle("gossip", s.gossip)
	s.node.Handle("read", s.read)
	for range workers {
		go s.work()
	}
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

// gossip takes a value from a neighbour. The acknowledgement says that this node
// now sees to it that the value reaches the nodes behind it.
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

// add remembers a new value and makes it a job for each neighbour but the sender.
func (s *server) add(from string, value int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known[value] {
		return
	}
	s.known[value] = true
	s.values = append(s.values, value)
	for _, peer := range s.neighbours {
		if peer != from {
			go s.enqueue(job{peer, value, firstPause})
		}
	}
}

// enqueue waits until a worker takes the job.
func (s *server) enqueue(j job) { s.jobs <- j }

func (s *server) work() {
	for j := range s.jobs {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		_, err := s.node.SyncRPC(ctx, j.peer, map[string]any{"type": "gossip", "message": j.value})
		cancel()
		if err != nil {
			again := job{j.peer, j.value, min(2*j.pause, mostPause)}
			time.AfterFunc(j.pause/2+rand.N(j.pause), func() { s.enqueue(again) })
		}
	}
}

func (s *server) read(msg maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "messages": s.values})
}
