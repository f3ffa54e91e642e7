// Stage 3c: spread every value to all five nodes although the network loses
// messages between them.
//
// You will write about 50 lines more than in stage 3b, so you may begin with that.
// stages/3c-broadcast/README.md shows the messages of a run.
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode() // answers init by itself

	// request: {"type": "topology", "msg_id": 1, "topology": {"n0": ["n3", "n1"], "n1": ["n4", "n2", "n0"], …}}
	// answer:  {"type": "topology_ok", "in_reply_to": 1}
	n.Handle("topology", func(msg maelstrom.Message) error {
		// TODO: remember the neighbours of n.ID(). They are a suggestion.
		return n.Reply(msg, map[string]any{"type": "topology_ok"})
	})

	// request: {"type": "broadcast", "msg_id": 2, "message": 17}
	// answer:  {"type": "broadcast_ok", "in_reply_to": 2}
	n.Handle("broadcast", func(msg maelstrom.Message) error {
		// TODO: remember the value, see to it that all nodes hear of it in the end, and answer.
		// Do not wait for the other nodes before you answer: they may be out of reach.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "broadcast is still to do")
	})

	// Between nodes the messages are yours. The reference solution has one, an RPC:
	// request: {"type": "gossip", "msg_id": 3, "messages": [17, 4]}
	// answer:  {"type": "gossip_ok", "in_reply_to": 3}
	// TODO: n.Handle("gossip", …), and send with n.RPC, whose callback gets the answer. If a
	// message or its answer is lost, no callback is called and no error returned: who
	// remembers to send it again, and when is it done?

	// request: {"type": "read", "msg_id": 4}
	// answer:  {"type": "read_ok", "in_reply_to": 4, "messages": [17, 4, 8]}
	n.Handle("read", func(msg maelstrom.Message) error {
		// TODO: answer with all values that this node knows.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "read is still to do")
	})

	// Handlers run at the same time, each in a goroutine: guard what they share.
	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
