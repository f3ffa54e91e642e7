// Wrong: a random number below ten million. Its author thought that 30,000 ids,
// half a minute's worth, have room enough. But any two of them may collide, and n
// ids make n*n/2 pairs: 450 million here, 45 of them with the same number. It is
// the birthday paradox; a space of N ids is used up by about the square root of N.
// Caught by: duplicated, in 20 of 20 seeds
// Command: glomers test 2 ./stages/2-unique-ids/broken/small-random --seed 1
package main

import (
	"log"
	"math/rand/v2"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode()

	n.Handle("generate", func(msg maelstrom.Message) error {
		return n.Reply(msg, map[string]any{
			"type": "generate_ok",
			"id":   rand.IntN(10_000_000),
		})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
