// Wrong: every node counts from 1, and nothing tells their ids apart.
// Caught by: duplicated
package main

import (
	"log"
	"sync/atomic"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode()

	var count atomic.Uint64

	n.Handle("generate", func(msg maelstrom.Message) error {
		return n.Reply(msg, map[string]any{
			"type": "generate_ok",
			"id":   count.Add(1),
		})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
