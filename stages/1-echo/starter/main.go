// Stage 1: answer every echo message with the text it carries.
//
// You will write about 5 lines.
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode() // answers init by itself

	n.Handle("echo", func(msg maelstrom.Message) error {
		// TODO: decode msg.Body, set its type to echo_ok and send it back with n.Reply.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "echo is still to do")
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
