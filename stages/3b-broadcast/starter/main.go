// Stage 3b: spread every value to all five nodes.
//
// You will write about 70 lines, half of them those of stage 3a.
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode() // answers init by itself

	// request: {"type": "topology", "msg_id": 1, "topology": {"n0": ["n1", "n3"], "n1": ["n0", "n2", "n4"], …}}
	// answer:  {"type": "topology_ok", "in_reply_to": 1}
	n.Handle("topology", func(msg maelstrom.Message) error {
		// TODO: remember the neighbours of n.ID(). They are a suggestion.
		return n.Reply(msg, map[string]any{"type": "topology_ok"})
	})

	// request: {"type": "broadcast", "msg_id": 2, "message": 17}
	// answer:  {"type": "broadcast_ok", "in_reply_to": 2}
	n.Handle("broadcast", func(msg maelstrom.Message) error {
		// TODO: remember the value, see to it that the other nodes hear of it, and answer.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "broadcast is still to do")
	})

	// TODO: a message of your own between nodes, such as {"type": "gossip", "message": 17},
	// sent with n.Send(neighbour, body). It needs no answer, and it needs a handler.

	// request: {"type": "read", "msg_id": 3}
	// answer:  {"type": "read_ok", "in_reply_to": 3, "messages": [17, 4, 8]}
	n.Handle("read", func(msg maelstrom.Message) error {
		// TODO: answer with all values that this node knows.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "read is still to do")
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
