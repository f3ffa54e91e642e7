// Wrong: a send looks up the end of the log under the read lock, and appends under the
// write lock. Its author let the many polls run side by side, and did not want a send
// to shut them out before it has something to write. A read lock cannot become a write
// lock: it is released before the other is taken, and what was read under it may be
// wrong by then. Two sends find the same end, both put their message there, and one
// message is gone. The end must be looked up again under the write lock.
// Caught by: inconsistent-offsets, in 17 of 20 seeds
// Command: glomers test 5b ./stages/5b-kafka/broken/lock-upgrade --engine native --yields 0.3 --seed 1
package main

import (
	"context"
	"encoding/json"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	timeout   = time.Second // of a request to the leader
	pollLimit = 500         // messages that a poll returns at most
)

type server struct {
	node *maelstrom.Node

	mu        sync.RWMutex
	logs      map[string][]int // by key; the index is the offset
	committed map[string]int
}

func main() {
	s := &server{node: maelstrom.NewNode(), logs: map[string][]int{}, committed: map[string]int{}}
	s.handle("send", s.send)
	s.handle("poll", s.poll)
	s.handle("commit_offsets", s.commit)
	s.handle("list_committed_offsets", s.listCommitted)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

// request is the body of every request.
type request struct {
	Key     string         `json:"key"`
	Msg     int            `json:"msg"`
	Offsets map[string]int `json:"offsets"`
	Keys    []string       `json:"keys"`
}

// handle lets the first node answer requests of a type; the others ask it.
func (s *server) handle(kind string, answer func(request) map[string]any) {
	s.node.Handle(kind, func(msg maelstrom.Message) error {
		leader := s.node.NodeIDs()[0]
		if s.node.ID() == leader {
			var r request
			if err := json.Unmarshal(msg.Body, &r); err != nil {
				return err
			}
			body := answer(r)
			body["type"] = kind + "_ok"
			return s.node.Reply(msg, body)
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		reply, err := s.node.SyncRPC(ctx, leader, msg.Body)
		if err != nil {
			return err
		}
		return s.node.Reply(msg, reply.Body)
	})
}

func (s *server) send(r request) map[string]any {
	offset := s.end(r.Key)
	s.put(r.Key, offset, r.Msg)
	return map[string]any{"offset": offset}
}

// end returns the first free offset of a log.
func (s *server) end(key string) int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.logs[key])
}

// put stores a message at an offset.
func (s *server) put(key string, offset, msg int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[key] = append(s.logs[key][:offset], msg)
}

func (s *server) poll(r request) map[string]any {
	s.mu.RLock()
	defer s.mu.RUnlock()
	msgs := map[string][][2]int{}
	left := pollLimit
	for key, from := range r.Offsets {
		for offset := from; offset < len(s.logs[key]) && left > 0; offset++ {
			msgs[key] = append(msgs[key], [2]int{offset, s.logs[key][offset]})
			left--
		}
	}
	return map[string]any{"msgs": msgs}
}

func (s *server) commit(r request) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, offset := range r.Offsets {
		s.committed[key] = max(s.committed[key], offset)
	}
	return map[string]any{}
}

func (s *server) listCommitted(r request) map[string]any {
	s.mu.RLock()
	defer s.mu.RUnlock()
	offsets := map[string]int{}
	for _, key := range r.Keys {
		if offset, ok := s.committed[key]; ok {
			offsets[key] = offset
		}
	}
	return map[string]any{"offsets": offsets}
}
