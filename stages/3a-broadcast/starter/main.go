// Stage 3a: remember every value that is broadcast and return them all on read.
//
// You will write about 30 lines.
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode() // answers init by itself

	// request: {"type": "broadcast", "msg_id": 2, "message": 17}
	// answer:  {"type": "broadcast_ok", "in_reply_to": 2}
	n.Handle("broadcast", func(msg maelstrom.Message) error {
		// TODO: remember the value, then answer. Each handler runs in a goroutine of its
		// own: who else looks at the values meanwhile?
		return maelstrom.NewRPCError(maelstrom.NotSupported, "broadcast is still to do")
	})

	// request: {"type": "read", "msg_id": 3}
	// answer:  {"type": "read_ok", "in_reply_to": 3, "messages": [17, 4, 8]}
	n.Handle("read", func(msg maelstrom.Message) error {
		// TODO: answer with all values, in any order.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "read is still to do")
	})

	// request: {"type": "topology", "msg_id": 1, "topology": {"n0": []}}
	// answer:  {"type": "topology_ok", "in_reply_to": 1}
	n.Handle("topology", func(msg maelstrom.Message) error {
		// It says who should talk to whom. A single node has nobody to talk to.
		return n.Reply(msg, map[string]any{"type": "topology_ok"})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
