// Wrong: every node counts from 1, and nothing tells their ids apart. Its author
// thought that a counter never shows a number twice. There are three of them.
// Caught by: duplicated, in 20 of 20 seeds
// Command: glomers test 2 ./stages/2-unique-ids/broken/plain-counter --time-limit 2 --rate 200 --seed 1
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
