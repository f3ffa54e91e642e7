// Segments of bounded size in lin-kv, written by the owner of the key. The hash of a
// key names the node that appends to it and keeps its log in memory. Messages 0 to 9
// are stored together under "k/0", the next ten under "k/1", and so on; a send
// rewrites the last segment. Other nodes forward sends to the owner and read segments
// for polls. Kafka cuts its logs into segments, too.
//
// The owner is the only writer, and it repeats a write until it succeeds, because a
// reader may have seen it. A full segment never changes, so readers keep it; of the
// last one they read the newest state. lin-kv is linearizable: a poll sees every send
// that was answered before, and needs no other node.
//
// What it costs: two messages for a send, two more if another node owns the key, and
// two for each key of another node in a poll: 3.7 messages an operation, of which
// commits are 0.3. A request carries at most ten entries, where one entry for the
// whole log grows without bound, and a reader fetches ten entries in one trip,
// where an entry for each message takes ten. While a partition lasts, every key
// can be polled and only its owner's side can send to it. An owner that restarts would
// have to read its logs, and write with compare-and-set, as an earlier life's last
// write may still be under way; this one does not.
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
	timeout     = time.Second // of a request to another node or to lin-kv
	segmentSize = 10          // messages
	pollLimit   = 100         // messages of a key that a poll returns at most
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
	writing sync.Mutex // held while a segment is written: writes must not overtake each other

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

// learn takes messages from an offset on, if some of them are new.
func (t *topic) learn(offset int, msgs []int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if end := offset + len(msgs); end > len(t.msgs) {
		t.msgs = append(t.msgs, msgs[len(t.msgs)-offset:]...)
	}
}

func segmentKey(key string, number int) string { return fmt.Sprintf("%s/%d", key, number) }

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
	msgs := t.known()
	offset := len(msgs)
	first := offset - offset%segmentSize
	segment := append(append([]int{}, msgs[first:]...), value)
	for {
		err := call(func(ctx context.Context) error {
			return s.kv.Write(ctx, segmentKey(key, offset/segmentSize), segment)
		})
		if err == nil {
			break
		}
		log.Printf("write a segment of key %s: %v", key, err)
	}
	t.learn(offset, []int{value})
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
	for key, from := range body.Offsets {
		if s.owner(key) != s.node.ID() {
			wg.Add(1)
			go func() {
				defer wg.Done()
				s.refresh(key, from+pollLimit)
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

// refresh reads segments of another node's key up to an offset, as far as there are
// any. If lin-kv does not answer, a poll returns what is known.
func (s *server) refresh(key string, end int) {
	t := s.topic(key)
	for offset := len(t.known()); offset < end; offset = len(t.known()) {
		number := offset / segmentSize
		var segment []int
		err := call(func(ctx context.Context) error {
			return s.kv.ReadInto(ctx, segmentKey(key, number), &segment)
		})
		if err != nil {
			return
		}
		t.learn(number*segmentSize, segment)
		if len(segment) < segmentSize {
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
