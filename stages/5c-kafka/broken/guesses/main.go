// Wrong: a node answers a send before the owner of the key has it, with the offset that
// it expects. Its author wanted to save the client the trip to the owner. The owner
// takes other messages meanwhile, and the message ends up somewhere else.
// Caught by: inconsistent-offsets, in 20 of 20 seeds
// Command: glomers test 5c ./stages/5c-kafka/broken/guesses --seed 1
package main

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	timeout   = time.Second // of a request to another node
	pollLimit = 100         // messages of a key that a poll returns at most
)

type server struct {
	node *maelstrom.Node

	mu        sync.Mutex
	logs      map[string][]int // of the keys that this node owns
	committed map[string]int
	guesses   map[string]int
}

func main() {
	s := &server{node: maelstrom.NewNode(), logs: map[string][]int{}, committed: map[string]int{}, guesses: map[string]int{}}
	s.node.Handle("send", s.send)
	s.node.Handle("poll", s.poll)
	s.node.Handle("commit_offsets", s.commit)
	s.node.Handle("list_committed_offsets", s.listCommitted)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

// owner returns the node that a key belongs to.
func (s *server) owner(key string) string {
	h := fnv.New32a()
	h.Write([]byte(key))
	ids := s.node.NodeIDs()
	return ids[h.Sum32()%uint32(len(ids))]
}

// ask sends a request to another node and decodes its answer.
func (s *server) ask(node string, request map[string]any, answer any) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	msg, err := s.node.SyncRPC(ctx, node, request)
	if err != nil {
		return err
	}
	return json.Unmarshal(msg.Body, answer)
}

// split groups keys by their owners.
func split[V any](s *server, keys map[string]V) map[string]map[string]V {
	byOwner := map[string]map[string]V{}
	for key, v := range keys {
		owner := s.owner(key)
		if byOwner[owner] == nil {
			byOwner[owner] = map[string]V{}
		}
		byOwner[owner][key] = v
	}
	return byOwner
}

func (s *server) send(msg maelstrom.Message) error {
	var body struct {
		Key string `json:"key"`
		Msg int    `json:"msg"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	var answer struct {
		Offset int `json:"offset"`
	}
	if owner := s.owner(body.Key); owner != s.node.ID() {
		request := map[string]any{"type": "send", "key": body.Key, "msg": body.Msg}
		if err := s.node.RPC(owner, request, func(maelstrom.Message) error { return nil }); err != nil {
			return err
		}
		s.mu.Lock()
		answer.Offset = s.guesses[body.Key]
		s.guesses[body.Key]++
		s.mu.Unlock()
	} else {
		s.mu.Lock()
		answer.Offset = len(s.logs[body.Key])
		s.logs[body.Key] = append(s.logs[body.Key], body.Msg)
		s.mu.Unlock()
	}
	return s.node.Reply(msg, map[string]any{"type": "send_ok", "offset": answer.Offset})
}

type messages map[string][][2]int // by key: offset and message

func (s *server) poll(msg maelstrom.Message) error {
	var body struct {
		Offsets map[string]int `json:"offsets"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	msgs := messages{}
	for owner, offsets := range split(s, body.Offsets) {
		var answer struct {
			Msgs messages `json:"msgs"`
		}
		if owner == s.node.ID() {
			answer.Msgs = s.read(offsets)
		} else if err := s.ask(owner, map[string]any{"type": "poll", "offsets": offsets}, &answer); err != nil {
			return err
		}
		for key, m := range answer.Msgs {
			msgs[key] = m
		}
	}
	return s.node.Reply(msg, map[string]any{"type": "poll_ok", "msgs": msgs})
}

// read returns messages of keys that this node owns.
func (s *server) read(offsets map[string]int) messages {
	s.mu.Lock()
	defer s.mu.Unlock()
	msgs := messages{}
	for key, from := range offsets {
		for offset := from; offset < min(from+pollLimit, len(s.logs[key])); offset++ {
			msgs[key] = append(msgs[key], [2]int{offset, s.logs[key][offset]})
		}
	}
	return msgs
}

func (s *server) commit(msg maelstrom.Message) error {
	var body struct {
		Offsets map[string]int `json:"offsets"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	for owner, offsets := range split(s, body.Offsets) {
		if owner == s.node.ID() {
			s.mu.Lock()
			for key, offset := range offsets {
				s.committed[key] = max(s.committed[key], offset) // clients may be late
			}
			s.mu.Unlock()
		} else if err := s.ask(owner, map[string]any{"type": "commit_offsets", "offsets": offsets}, &struct{}{}); err != nil {
			return err
		}
	}
	return s.node.Reply(msg, map[string]any{"type": "commit_offsets_ok"})
}

func (s *server) listCommitted(msg maelstrom.Message) error {
	var body struct {
		Keys []string `json:"keys"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, key := range body.Keys {
		wanted[key] = true
	}
	var answer struct {
		Offsets map[string]int `json:"offsets"`
	}
	answer.Offsets = map[string]int{} // decoding adds to it
	for owner, keys := range split(s, wanted) {
		if owner == s.node.ID() {
			s.mu.Lock()
			for key := range keys {
				if offset, ok := s.committed[key]; ok {
					answer.Offsets[key] = offset
				}
			}
			s.mu.Unlock()
			continue
		}
		list := make([]string, 0, len(keys))
		for key := range keys {
			list = append(list, key)
		}
		if err := s.ask(owner, map[string]any{"type": "list_committed_offsets", "keys": list}, &answer); err != nil {
			return err
		}
	}
	return s.node.Reply(msg, map[string]any{"type": "list_committed_offsets_ok", "offsets": answer.Offsets})
}
