// Wrong: the owner of a key sends each new message to the other nodes, and they append
// it to their copies when it arrives. Its author wanted polls to be local, and thought
// that a copy that takes the same messages has the same offsets. It has them if no
// message is lost and none overtakes another: so it passes the challenge, and
// after one lost message every offset of the copy is wrong.
// Caught by: inconsistent-offsets, in 20 of 20 seeds
// Command: glomers test 5c ./stages/5c-kafka/broken/appends-on-arrival --nemesis loss --nemesis-interval 3 --seed 1
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
	logs      map[string][]int // by key; the index is the offset
	committed map[string]int
}

func main() {
	s := &server{node: maelstrom.NewNode(), logs: map[string][]int{}, committed: map[string]int{}}
	s.node.Handle("send", s.send)
	s.node.Handle("copy", s.copy)
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
		if err := s.ask(owner, request, &answer); err != nil {
			return err
		}
	} else {
		answer.Offset = s.append(body.Key, body.Msg)
		for _, id := range s.node.NodeIDs() {
			if id != s.node.ID() {
				s.node.Send(id, map[string]any{"type": "copy", "key": body.Key, "msg": body.Msg})
			}
		}
	}
	return s.node.Reply(msg, map[string]any{"type": "send_ok", "offset": answer.Offset})
}

func (s *server) append(key string, value int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	offset := len(s.logs[key])
	s.logs[key] = append(s.logs[key], value)
	return offset
}

// copy takes a message from the owner of its key.
func (s *server) copy(msg maelstrom.Message) error {
	var body struct {
		Key string `json:"key"`
		Msg int    `json:"msg"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.append(body.Key, body.Msg)
	return nil
}

type messages map[string][][2]int // by key: offset and message

func (s *server) poll(msg maelstrom.Message) error {
	var body struct {
		Offsets map[string]int `json:"offsets"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	return s.node.Reply(msg, map[string]any{"type": "poll_ok", "msgs": s.read(body.Offsets)})
}

// read returns messages that this node knows of.
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
