// Wrong: the answer is a message of its own. Its author thought that a message to the
// client with the right type and text is an answer. The client may have several
// requests under way, and matches answers by in_reply_to, which Reply sets and
// Send does not: it waits until it times out.
// Caught by: echo, in 100 of 100 seeds
// Command: glomers test 1 ./stages/1-echo/broken/new-message --seed 1
package main

import (
	"encoding/json"
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode()

	n.Handle("echo", func(msg maelstrom.Message) error {
		var body map[string]any
		if err := json.Unmarshal(msg.Body, &body); err != nil {
			return err
		}
		body["type"] = "echo_ok"
		delete(body, "msg_id")
		return n.Send(msg.Src, body)
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
