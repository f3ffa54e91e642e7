// Wrong: := declares another variable. Its author thought that the handler appends to the
// list; it appends to one of its own, which is gone when the handler returns. The list
// outside stays the nil slice that it was, and a nil slice is null in JSON: every read is
// answered with "messages": null, which counts as an empty list. That a list was never
// made is easier to overlook than it should be, because Go appends to nil as well.
// Caught by: lost, in 20 of 20 seeds
// Command: glomers test 3a ./stages/3a-broadcast/broken/null --seed 1
package main

import (
	"encoding/json"
	"log"
	"sync"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode()
	var mu sync.Mutex // handlers run concurrently
	var values []int

	n.Handle("broadcast", func(msg maelstrom.Message) error {
		var body struct {
			Message int `json:"message"`
		}
		if err := json.Unmarshal(msg.Body, &body); err != nil {
			return err
		}
		mu.Lock()
		values := append(values, body.Message)
		log.Printf("%d values", len(values))
		mu.Unlock()
		return n.Reply(msg, map[string]any{"type": "broadcast_ok"})
	})

	n.Handle("read", func(msg maelstrom.Message) error {
		mu.Lock()
		defer mu.Unlock()
		return n.Reply(msg, map[string]any{"type": "read_ok", "messages": values})
	})

	n.Handle("topology", func(msg maelstrom.Message) error {
		return n.Reply(msg, map[string]any{"type": "topology_ok"})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
