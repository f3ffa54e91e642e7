// Wrong: it reads the counter, adds to it and writes it back. Its author thought of one
// node at a time. Two nodes that read the same value undo each other's work, and the
// value that seq-kv returns may be an old one anyway.
// Caught by: final-reads, in 20 of 20 seeds
// Command: glomers test 4 ./stages/4-counter/broken/read-then-write --seed 1
package main

import (
	"context"
	"encoding/json"
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode()
	kv := maelstrom.NewSeqKV(n)

	n.Handle("add", func(msg maelstrom.Message) error {
		var body struct {
			Delta int `json:"delta"`
		}
		if err := json.Unmarshal(msg.Body, &body); err != nil {
			return err
		}
		value, err := kv.ReadInt(context.Background(), "counter")
		if err != nil && maelstrom.ErrorCode(err) != maelstrom.KeyDoesNotExist {
			return err
		}
		if err := kv.Write(context.Background(), "counter", value+body.Delta); err != nil {
			return err
		}
		return n.Reply(msg, map[string]any{"type": "add_ok"})
	})

	n.Handle("read", func(msg maelstrom.Message) error {
		value, err := kv.ReadInt(context.Background(), "counter")
		if err != nil && maelstrom.ErrorCode(err) != maelstrom.KeyDoesNotExist {
			return err
		}
		return n.Reply(msg, map[string]any{"type": "read_ok", "value": value})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
