// Stage 6c: as stage 6b, and no transaction sees what another one has not committed
// (G1a, G1b, G1c).
//
// You will change about 20 lines of your stage 6b.
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
//
// Messages between nodes are yours to design. The reference sends
//
//	{"type": "batch", "number": 7, "ack": 4, "commits":
//	  [{"at": {"time": 12, "node": "n0"}, "writes": {"1": 6, "2": 9}}]}
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode() // answers init by itself

	// TODO: begin with your stage 6b. What do other transactions see, here and on the
	// other node, while one is under way?

	n.Handle("txn", func(msg maelstrom.Message) error {
		// TODO: execute body.txn, answer txn_ok, and pass on what it committed, as a
		// whole and without the writes that it replaced itself.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "txn is still to do")
	})

	n.Handle("batch", func(msg maelstrom.Message) error {
		// TODO: take in another node's transactions, each as a whole.
		return nil
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
