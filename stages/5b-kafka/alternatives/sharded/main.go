// Logs sharded over the nodes by a hash of the key, and stored in lin-kv. The hash
// (FNV) names the node that appends to a key; the others forward sends, polls and
// commits to it. There is no leader of all.
//
// The owner stores message number i of key k under "k/i" before it answers, and keeps
// what it stored in memory. It creates entries with compare-and-set although nobody
// competes: the exception is itself in an earlier life, whose last request may still
// be under way when it comes back and reads its log again. Without an answer from
// lin-kv it tells the client that the outcome is open.
//
// What it costs: two messages for a send, two more if another node owns the key: 1.5
// for each operation with half of them sends; polls need no lin-kv, only the other
// owner: 0.6; commits add 0.2. No compare-and-set is ever lost to another node, unlike
// with an entry per message and no owners. The price: a node that is cut off from the
// owner of a key can neither send nor poll it, although lin-kv is within reach.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	timeout   = time.Second // of a request to another node or to lin-kv
	pollLimit = 2000        // messages that an owner returns at most: Maelstrom's library reads lines of 64 KiB at most
)

type server struct {
	node *maelstrom.Node
	kv   *maelstrom.KV

	mu     sync.Mutex
	topics map[string]*topic // of the keys that this node owns
}

// topic is the log of a key and its committed offset, as they are in lin-kv.
type topic struct {
	writing sync.Mutex // held while lin-kv is asked to change the topic
	loaded  bool       // what lin-kv had is read

	mu        sync.Mutex
	msgs      []int
	committed int // -1 if nothing was
}

func main() {
	n := maelstrom.NewNode()
	s := &server{node: n, kv: maelstrom.NewLinKV(n), topics: map[string]*topic{}}
	n.Handle("send", s.send)
	n.Handle("poll", s.poll)
	n.Handle("commit_offsets", s.commit)
	n.Handle("list_committed_offsets", s.listCommitted)
	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}

// topic returns the topic of a key, which is read from lin-kv the first time.
func (s *server) topic(key string) (*topic, error) {
	s.mu.Lock()
	t := s.topics[key]
	if t == nil {
		t = &topic{committed: -1}
		s.topics[key] = t
	}
	s.mu.Unlock()
	t.writing.Lock()
	defer t.writing.Unlock()
	if t.loaded {
		return t, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	committed, err := s.kv.ReadInt(ctx, committedKey(key))
	switch {
	case err == nil:
		t.committed = committed
	case maelstrom.ErrorCode(err) != maelstrom.KeyDoesNotExist:
		return nil, err
	}
	for {
		value, err := s.kv.ReadInt(ctx, entryKey(key, len(t.msgs)))
		if maelstrom.ErrorCode(err) == maelstrom.KeyDoesNotExist {
			t.loaded = true
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		t.learn(value)
	}
}

func entryKey(key string, offset int) string { return fmt.Sprintf("%s/%d", key, offset) }

func committedKey(key string) string { return "committed/" + key }

func (t *topic) learn(value int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.msgs = append(t.msgs, value)
}

// append stores a message of an own key and returns its offset.
func (s *server) append(key string, value int) (int, error) {
	t, err := s.topic(key)
	if err != nil {
		return 0, err
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for {
		offset := len(t.msgs)
		err := s.kv.CompareAndSwap(ctx, entryKey(key, offset), nil, value, true)
		if err == nil {
			t.learn(value)
			return offset, nil
		}
		if maelstrom.ErrorCode(err) != maelstrom.PreconditionFailed {
			return 0, err
		}
		// A request without an answer was late, and took this place.
		earlier, err := s.kv.ReadInt(ctx, entryKey(key, offset))
		if err != nil {
			return 0, err
		}
		t.learn(earlier)
	}
}

// raise stores a committed offset of an own key unless it is as high already.
func (s *server) raise(key string, offset int) error {
	t, err := s.topic(key)
	if err != nil {
		return err
	}
	t.writing.Lock()
	defer t.writing.Unlock()
	if t.committed >= offset {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for {
		var from any
		if t.committed >= 0 {
			from = t.committed
		}
		err := s.kv.CompareAndSwap(ctx, committedKey(key), from, offset, true)
		if maelstrom.ErrorCode(err) != maelstrom.PreconditionFailed {
			if err == nil {
				t.commit(offset)
			}
			return err
		}
		current, err := s.kv.ReadInt(ctx, committedKey(key))
		if err != nil {
			return err
		}
		t.commit(current)
		if current >= offset {
			return nil
		}
	}
}

func (t *topic) commit(offset int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.committed = offset
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
		var err error
		if answer.Offset, err = s.append(body.Key, body.Msg); err != nil {
			return err
		}
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
			var err error
			if answer.Msgs, err = s.read(offsets); err != nil {
				return err
			}
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
func (s *server) read(offsets map[string]int) (messages, error) {
	msgs := messages{}
	room := pollLimit
	for key, from := range offsets {
		t, err := s.topic(key)
		if err != nil {
			return nil, err
		}
		t.mu.Lock()
		for offset := from; offset < len(t.msgs) && room > 0; offset++ {
			msgs[key] = append(msgs[key], [2]int{offset, t.msgs[offset]})
			room--
		}
		t.mu.Unlock()
	}
	return msgs, nil
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
			for key, offset := range offsets {
				if err := s.raise(key, offset); err != nil {
					return err
				}
			}
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
			for key := range keys {
				t, err := s.topic(key)
				if err != nil {
					return err
				}
				t.mu.Lock()
				if t.committed >= 0 {
					answer.Offsets[key] = t.committed
				}
				t.mu.Unlock()
			}
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
