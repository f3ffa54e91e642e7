// State passed through a channel with one slot. Whoever takes the values out of
// the channel owns them until they are put back; everyone else waits at the empty
// channel. It is a mutex that carries what it guards: there is no way to touch the
// values without holding it, and none to forget what it protects.
//
// Cost: about that of a mutex when nobody waits, somewhat more when many do. A
// path that does not put the values back blocks the node for ever, as a mutex
// would that is not unlocked. Unlike a mutex it can take part in a select, with a
// timeout for instance.
package main

import (
	"encoding/json"
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode()
	state := make(chan []int, 1) // handlers run concurrently
	state <- []int{}

	n.Handle("broadcast", func(msg maelstrom.Message) error {
		var body struct {
			Message int `json:"message"`
		}
		if err := json.Unmarshal(msg.Body, &body); err != nil {
			return err
		}
		state <- append(<-state, body.Message)
		return n.Reply(msg, map[string]any{"type": "broadcast_ok"})
	})

	n.Handle("read", func(msg maelstrom.Message) error {
		values := <-state
		state <- values // what is in it never changes; others may append behind it
		return n.Reply(msg, map[string]any{"type": "read_ok", "messages": values})
	})

	n.Handle("topology", func(msg maelstrom.Message) error {
		return n.Reply(msg, map[string]any{"type": "topology_ok"})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
