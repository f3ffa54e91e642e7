// One entry in lin-kv for each key, written by the owner of the key. The hash of a
// key names the node that appends to it and keeps its log in memory; a send stores the
// whole log under the key. Other nodes forward sends to the owner and read the entry
// for polls.
//
// The owner is the only writer, and it repeats a write until it succeeds, because a
// reader may have seen it. lin-kv is linearizable: a poll sees every send that was
// answered before, and needs no other node.
//
// What it costs: two messages for a send, two more if another node owns the key, and
// two for each key of another node in a poll: 3.7 messages an operation, of which
// commits are 0.3. But every one of them carries the whole log, so n sends to a key
// move n*n/2 messages' worth of bytes. Segments mend that. While a partition lasts,
// every key can be polled and only its owner's side can send to it. An owner that
// restarts would have to read its logs first; this one does not.
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
	timeout   = time.Second // of a request to another node or to lin-kv
	pollLimit = 100         // messages of a key that a poll returns at most
)

type server struct {
	node *maelstrom.Node
	kv   *maelstrom.KV

	mu     sync.Mutex
	topics map[string]*topic
}

// topic is what this node knows of a key's log: all of it if it is the owner, else
// what it has read.
type topic struct {
	writing sync.Mutex // held while the log is written: writes must not overtake each other

	mu   sync.Mutex
	msgs []int
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

// call gives f a context that ends after the timeout.
func call(f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return f(ctx)
}

// owner returns the node that appends to a key.
func (s *server) owner(key string) string {
	h := fnv.New32a()
	h.Write([]byte(key))
	ids := s.node.NodeIDs()
	return ids[h.Sum32()%uint32(len(ids))]
}

func (s *server) topic(key string) *topic {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics[key] == nil {
		s.topics[key] = &topic{}
	}
	return s.topics[key]
}

// known returns the messages that this node knows of; they never change.
func (t *topic) known() []int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.msgs
}

// learn takes a log that was written or read, unless a longer one is known.
func (t *topic) learn(msgs []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(msgs) > len(t.msgs) {
		t.msgs = msgs
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
	if owner := s.owner(body.Key); owner != s.node.ID() {
		return s.forward(owner, msg, map[string]any{"type": "send", "key": body.Key, "msg": body.Msg})
	}
	offset := s.append(body.Key, body.Msg)
	return s.node.Reply(msg, map[string]any{"type": "send_ok", "offset": offset})
}

// forward passes a request on and its answer back. The request is not repeated: the
// owner may have taken it.
func (s *server) forward(owner string, msg maelstrom.Message, body map[string]any) error {
	return call(func(ctx context.Context) error {
		answer, err := s.node.SyncRPC(ctx, owner, body)
		if err != nil {
			return err
		}
		return s.node.Reply(msg, answer.Body)
	})
}

// append stores a message of an own key and returns its offset.
func (s *server) append(key string, value int) int {
	t := s.topic(key)
	t.writing.Lock()
	defer t.writing.Unlock()
	known := t.known()
	offset := len(known)
	msgs := append(known[:offset:offset], value) // a copy: others read the old one
	for {
		err := call(func(ctx context.Context) error { return s.kv.Write(ctx, key, msgs) })
		if err == nil {
			break
		}
		log.Printf("write the log of key %s: %v", key, err)
	}
	t.learn(msgs)
	return offset
}

func (s *server) poll(msg maelstrom.Message) error {
	var body struct {
		Offsets map[string]int `json:"offsets"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for key := range body.Offsets {
		if s.owner(key) != s.node.ID() {
			wg.Add(1)
			go func() {
				defer wg.Done()
				s.refresh(key)
			}()
		}
	}
	wg.Wait()
	msgs := map[string][][2]int{}
	for key, from := range body.Offsets {
		known := s.topic(key).known()
		for offset := from; offset < min(from+pollLimit, len(known)); offset++ {
			msgs[key] = append(msgs[key], [2]int{offset, known[offset]})
		}
	}
	return s.node.Reply(msg, map[string]any{"type": "poll_ok", "msgs": msgs})
}

// refresh reads the log of another node's key. If lin-kv does not answer, a poll
// returns what is known.
func (s *server) refresh(key string) {
	var msgs []int
	err := call(func(ctx context.Context) error { return s.kv.ReadInto(ctx, key, &msgs) })
	if err == nil {
		s.topic(key).learn(msgs)
	}
}

func committed(key string) string { return "committed/" + key }

func (s *server) commit(msg maelstrom.Message) error {
	var body struct {
		Offsets map[string]int `json:"offsets"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	for key, offset := range body.Offsets {
		if err := s.raise(committed(key), offset); err != nil {
			return err
		}
	}
	return s.node.Reply(msg, map[string]any{"type": "commit_offsets_ok"})
}

// raise sets an entry of lin-kv to a value unless it is as high already.
func (s *server) raise(key string, value int) error {
	for {
		current, ok, err := s.readInt(key)
		if err != nil {
			return err
		}
		if ok && current >= value {
			return nil
		}
		var from any
		if ok {
			from = current
		}
		err = call(func(ctx context.Context) error {
			return s.kv.CompareAndSwap(ctx, key, from, value, true)
		})
		if maelstrom.ErrorCode(err) != maelstrom.PreconditionFailed {
			return err
		}
	}
}

func (s *server) readInt(key string) (value int, ok bool, err error) {
	err = call(func(ctx context.Context) (err error) {
		value, err = s.kv.ReadInt(ctx, key)
		return err
	})
	if maelstrom.ErrorCode(err) == maelstrom.KeyDoesNotExist {
		return 0, false, nil
	}
	return value, err == nil, err
}

func (s *server) listCommitted(msg maelstrom.Message) error {
	var body struct {
		Keys []string `json:"keys"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	offsets := map[string]int{}
	for _, key := range body.Keys {
		offset, ok, err := s.readInt(committed(key))
		if err != nil {
			return err
		}
		if ok {
			offsets[key] = offset
		}
	}
	return s.node.Reply(msg, map[string]any{"type": "list_committed_offsets_ok", "offsets": offsets})
}
