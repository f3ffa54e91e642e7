// Wrong: a read adds up the totals of all nodes as seq-kv returns them. Its author
// thought that a consistent store returns what was last written. seq-kv is
// sequentially consistent: all clients see the same order of writes, but one that
// only reads may be shown a state from the past, even ten seconds after the last
// write. A key for each node does not help; a write before the read does. Not every
// seed shows it: seq-kv may also answer from the present.
// Caught by: final-reads, in 11 of 20 seeds
// Command: glomers test 4 ./stages/4-counter/broken/stale-read --seed 0
package main

import (
	"context"
	"encoding/json"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const timeout = time.Second // of a request to seq-kv

type server struct {
	node *maelstrom.Node
	kv   *maelstrom.KV

	mu     sync.Mutex // held while the total is written: totals must not overtake each other
	loaded bool
	total  int // of the deltas that this node has taken
}

func main() {
	n := maelstrom.NewNode()
	s := &server{node: n, kv: maelstrom.NewSeqKV(n)}
	n.Handle("add", s.add)
	n.Handle("read", s.read)
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
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.load(); err != nil {
		return err
	}
	// From here on the delta counts: it is part of every later write, too.
	s.total += body.Delta
	for {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		err := s.kv.Write(ctx, s.node.ID(), s.total)
		cancel()
		if err == nil {
			return s.node.Reply(msg, map[string]any{"type": "add_ok"})
		}
		log.Printf("write the total: %v", err)
	}
}

// load fetches the total that an earlier life of this node has written.
func (s *server) load() error {
	if s.loaded {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	total, err := s.readTotal(ctx, s.node.ID())
	if err != nil {
		return err
	}
	s.total, s.loaded = total, true
	return nil
}

func (s *server) read(msg maelstrom.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	sum := 0
	for _, id := range s.node.NodeIDs() {
		total, err := s.readTotal(ctx, id)
		if err != nil {
			return err
		}
		sum += total
	}
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "value": sum})
}

func (s *server) readTotal(ctx context.Context, id string) (int, error) {
	total, err := s.kv.ReadInt(ctx, id)
	if maelstrom.ErrorCode(err) == maelstrom.KeyDoesNotExist {
		return 0, nil
	}
	return total, err
}
