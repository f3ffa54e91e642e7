// Wrong: the answer to every fifth message is not what was asked. It stands for an answer
// that is built from memory shared between requests: most of the time it is right.
// Whoever tries two or three messages by hand does not see it.
// Caught by: echo, in 100 of 100 seeds
// Command: glomers test 1 ./stages/1-echo/broken/deaf --seed 1
package main

import (
	"encoding/json"
	"log"
	"sync/atomic"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode()

	var count atomic.Int64
	n.Handle("echo", func(msg maelstrom.Message) error {
		var body map[string]any
		if err := json.Unmarshal(msg.Body, &body); err != nil {
			return err
		}
		if count.Add(1)%5 == 0 {
			body["echo"] = "what?"
		}
		body["type"] = "echo_ok"
		return n.Reply(msg, body)
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
