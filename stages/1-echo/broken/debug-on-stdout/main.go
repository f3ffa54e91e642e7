// Wrong: a line for the programmer goes to stdout. Its author thought of stdout as the
// terminal. It is the network: every line on it must be a message, and what is
// for people belongs on stderr, where package log writes.
// Caught by: printed a line on stdout that is not a message, in 100 of 100 seeds
// Command: glomers test 1 ./stages/1-echo/broken/debug-on-stdout --seed 1
package main

import (
	"encoding/json"
	"fmt"
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
		fmt.Println("echo", body["echo"])
		body["type"] = "echo_ok"
		return n.Reply(msg, body)
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
