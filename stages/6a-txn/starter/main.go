// Stage 6a: execute transactions of reads and writes on one node.
//
// You will write about 40 lines.
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode() // answers init by itself

	n.Handle("txn", func(msg maelstrom.Message) error {
		// TODO: body.txn is a list of ["r", key, null] and ["w", key, value].
		// Answer txn_ok with txn, the same list with the reads filled in.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "txn is still to do")
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
