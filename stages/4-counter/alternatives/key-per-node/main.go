// A key for every node, read from the store. Every node writes the sum of its own
// additions to its own key in seq-kv, and a read adds up the keys of all nodes.
//
// A node is the only writer of its key, so no write competes with another one, and
// its total only grows, so a write may be repeated until it succeeds. seq-kv may
// answer a read from the past, but never from before a write of the same client;
// so a read begins by writing something new.
//
// What it costs: two messages for an addition, and for a read two for each node and
// two for the write before. With three nodes and a third of the operations
// additions: 2/3 + 16/3 = 6 messages an operation. In return a read is as new as
// its invocation, partitions do not matter, and nodes may lose their memory.
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
