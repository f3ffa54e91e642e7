// Wrong: the first reads show more than was ever added; the last ones are right. It
// stands for a counter that counts a request before it knows that it will take it,
// and corrects itself later. The official check looks only at the final reads.
// Caught by: outside (strict), in 20 of 20 seeds
// Command: glomers test 4 ./stages/4-counter/broken/reads-ahead --strict --seed 1
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const timeout = time.Second // of a request to seq-kv

type server struct {
	node *maelstrom.Node
	kv   *maelstrom.KV

	reads atomic.Int64

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
	if err := s.catchUp(ctx); err != nil {
		return err
	}
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
	if err := s.catchUp(ctx); err != nil {
		return err
	}
	sum := 0
	for _, id := range s.node.NodeIDs() {
		total, err := s.readTotal(ctx, id)
		if err != nil {
			return err
		}
		sum += total
	}
	if s.reads.Add(1) <= 20 {
		sum += 1000
	}
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "value": sum})
}

// catchUp makes the reads that follow see everything that was written until now.
// seq-kv may answer a read from the past, but never from before a write of the
// same client, and a write that changes something always comes last.
func (s *server) catchUp(ctx context.Context) error {
	return s.kv.Write(ctx, "now-"+s.node.ID(), fmt.Sprintf("%x", rand.Uint64()))
}

func (s *server) readTotal(ctx context.Context, id string) (int, error) {
	total, err := s.kv.ReadInt(ctx, id)
	if maelstrom.ErrorCode(err) == maelstrom.KeyDoesNotExist {
		return 0, nil
	}
	return total, err
}
