// One key, compare-and-set until it succeeds. The counter is a single value in
// seq-kv; an addition reads it and swaps it for a higher one, and begins again if
// another node was faster.
//
// seq-kv may answer a read, or refuse a swap, from a past state, but a swap that
// succeeds runs on the newest: what was read was the current value. A read for a
// client first writes something new under a key of the node's own, because seq-kv
// never goes back before a write of the same client. A swap that is not answered
// may have happened, so it must not be repeated: the client gets an error that
// leaves the outcome open.
//
// What it costs: four messages for a read, and four for an addition without
// competition, plus four for each time that it loses or was shown an old value. So
// more nodes make each addition dearer; the store is the bottleneck. In return there
// is nothing to merge, and nodes hold no state at all.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	key     = "counter"
	timeout = time.Second // of an operation of a client
)

type server struct {
	node *maelstrom.Node
	kv   *maelstrom.KV
}

func main() {
	n := maelstrom.NewNode()
	s := &server{n, maelstrom.NewSeqKV(n)}
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
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for {
		value, err := s.value(ctx)
		if err != nil {
			return err
		}
		err = s.kv.CompareAndSwap(ctx, key, value, value+body.Delta, true)
		if maelstrom.ErrorCode(err) == maelstrom.PreconditionFailed {
			continue
		}
		if err != nil {
			return err
		}
		return s.node.Reply(msg, map[string]any{"type": "add_ok"})
	}
}

func (s *server) read(msg maelstrom.Message) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := s.kv.Write(ctx, "now-"+s.node.ID(), fmt.Sprintf("%x", rand.Uint64())); err != nil {
		return err
	}
	value, err := s.value(ctx)
	if err != nil {
		return err
	}
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "value": value})
}

// value reads the counter, which is 0 before anybody wrote it.
func (s *server) value(ctx context.Context) (int, error) {
	value, err := s.kv.ReadInt(ctx, key)
	if maelstrom.ErrorCode(err) == maelstrom.KeyDoesNotExist {
		return 0, nil
	}
	return value, err
}
