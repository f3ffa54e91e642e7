// One shared log in lin-kv, from which every node computes all logs. Slot number p
// of it, under the key "slot/p", is a batch of sends and commits. A node appends by
// creating the first free slot with compare-and-set, and applies the slots in their
// order; so all nodes compute the same logs and the same offsets. This is state
// machine replication, with lin-kv in the place of a consensus protocol.
//
// Why it is correct: lin-kv creates a slot once, and slots never change. Sends and
// commits are answered when their slot exists. Whether an unanswered compare-and-set
// took effect is seen by reading the slot: it holds this batch, or another one, and
// then this batch can never get into it. All that counts is in lin-kv: a node that
// restarts reads the slots again.
//
// What it costs: a batch is two messages to and from lin-kv and one hint to every
// other node, which saves that node from asking for the slot. A hint may get lost;
// then a compare-and-set fails and the node reads what it missed. Polls are
// answered from memory and cost nothing, at the price that they may be old: by the
// time a hint takes, or by the refresh interval if it was lost. All keys share one
// sequence, so a batch carries sends and commits of many keys; but two nodes that
// append at the same time collide even on different keys, and one has to try again.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	timeout   = time.Second            // of a request to lin-kv
	linger    = time.Millisecond       // how long a batch waits for company
	refresh   = 100 * time.Millisecond // when polled, a node that heard nothing for so long asks lin-kv
	readAhead = 64                     // slots that a node far behind reads at a time
	pollLimit = 100                    // messages of a key that a poll returns at most
)

// batch is the content of a slot.
type batch struct {
	ID      string         `json:"id"` // tells this batch from all others
	Sends   []entry        `json:"sends"`
	Commits map[string]int `json:"commits"`
}

type entry struct {
	Key string `json:"key"`
	Msg int    `json:"msg"`
}

// request is a send or a commit that waits for its slot.
type request struct {
	send    *entry
	commits map[string]int
	done    chan int // gets the offset of a send
}

type server struct {
	node *maelstrom.Node
	kv   *maelstrom.KV
	wake chan struct{} // holds a token if there are requests, or the node should ask for news

	mu        sync.Mutex
	queue     []request
	next      int              // the first slot that is not applied
	heard     time.Time        // when the last one was
	hints     map[int]batch    // slots that came before their predecessors
	logs      map[string][]int // by key; the index is the offset
	committed map[string]int
}

func main() {
	n := maelstrom.NewNode()
	s := &server{
		node: n, kv: maelstrom.NewLinKV(n), wake: make(chan struct{}, 1),
		hints: map[int]batch{}, logs: map[string][]int{}, committed: map[string]int{},
	}
	n.Handle("init", s.init)
	n.Handle("send", s.send)
	n.Handle("poll", s.poll)
	n.Handle("commit_offsets", s.commit)
	n.Handle("list_committed_offsets", s.listCommitted)
	n.Handle("hint", s.hint)
	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) init(maelstrom.Message) error {
	go s.appendBatches()
	return nil
}

func (s *server) awake() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake
	}
}

// enqueue waits until a request is in a slot and applied. It returns the offset of
// a send.
func (s *server) enqueue(r request) int {
	r.done = make(chan int, 1)
	s.mu.Lock()
	s.queue = append(s.queue, r)
	s.mu.Unlock()
	s.awake()
	return <-r.done
}

// appendBatches appends what is queued, one batch at a time.
func (s *server) appendBatches() {
	s.catchUp() // an earlier life of this node may have left something
	for range s.wake {
		time.Sleep(linger)
		s.mu.Lock()
		requests := s.queue
		s.queue = nil
		old := time.Since(s.heard) > refresh
		s.mu.Unlock()
		if len(requests) == 0 {
			if old {
				s.catchUp()
			}
			continue
		}
		b := batch{ID: fmt.Sprintf("%x", rand.Uint64()), Commits: map[string]int{}}
		for _, r := range requests {
			if r.send != nil {
				b.Sends = append(b.Sends, *r.send)
			}
			for key, offset := range r.commits {
				b.Commits[key] = max(b.Commits[key], offset)
			}
		}
		offsets := s.appendBatch(b)
		for _, r := range requests {
			offset := 0
			if r.send != nil {
				offset, offsets = offsets[0], offsets[1:]
			}
			r.done <- offset
		}
	}
}

// appendBatch tries one slot after the other until the batch has one. It returns
// the offsets of the sends.
func (s *server) appendBatch(b batch) []int {
	for {
		s.mu.Lock()
		slot := s.next
		s.mu.Unlock()
		err := call(func(ctx context.Context) error {
			return s.kv.CompareAndSwap(ctx, slotKey(slot), nil, b, true)
		})
		if err != nil { // taken, or nobody knows
			found, ok := s.read(slot)
			if !ok {
				continue
			}
			if found.ID != b.ID {
				s.learn(slot, found)
				s.catchUp()
				continue
			}
		}
		for _, id := range s.node.NodeIDs() {
			if id != s.node.ID() {
				s.node.Send(id, map[string]any{"type": "hint", "slot": slot, "batch": b})
			}
		}
		return s.learn(slot, b)
	}
}

func slotKey(slot int) string { return fmt.Sprintf("slot/%d", slot) }

// call gives f a context that ends after the timeout.
func call(f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return f(ctx)
}

// read returns the content of a slot, or false if it is empty or lin-kv does not
// answer.
func (s *server) read(slot int) (b batch, ok bool) {
	err := call(func(ctx context.Context) error { return s.kv.ReadInto(ctx, slotKey(slot), &b) })
	return b, err == nil
}

// catchUp applies the slots that exist. It reads more at a time the further behind
// this node turns out to be.
func (s *server) catchUp() {
	for n := 1; ; n = min(2*n, readAhead) {
		s.mu.Lock()
		first := s.next
		s.mu.Unlock()
		var wg sync.WaitGroup
		for slot := first; slot < first+n; slot++ {
			wg.Add(1)
			go func() {
				defer wg.Done()
				if b, ok := s.read(slot); ok {
					s.learn(slot, b)
				}
			}()
		}
		wg.Wait()
		s.mu.Lock()
		s.heard = time.Now()
		end := s.next < first+n
		s.mu.Unlock()
		if end {
			return
		}
	}
}

func (s *server) hint(msg maelstrom.Message) error {
	var body struct {
		Slot  int   `json:"slot"`
		Batch batch `json:"batch"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.learn(body.Slot, body.Batch)
	return nil
}

// learn takes the content of a slot and applies all slots up to the first unknown
// one. It returns the offsets of the slot's sends, if the slot was the next one.
func (s *server) learn(slot int, b batch) (offsets []int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slot < s.next {
		return nil
	}
	s.hints[slot] = b
	for {
		b, ok := s.hints[s.next]
		if !ok {
			return offsets
		}
		for _, e := range b.Sends {
			if s.next == slot {
				offsets = append(offsets, len(s.logs[e.Key]))
			}
			s.logs[e.Key] = append(s.logs[e.Key], e.Msg)
		}
		for key, offset := range b.Commits {
			s.committed[key] = max(s.committed[key], offset)
		}
		delete(s.hints, s.next)
		s.next++
		s.heard = time.Now()
	}
}

func (s *server) send(msg maelstrom.Message) error {
	var e entry
	if err := json.Unmarshal(msg.Body, &e); err != nil {
		return err
	}
	offset := s.enqueue(request{send: &e})
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
		for offset := from; offset < min(from+pollLimit, len(s.logs[key])); offset++ {
			msgs[key] = append(msgs[key], [2]int{offset, s.logs[key][offset]})
		}
	}
	old := time.Since(s.heard) > refresh
	s.mu.Unlock()
	if old {
		s.awake()
	}
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
		if old, ok := s.committed[key]; ok && old >= offset {
			delete(body.Offsets, key) // it is committed already
		}
	}
	s.mu.Unlock()
	if len(body.Offsets) > 0 {
		s.enqueue(request{commits: body.Offsets})
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
