// Nanosecond timestamp and random number. Two ids are equal only if two nodes
// draw the same 64 bits in the same nanosecond, which nobody will live to see.
//
// Cost: no state, no coordination, not even the node's own id; 32 characters an
// id. Ids sort by time about as well as the clocks agree. The clock only adds
// to what chance does: when it goes back, or a process starts again, 64 random
// bits still tell the ids apart. Neither part is enough alone: clocks repeat
// themselves, and of 64 random bits the birthday paradox uses up half.
package main

import (
	"fmt"
	"log"
	"math/rand/v2"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode()

	n.Handle("generate", func(msg maelstrom.Message) error {
		return n.Reply(msg, map[string]any{
			"type": "generate_ok",
			"id":   fmt.Sprintf("%016x%016x", time.Now().UnixNano(), rand.Uint64()),
		})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
