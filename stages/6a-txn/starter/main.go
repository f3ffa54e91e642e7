// Stage 6a: execute transactions of reads and writes on one node.
//
// You will write about 40 lines.
//
// A transaction is a list of operations on numbered registers, each a list of three:
// ["r", KEY, null] reads, and ["w", KEY, VALUE] writes. This request
//
//	{"type": "txn", "msg_id": 3, "txn": [["r", 1, null], ["w", 1, 6], ["w", 2, 9]]}
//
// is answered with the same list and the reads filled in, or left null if nobody
// wrote the key:
//
//	{"type": "txn_ok", "in_reply_to": 3, "txn": [["r", 1, 5], ["w", 1, 6], ["w", 2, 9]]}
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode() // answers init by itself

	// TODO: the registers, and what protects them: the library runs each handler in a
	// goroutine of its own.

	n.Handle("txn", func(msg maelstrom.Message) error {
		// TODO: decode body.txn. An operation is a list of a string, a number, and a
		// number or null, so it needs an UnmarshalJSON of its own, or []any.
		// TODO: execute the operations in their order, so that a read sees what the
		// transaction wrote before it.
		// TODO: answer txn_ok with txn, the same list with the reads filled in.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "txn is still to do")
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
