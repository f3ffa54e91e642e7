// Wrong: the values are copied, extended and put back, and the lock is held only
// for the first and the last of these. Its author thought that the slow part, which
// stands for a write to a disk here, must not hold the lock, and that every access
// to the values is guarded. Of two handlers that have copied the same values, the one that
// puts them back last undoes what the other did. One client at a time, as in the
// challenge, never sees it.
// Caught by: lost, in 20 of 20 seeds
// Command: glomers test 3a ./stages/3a-broadcast/broken/lost-update --concurrency 10 --rate 200 --time-limit 3 --seed 1
package main

import (
	"encoding/json"
	"log"
	"slices"
	"sync"
	"time"

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
		updated := append(slices.Clone(values), body.Message)
		mu.Unlock()
		time.Sleep(5 * time.Millisecond) // the disk
		mu.Lock()
		values = updated
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
