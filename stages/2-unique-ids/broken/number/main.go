// Wrong: a correct Snowflake id, sent as a JSON number. Its author thought that an
// int64 arrives as it was sent. JSON has no integers: the Maelstrom library, like
// many readers, passes numbers through a float64, whose 53 bits drop the end of
// the sequence, so that ids of one node and millisecond become the same.
// Caught by: duplicated, in 20 of 20 seeds
// Command: glomers test 2 ./stages/2-unique-ids/broken/number --seed 1
package main

import (
	"log"
	"slices"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode()

	var mu sync.Mutex
	var last, sequence int64

	n.Handle("generate", func(msg maelstrom.Message) error {
		node := int64(slices.Index(n.NodeIDs(), n.ID()))
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now().UnixMilli(); now > last {
			last, sequence = now, 0
		} else if sequence++; sequence == 1<<12 {
			last, sequence = last+1, 0
		}
		return n.Reply(msg, map[string]any{
			"type": "generate_ok",
			"id":   last<<22 | node<<12 | sequence,
		})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
