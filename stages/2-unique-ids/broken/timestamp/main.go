// Wrong: the time in microseconds, as if no two requests ever came within one.
// Its author thought that a fine enough clock never shows the same time twice.
// Clocks of different nodes show the same time all the time, and requests come
// independently of each other.
// Caught by: duplicated, in 20 of 20 seeds
// Command: glomers test 2 ./stages/2-unique-ids/broken/timestamp --seed 1
package main

import (
	"log"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode()

	n.Handle("generate", func(msg maelstrom.Message) error {
		return n.Reply(msg, map[string]any{
			"type": "generate_ok",
			"id":   time.Now().UnixMicro(),
		})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
