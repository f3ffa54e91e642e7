// Wrong: a node notes what each neighbour knows, and sends it the rest four times
// a second. Its author avoided acknowledgements by noting a value as known when it
// is sent. What was sent into a partition is then known to nobody but the notes.
// Caught by: lost, in 14 of 14 seeds
// Command: glomers test 3c ./stages/3c-broadcast/broken/assumes-delivery --seed 1
package main

import (
	"encoding/json"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const flushEvery = 250 * time.Millisecond

type server struct {
	node *maelstrom.Node

	mu     sync.Mutex
	values []int
	known  map[int]bool
	theirs map[string]map[int]bool // by neighbour: what it knows
}

func main() {
	s := &server{node: maelstrom.NewNode(), values: []int{}, known: map[int]bool{}, theirs: map[string]map[int]bool{}}
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

func (s *server) topology(msg maelstrom.Message) error {
	var body struct {
		Topology map[string][]string `json:"topology"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	for _, peer := range body.Topology[s.node.ID()] {
		if s.theirs[peer] == nil {
			s.theirs[peer] = map[int]bool{}
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

// gossip takes values from a neighbour.
func (s *server) gossip(msg maelstrom.Message) error {
	var body struct {
		Messages []int `json:"messages"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.add(msg.Src, body.Messages)
	return nil
}

// add remembers new values, and that the sender knows them.
func (s *server) add(from string, values []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range values {
		if !s.known[v] {
			s.known[v] = true
			s.values = append(s.values, v)
		}
		if s.theirs[from] != nil {
			s.theirs[from][v] = true
		}
	}
}

// flush sends every neighbour what it does not know.
func (s *server) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for peer, theirs := range s.theirs {
		var news []int
		for _, v := range s.values {
			if !theirs[v] {
				theirs[v] = true
				news = append(news, v)
			}
		}
		if len(news) == 0 {
			continue
		}
		if err := s.node.Send(peer, map[string]any{"type": "gossip", "messages": news}); err != nil {
			log.Print(err)
		}
	}
}

func (s *server) read(msg maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "messages": s.values})
}
