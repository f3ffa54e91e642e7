// One counter for the offsets of all keys, and binary search in each log. A message
// gets the number of messages taken before it, whatever their keys. So the offsets
// of a key have gaps, and a poll looks for the first one that it asks for.
//
// The specification wants offsets that grow and polls that leave nothing out, not
// offsets without gaps. With stored offsets a log may also lose its beginning, as
// Kafka's retention does, and offsets from elsewhere fit in. The price is a second
// number for each message and O(log n) to find the first one, where an index finds
// it at once. No messages between servers: there is one.
package main

import (
	"cmp"
	"encoding/json"
	"log"
	"slices"
	"sync"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

// pollLimit is how many messages of a key a poll returns at most.
const pollLimit = 100

type server struct {
	node *maelstrom.Node

	mu        sync.Mutex
	next      int                 // offset, of whatever key
	logs      map[string][][2]int // by key: offset and message, in the order of offsets
	committed map[string]int
}

func main() {
	s := &server{node: maelstrom.NewNode(), logs: map[string][][2]int{}, committed: map[string]int{}}
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
	offset := s.next
	s.next++
	s.logs[body.Key] = append(s.logs[body.Key], [2]int{offset, body.Msg})
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
		entries := s.logs[key]
		first, _ := slices.BinarySearchFunc(entries, from, func(e [2]int, offset int) int { return cmp.Compare(e[0], offset) })
		if first < len(entries) {
			msgs[key] = entries[first:min(first+pollLimit, len(entries))]
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
