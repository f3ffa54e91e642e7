// Everything is forwarded to one leader. The first node keeps all logs and offsets
// in memory, and the others pass every request on to it.
//
// With one node that decides, the program is that of a single node and a proxy. It is
// as consistent as that: every operation is linearizable, so a poll on any node sees
// every send that was answered before. A forwarded send is not repeated when the
// answer does not come, because the leader may have taken it.
//
// What it costs: two messages for every request of a client at another node; with
// two nodes that is half of the requests, so 1 message an operation and a little
// more for commits. Those clients wait for one more trip, and the leader does all the
// work. Cut off from the leader, a node can do nothing; without the leader, nobody
// can, and its memory is lost with it. Nothing is kept in lin-kv.
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
	pollLimit = 2000        // messages that a poll returns at most: Maelstrom's library reads lines of 64 KiB at most
)

type server struct {
	node *maelstrom.Node

	mu        sync.Mutex
	logs      map[string][]int // by key; the index is the offset
	committed map[string]int
}

func main() {
	s := &server{node: maelstrom.NewNode(), logs: map[string][]int{}, committed: map[string]int{}}
	s.node.Handle("send", s.atLeader(s.send))
	s.node.Handle("poll", s.atLeader(s.poll))
	s.node.Handle("commit_offsets", s.atLeader(s.commit))
	s.node.Handle("list_committed_offsets", s.atLeader(s.listCommitted))
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

// atLeader passes a request on to the leader, unless this node is the leader.
func (s *server) atLeader(handle maelstrom.HandlerFunc) maelstrom.HandlerFunc {
	return func(msg maelstrom.Message) error {
		leader := s.node.NodeIDs()[0]
		if s.node.ID() == leader {
			return handle(msg)
		}
		var body map[string]any
		if err := json.Unmarshal(msg.Body, &body); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		answer, err := s.node.SyncRPC(ctx, leader, body)
		if err != nil {
			return err // perhaps the leader has it, perhaps not
		}
		return s.node.Reply(msg, answer.Body)
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
	room := pollLimit
	for key, from := range body.Offsets {
		for offset := from; offset < len(s.logs[key]) && room > 0; offset++ {
			msgs[key] = append(msgs[key], [2]int{offset, s.logs[key][offset]})
			room--
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
