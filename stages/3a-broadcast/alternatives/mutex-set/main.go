// Set behind a mutex. The values are the keys of a map, so that a value that comes
// twice is there once; whoever reads or writes the map holds the mutex.
//
// Cost: a read copies the map into a slice, in time and memory proportional to the
// values, and in an order that changes from read to read. The lock is held for
// that copy only, not while the answer is encoded and written. A read-write lock
// would let reads run side by side, and pays only when reads are long and many.
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
	values := map[int]bool{}

	n.Handle("broadcast", func(msg maelstrom.Message) error {
		var body struct {
			Message int `json:"message"`
		}
		if err := json.Unmarshal(msg.Body, &body); err != nil {
			return err
		}
		mu.Lock()
		values[body.Message] = true
		mu.Unlock()
		return n.Reply(msg, map[string]any{"type": "broadcast_ok"})
	})

	n.Handle("read", func(msg maelstrom.Message) error {
		messages := []int{} // never nil: the answer to a read of nothing is [], not null
		mu.Lock()
		for v := range values {
			messages = append(messages, v)
		}
		mu.Unlock()
		return n.Reply(msg, map[string]any{"type": "read_ok", "messages": messages})
	})

	n.Handle("topology", func(msg maelstrom.Message) error {
		return n.Reply(msg, map[string]any{"type": "topology_ok"})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
