// Wrong: every node keeps logs of its own. Its author started two copies of the program
// for one node, and each works by itself. But an offset means one message on this node
// and another one on that, and a client of one never sees what was sent to the other.
// Caught by: inconsistent-offsets, in 20 of 20 seeds
// Command: glomers test 5b ./stages/5b-kafka/broken/own-logs --seed 1
package main

import (
	"encoding/json"
	"log"
	"sync"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

// pollLimit is how many messages of a key a poll returns at most.
const pollLimit = 100

type server struct {
	node *maelstrom.Node

	mu        sync.Mutex
	logs      map[string][]int // by key; the index is the offset
	committed map[string]int
}

func main() {
	s := &server{node: maelstrom.NewNode(), logs: map[string][]int{}, committed: map[string]int{}}
	s.node.Handle("send", s.send)
	s.node.Handle("poll", s.poll)
	s.node.Handle("commit_offsets", s.commit)
	s.node.Handle("list_committed_offsets", s.listCommitted)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) send(msg maelstrom.Message) error {
	var body struct {
		Key string `json:"key"`
		Msg int    `json:"msg"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	offset := len(s.logs[body.Key])
	s.logs[body.Key] = append(s.logs[body.Key], body.Msg)
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "send_ok", "offset": offset})
}

func (s *server) poll(msg maelstrom.Message) error {
	var body struct {
		Offsets map[string]int `json:"offsets"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	msgs := map[string][][2]int{}
	s.mu.Lock()
	for key, from := range body.Offsets {
		for offset := from; offset < min(from+pollLimit, len(s.logs[key])); offset++ {
			msgs[key] = append(msgs[key], [2]int{offset, s.logs[key][offset]})
		}
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "poll_ok", "msgs": msgs})
}

func (s *server) commit(msg maelstrom.Message) error {
	var body struct {
		Offsets map[string]int `json:"offsets"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	for key, offset := range body.Offsets {
		s.committed[key] = max(s.committed[key], offset) // clients may be late
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "commit_offsets_ok"})
}

func (s *server) listCommitted(msg maelstrom.Message) error {
	var body struct {
		Keys []string `json:"keys"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	offsets := map[string]int{}
	s.mu.Lock()
	for _, key := range body.Keys {
		if offset, ok := s.committed[key]; ok {
			offsets[key] = offset
		}
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "list_committed_offsets_ok", "offsets": offsets})
}
