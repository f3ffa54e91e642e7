// An entry for every message in lin-kv. Message number i of key k is stored under
// "k/i". To append, a node creates the first entry that does not exist yet with
// compare-and-set; if another node was faster, it learns that entry and tries the
// next.
//
// lin-kv lets only one node create an entry, so an offset is never given away twice,
// and the next one is tried only when the one before exists, so a log has no holes.
// Entries never change: what a node has seen need not be read again. All state is in
// lin-kv, and a node may lose its memory.
//
// What it costs: two messages for a send without competition, and for each key of a
// poll at least two, only to learn that there is nothing new: 6 to 7 messages an
// operation. A node that is behind reads entry by entry, one trip each. In return
// a poll sees every send that was answered before it, on whatever node.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	timeout   = time.Second // of a request to lin-kv
	pollLimit = 20          // messages of a key that a poll returns at most
)

type server struct {
	node *maelstrom.Node
	kv   *maelstrom.KV

	mu   sync.Mutex
	logs map[string][]int // the prefix of each log that this node has seen
}

func main() {
	n := maelstrom.NewNode()
	s := &server{node: n, kv: maelstrom.NewLinKV(n), logs: map[string][]int{}}
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

func entry(key string, offset int) string { return fmt.Sprintf("%s/%d", key, offset) }

func (s *server) send(msg maelstrom.Message) error {
	var body struct {
		Key string `json:"key"`
		Msg int    `json:"msg"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	for {
		offset := s.seen(body.Key)
		// Messages are never null: the exchange succeeds only by creating the entry.
		err := call(func(ctx context.Context) error {
			return s.kv.CompareAndSwap(ctx, entry(body.Key, offset), nil, body.Msg, true)
		})
		switch {
		case err == nil:
			s.remember(body.Key, offset, body.Msg)
			return s.node.Reply(msg, map[string]any{"type": "send_ok", "offset": offset})
		case maelstrom.ErrorCode(err) != maelstrom.PreconditionFailed:
			return err // perhaps it was created, perhaps not
		}
		// Someone else has this offset: learn the entry and try the next one.
		if _, err := s.fetch(body.Key, offset); err != nil {
			return err
		}
	}
}

// seen returns the first offset of a key that this node knows nothing about.
func (s *server) seen(key string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.logs[key])
}

func (s *server) remember(key string, offset, value int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if offset == len(s.logs[key]) {
		s.logs[key] = append(s.logs[key], value)
	}
}

// fetch learns the entry of an offset, which is the first unseen one. It reports
// false if the log ends before it.
func (s *server) fetch(key string, offset int) (bool, error) {
	var value int
	err := call(func(ctx context.Context) (err error) {
		value, err = s.kv.ReadInt(ctx, entry(key, offset))
		return err
	})
	if maelstrom.ErrorCode(err) == maelstrom.KeyDoesNotExist {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.remember(key, offset, value)
	return true, nil
}

func (s *server) poll(msg maelstrom.Message) error {
	var body struct {
		Offsets map[string]int `json:"offsets"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for key, from := range body.Offsets {
		wg.Add(1)
		go func() {
			defer wg.Done()
			s.catchUp(key, from+pollLimit)
		}()
	}
	wg.Wait()

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

// catchUp learns the entries of a key up to an offset, as far as there are any.
// If lin-kv does not answer, a poll returns what is known.
func (s *server) catchUp(key string, end int) {
	for offset := s.seen(key); offset < end; offset = s.seen(key) {
		if ok, err := s.fetch(key, offset); !ok || err != nil {
			return
		}
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
