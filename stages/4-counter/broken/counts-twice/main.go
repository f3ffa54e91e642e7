// Wrong: an addition is sent to the other nodes until they acknowledge it, and they
// count it each time it arrives. Its author knew that messages get lost, and forgot
// that acknowledgements are messages, too: the addition arrived, its acknowledgement
// was lost, and the sender tries again. Repeating needs a receiver that notices it:
// ids, or a state that can be merged twice. It passes the challenge itself.
// Caught by: final-reads, in 20 of 20 seeds
// Command: glomers test 4 ./stages/4-counter/broken/counts-twice --nemesis loss --nemesis-interval 3 --seed 1
package main

import (
	"context"
	"encoding/json"
	"log"
	"sync/atomic"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const timeout = time.Second // until an addition is sent again

func main() {
	n := maelstrom.NewNode()
	var sum atomic.Int64

	n.Handle("add", func(msg maelstrom.Message) error {
		delta, err := delta(msg)
		if err != nil {
			return err
		}
		sum.Add(delta)
		for _, id := range n.NodeIDs() {
			if id != n.ID() {
				go repeat(n, id, map[string]any{"type": "added", "delta": delta})
			}
		}
		return n.Reply(msg, map[string]any{"type": "add_ok"})
	})

	n.Handle("added", func(msg maelstrom.Message) error {
		delta, err := delta(msg)
		if err != nil {
			return err
		}
		sum.Add(delta)
		return n.Reply(msg, map[string]any{"type": "added_ok"})
	})

	n.Handle("read", func(msg maelstrom.Message) error {
		return n.Reply(msg, map[string]any{"type": "read_ok", "value": sum.Load()})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}

// repeat sends a request to a node until it answers.
func repeat(n *maelstrom.Node, id string, body map[string]any) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		_, err := n.SyncRPC(ctx, id, body)
		cancel()
		if err == nil {
			return
		}
	}
}

func delta(msg maelstrom.Message) (int64, error) {
	var body struct {
		Delta int64 `json:"delta"`
	}
	err := json.Unmarshal(msg.Body, &body)
	return body.Delta, err
}
