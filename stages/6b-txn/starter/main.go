// Stage 6b: execute transactions on two nodes that stay available when they cannot
// talk, without dirty writes (G0).
//
// You will write about 100 lines more than in stage 6a.
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
//	{"type": "batch", "number": 7, "ack": 4, "versions":
//	  {"1": {"at": {"time": 12, "node": "n0"}, "value": 6}, "2": {"at": {"time": 12, "node": "n0"}, "value": 9}}}
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode() // answers init by itself

	// TODO: the registers, each with the timestamp of the transaction that wrote it, and
	// for each other node what it has not acknowledged.

	n.Handle("txn", func(msg maelstrom.Message) error {
		// TODO: execute body.txn on this node's registers, as in stage 6a, and answer
		// txn_ok before anybody else knows.
		// TODO: see to it that the other node learns of the writes.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "txn is still to do")
	})

	n.Handle("batch", func(msg maelstrom.Message) error {
		// TODO: take in another node's writes, and acknowledge them. Which one stays if
		// both nodes wrote the key?
		return nil
	})

	// TODO: a goroutine that sends again what has not been acknowledged.

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
