// Stage 4: count on three nodes with the sequentially consistent store seq-kv as
// their memory.
//
// You will write about 50 lines.
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode() // answers init by itself
	kv := maelstrom.NewSeqKV(n)
	_ = kv // Read, Write and CompareAndSwap are what it can do

	n.Handle("add", func(msg maelstrom.Message) error {
		// TODO: add body.delta to the counter in kv and answer add_ok.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "add is still to do")
	})

	n.Handle("read", func(msg maelstrom.Message) error {
		// TODO: answer read_ok with value, the sum of all deltas on all nodes.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "read is still to do")
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
