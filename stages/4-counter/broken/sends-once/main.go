// Wrong: every addition is sent to the other nodes, once. Its author thought that a
// message that was sent arrives. During a partition it is lost, nothing repeats it,
// and the nodes differ for ever.
// Caught by: final-reads, in 20 of 20 seeds
// Command: glomers test 4 ./stages/4-counter/broken/sends-once --seed 1
package main

import (
	"encoding/json"
	"log"
	"sync/atomic"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

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
				n.Send(id, map[string]any{"type": "added", "delta": delta})
			}
		}
		return n.Reply(msg, map[string]any{"type": "add_ok"})
	})

	n.Handle("added", func(msg maelstrom.Message) error {
		delta, err := delta(msg)
		sum.Add(delta)
		return err
	})

	n.Handle("read", func(msg maelstrom.Message) error {
		return n.Reply(msg, map[string]any{"type": "read_ok", "value": sum.Load()})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}

func delta(msg maelstrom.Message) (int64, error) {
	var body struct {
		Delta int64 `json:"delta"`
	}
	err := json.Unmarshal(msg.Body, &body)
	return body.Delta, err
}
