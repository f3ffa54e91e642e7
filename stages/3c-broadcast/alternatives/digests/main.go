// Anti-entropy with digests. Twice a second every node tells one neighbour, chosen at random,
// how many values it has of each node. The neighbour answers with those that the
// first one lacks, and asks for those that it lacks itself. New values are not
// announced in any other way: no acknowledgements, no retries, no queues.
//
// Cost: messages depend on time, not on the load: two a second and node when
// there is nothing to tell, up to twice that when there is. A digest is as long as
// there are nodes. After a partition two nodes exchange everything in one round,
// however much it is. The price is latency: a value needs about log2(n) rounds to reach
// everyone, some seconds here, and which node hears last is chance. It is the
// repair half of epidemic algorithms (Demers and others, 1987); real systems add
// a quick half that announces new values at once.
package main

import (
	"encoding/json"
	"log"
	"math/rand/v2"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const digestEvery = 500 * time.Millisecond

type server struct {
	node *maelstrom.Node

	mu         sync.Mutex
	values     []int            // all of them
	streams    map[string][]int // by the node that they were broadcast on
	neighbours []string
}

// digest says how many values of each node its sender has.
type digest struct {
	Type string         `json:"type"`
	Have map[string]int `json:"have"`
}

// missing answers a digest. Have is the sender's own digest if it lacks something,
// too.
type missing struct {
	Type    string           `json:"type"`
	Streams map[string]batch `json:"streams"`
	Have    map[string]int   `json:"have,omitempty"`
}

// batch is the values of a node from the First on.
type batch struct {
	First  int   `json:"first"`
	Values []int `json:"values"`
}

func main() {
	s := &server{node: maelstrom.NewNode(), values: []int{}, streams: map[string][]int{}}
	s.node.Handle("topology", s.topology)
	s.node.Handle("broadcast", s.broadcast)
	s.node.Handle("digest", s.digest)
	s.node.Handle("missing", s.missing)
	s.node.Handle("read", s.read)
	go func() {
		for range time.Tick(digestEvery) {
			s.gossip()
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
	s.mu.Lock()
	s.add(s.node.ID(), batch{len(s.streams[s.node.ID()]), []int{body.Message}})
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "broadcast_ok"})
}

// add remembers the values of a batch that follow the known ones. The caller
// holds the mutex.
func (s *server) add(origin string, b batch) {
	if skip := len(s.streams[origin]) - b.First; skip >= 0 && skip < len(b.Values) {
		s.streams[origin] = append(s.streams[origin], b.Values[skip:]...)
		s.values = append(s.values, b.Values[skip:]...)
	}
}

// gossip sends a random neighbour this node's digest.
func (s *server) gossip() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.neighbours) > 0 {
		s.send(s.neighbours[rand.IntN(len(s.neighbours))], digest{"digest", s.have()})
	}
}

// have returns this node's digest. The caller holds the mutex.
func (s *server) have() map[string]int {
	have := map[string]int{}
	for origin, values := range s.streams {
		have[origin] = len(values)
	}
	return have
}

// digest answers with what the sender lacks and asks for what this node lacks.
func (s *server) digest(msg maelstrom.Message) error {
	var body digest
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := missing{Type: "missing", Streams: s.after(body.Have)}
	for origin, n := range body.Have {
		if n > len(s.streams[origin]) {
			answer.Have = s.have()
		}
	}
	if len(answer.Streams) > 0 || answer.Have != nil {
		s.send(msg.Src, answer)
	}
	return nil
}

// missing takes what this node lacked and answers a question for more.
func (s *server) missing(msg maelstrom.Message) error {
	var body missing
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for origin, b := range body.Streams {
		s.add(origin, b)
	}
	if body.Have != nil {
		s.send(msg.Src, missing{Type: "missing", Streams: s.after(body.Have)})
	}
	return nil
}

// after returns the values that somebody with the given digest lacks. The caller
// holds the mutex.
func (s *server) after(have map[string]int) map[string]batch {
	streams := map[string]batch{}
	for origin, values := range s.streams {
		if n := have[origin]; n < len(values) {
			streams[origin] = batch{n, values[n:]}
		}
	}
	return streams
}

func (s *server) send(to string, body any) {
	if err := s.node.Send(to, body); err != nil {
		log.Print(err) // the next digest will do
	}
}

func (s *server) read(msg maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "messages": s.values})
}
