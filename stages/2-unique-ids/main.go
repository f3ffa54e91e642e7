// Unique-ids hands out ids without asking anyone: a node's own id, a number that
// the process drew when it started, and a counter.
package main

import (
	"fmt"
	"log"
	"math/rand/v2"
	"sync/atomic"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode()

	// A process that crashes and comes back counts from 1 again: the number of
	// its incarnation keeps its new ids apart from the old ones.
	incarnation := rand.Uint64()
	var count atomic.Uint64

	n.Handle("generate", func(msg maelstrom.Message) error {
		return n.Reply(msg, map[string]any{
			"type": "generate_ok",
			"id":   fmt.Sprintf("%s-%x-%d", n.ID(), incarnation, count.Add(1)),
		})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
