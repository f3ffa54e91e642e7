// Stage 1: answer every echo message with the text it carries.
//
// You will write about 5 lines. stages/1-echo/README.md explains the messages.
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode() // answers init by itself

	// request: {"type": "echo", "msg_id": 1, "echo": "Please echo 34"}
	// answer:  {"type": "echo_ok", "in_reply_to": 1, "echo": "Please echo 34"}
	n.Handle("echo", func(msg maelstrom.Message) error {
		// TODO: decode msg.Body with json.Unmarshal, set its type to echo_ok and send it
		// back with n.Reply, which adds in_reply_to.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "echo is still to do")
	})

	// log.Print is for you: it writes to stderr. Nothing but messages goes to stdout.
	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
