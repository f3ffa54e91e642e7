// Stage 2: hand out ids that no two requests ever share, on three nodes that may
// not be able to talk to each other.
//
// You will write about 10 lines.
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode() // answers init by itself

	// request: {"type": "generate", "msg_id": 1}
	// answer:  {"type": "generate_ok", "in_reply_to": 1, "id": "any JSON value"}
	n.Handle("generate", func(msg maelstrom.Message) error {
		// TODO: answer with a body made from scratch: n.Reply(msg, map[string]any{…}).
		// What does this node have that no other node has? n.ID() is the name that
		// init gave it. Handlers run concurrently, each in a goroutine of its own.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "generate is still to do")
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
