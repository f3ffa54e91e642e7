// Wrong: it acknowledges every tenth value and forgets it. It stands for any path
// through a handler that answers broadcast_ok without having kept the value: an early
// return, an error that is ignored, a queue that was full.
// Caught by: lost, in 22 of 22 seeds
// Command: glomers test 3a ./stages/3a-broadcast/broken/forgets --seed 1
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
	values := []int{}

	n.Handle("broadcast", func(msg maelstrom.Message) error {
		var body struct {
			Message int `json:"message"`
		}
		if err := json.Unmarshal(msg.Body, &body); err != nil {
			return err
		}
		mu.Lock()
		if body.Message%10 != 9 {
			values = append(values, body.Message)
		}
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
