// Every node counts its own additions, and a read asks the others. The total of a
// node is in its memory and, for others to fall back on, under its key in seq-kv. A
// node that does not answer a read in time is replaced by its key, and a store that
// does not answer by what was last heard.
//
// What a reader takes is never too high, because totals only grow, and never lower
// than what it took before. After a partition every node answers, so reads are exact
// then. During one they may miss what nodes on the other side did, as far as seq-kv
// answers from the past. A node that is killed finds its own total in the store, but
// forgets what it had heard of the others: if they are out of reach just then, it
// shows less than before. The challenge allows that.
//
// What it costs: two messages for an addition, and two for each other node in a
// read. With three nodes and a third of the operations additions: 2/3 + 8/3 = 3.3
// messages an operation. A read waits for the slowest node: 200 ms when one is cut
// off. Asking is cheaper than reading the store, since there is no stale answer to
// guard against; but the reader depends on all nodes.
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
	timeout  = time.Second            // of a request to seq-kv
	patience = 200 * time.Millisecond // with a node that is asked for its total
)

type server struct {
	node *maelstrom.Node
	kv   *maelstrom.KV

	adding sync.Mutex // held while the own total is read or written in seq-kv

	mu     sync.Mutex
	loaded bool
	totals map[string]int // the own one, and what was last heard of the others'
}

func main() {
	n := maelstrom.NewNode()
	s := &server{node: n, kv: maelstrom.NewSeqKV(n), totals: map[string]int{}}
	n.Handle("add", s.add)
	n.Handle("read", s.read)
	n.Handle("total", s.total)
	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) add(msg maelstrom.Message) error {
	var body struct {
		Delta int `json:"delta"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	if err := s.load(); err != nil {
		return err
	}
	s.adding.Lock()
	defer s.adding.Unlock()
	total := s.last(s.node.ID()) + body.Delta
	for {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		err := s.kv.Write(ctx, s.node.ID(), total)
		cancel()
		if err == nil {
			break
		}
		log.Printf("write the total: %v", err)
	}
	s.hear(s.node.ID(), total)
	return s.node.Reply(msg, map[string]any{"type": "add_ok"})
}

// load reads the total that an earlier life of this node wrote. The write before it
// keeps seq-kv from answering from the past.
func (s *server) load() error {
	s.adding.Lock()
	defer s.adding.Unlock()
	s.mu.Lock()
	loaded := s.loaded
	s.mu.Unlock()
	if loaded {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := s.kv.Write(ctx, "now-"+s.node.ID(), fmt.Sprintf("%x", rand.Uint64())); err != nil {
		return err
	}
	total, err := s.stored(ctx, s.node.ID())
	if err != nil {
		return err
	}
	s.hear(s.node.ID(), total)
	s.mu.Lock()
	s.loaded = true
	s.mu.Unlock()
	return nil
}

// stored reads the total of a node from seq-kv.
func (s *server) stored(ctx context.Context, id string) (int, error) {
	total, err := s.kv.ReadInt(ctx, id)
	if maelstrom.ErrorCode(err) == maelstrom.KeyDoesNotExist {
		return 0, nil
	}
	return total, err
}

func (s *server) last(id string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.totals[id]
}

// hear remembers a total of a node unless a higher one is known.
func (s *server) hear(id string, total int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.totals[id] = max(s.totals[id], total)
}

// total tells another node the total of this one.
func (s *server) total(msg maelstrom.Message) error {
	if err := s.load(); err != nil {
		return err
	}
	return s.node.Reply(msg, map[string]any{"type": "total_ok", "total": s.last(s.node.ID())})
}

func (s *server) read(msg maelstrom.Message) error {
	if err := s.load(); err != nil {
		return err
	}
	var wg sync.WaitGroup
	for _, id := range s.node.NodeIDs() {
		if id != s.node.ID() {
			wg.Add(1)
			go func() {
				defer wg.Done()
				s.ask(id)
			}()
		}
	}
	wg.Wait()
	sum := 0
	s.mu.Lock()
	for _, total := range s.totals {
		sum += total
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "value": sum})
}

// ask learns the total of a node from the node or, if it does not answer, from the
// store.
func (s *server) ask(id string) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if answer, err := s.node.SyncRPC(ctx, id, map[string]any{"type": "total"}); err == nil {
		var body struct {
			Total int `json:"total"`
		}
		if json.Unmarshal(answer.Body, &body) == nil {
			s.hear(id, body.Total)
			return
		}
	}
	ctx, cancel = context.WithTimeout(context.Background(), patience)
	defer cancel()
	if total, err := s.stored(ctx, id); err == nil {
		s.hear(id, total)
	}
}
