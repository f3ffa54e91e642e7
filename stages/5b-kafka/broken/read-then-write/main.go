// Wrong: a send reads the end of the log, counts it up, writes it back and stores its
// message there. Its author thought that a linearizable store keeps two nodes apart.
// Each read and each write is atomic there, but not the two together: two sends read
// the same end, are answered with the same offset, and one message overwrites the
// other. Compare-and-set makes one of them fail and try again.
// Caught by: inconsistent-offsets, lost-write, in 20 of 20 seeds
// Command: glomers test 5b ./stages/5b-kafka/broken/read-then-write --seed 1
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
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
}

func main() {
	n := maelstrom.NewNode()
	s := &server{n, maelstrom.NewLinKV(n)}
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
	offset, err := s.claim(body.Key)
	if err != nil {
		return err
	}
	err = call(func(ctx context.Context) error {
		return s.kv.Write(ctx, entry(body.Key, offset), body.Msg)
	})
	if err != nil {
		return err
	}
	return s.node.Reply(msg, map[string]any{"type": "send_ok", "offset": offset})
}

func end(key string) string { return "end/" + key }

// claim counts the end of a log up and returns what it was.
func (s *server) claim(key string) (int, error) {
	offset, _, err := s.readInt(end(key)) // 0 if there is none
	if err != nil {
		return 0, err
	}
	err = call(func(ctx context.Context) error { return s.kv.Write(ctx, end(key), offset+1) })
	return offset, err
}

func (s *server) poll(msg maelstrom.Message) error {
	var body struct {
		Offsets map[string]int `json:"offsets"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	msgs := map[string][][2]int{}
	for key, from := range body.Offsets {
		last, _, err := s.readInt(end(key))
		if err != nil {
			return err
		}
		for offset := from; offset < min(from+pollLimit, last); offset++ {
			value, ok, err := s.readInt(entry(key, offset))
			if err != nil {
				return err
			}
			if ok {
				msgs[key] = append(msgs[key], [2]int{offset, value})
			}
		}
	}
	return s.node.Reply(msg, map[string]any{"type": "poll_ok", "msgs": msgs})
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
