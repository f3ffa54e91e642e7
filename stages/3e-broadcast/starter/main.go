// Stage 3e: spread values over 25 nodes with fewer than 20 messages an operation,
// within 1 s at the median and 2 s at most. A message takes 100 ms.
//
// You will change about 20 lines of your stage 3d, so you may begin with that.
// stages/3e-broadcast/README.md shows the messages of a run.
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode() // answers init by itself; then n.ID() and n.NodeIDs() are known

	// request: {"type": "broadcast", "msg_id": 1, "message": 1000}
	// answer:  {"type": "broadcast_ok", "in_reply_to": 1}
	n.Handle("broadcast", func(msg maelstrom.Message) error {
		// TODO: decode msg.Body with json.Unmarshal, remember message, see to it that all
		// nodes hear of it, and answer with n.Reply.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "broadcast is still to do")
	})

	// request: {"type": "read", "msg_id": 2}
	// answer:  {"type": "read_ok", "in_reply_to": 2, "messages": [1000, 7]}
	n.Handle("read", func(msg maelstrom.Message) error {
		// TODO: answer with all values that this node knows.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "read is still to do")
	})

	// request: {"type": "topology", "msg_id": 3, "topology": {"n0": ["n5", "n1"], "n1": …}}
	// answer:  {"type": "topology_ok", "in_reply_to": 3}
	n.Handle("topology", func(msg maelstrom.Message) error {
		// The test suggests a grid. Nothing says that you must use it.
		return n.Reply(msg, map[string]any{"type": "topology_ok"})
	})

	// Between nodes the messages are yours. The reference solution has one, an RPC:
	// request: {"type": "gossip", "msg_id": 4, "messages": [1000, 7]}
	// answer:  {"type": "gossip_ok", "in_reply_to": 4}
	// TODO: n.Handle("gossip", …), and a goroutine with a time.Ticker that sends what has
	// gathered. What is not acknowledged must be sent again.

	// Handlers run at the same time, each in a goroutine: guard what they share.
	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
