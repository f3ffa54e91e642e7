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

	n.Handle("generate", func(msg maelstrom.Message) error {
		// TODO: answer generate_ok with an id, a string or a number.
		// n.ID() is the id of this node.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "generate is still to do")
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
