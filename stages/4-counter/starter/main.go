// Stage 4: count on three nodes, with the sequentially consistent store seq-kv to
// help. After the network has healed, every node must read the sum of all additions
// that were acknowledged.
//
// You will write about 50 lines for a design that passes, and 100 more for one that
// sends few messages.
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

// The messages, by example. A client sends, and the node answers:
//
//	{"type":"add","delta":3}     {"type":"add_ok"}
//	{"type":"read"}              {"type":"read_ok","value":17}
//
// A node may ask the store, which is a node named seq-kv, and gets one of the answers:
//
//	{"type":"read","key":"k"}                          {"type":"read_ok","value":5}
//	{"type":"write","key":"k","value":5}               {"type":"write_ok"}
//	{"type":"cas","key":"k","from":5,"to":6}           {"type":"cas_ok"}
//	                                                   {"type":"error","code":20,"text":"key does not exist"}
//	                                                   {"type":"error","code":22,"text":"…"}: it is not 5
//
// kv below sends them for you. Between nodes any other message is yours to invent.

func main() {
	n := maelstrom.NewNode() // answers init by itself
	kv := maelstrom.NewSeqKV(n)
	_ = kv // Read, Write and CompareAndSwap are what it can do

	n.Handle("add", func(msg maelstrom.Message) error {
		// TODO: add body.delta to the counter in kv and answer add_ok.
		// TODO: what if another node adds at the same time?
		// TODO: what if kv does not answer? Did it happen?
		return maelstrom.NewRPCError(maelstrom.NotSupported, "add is still to do")
	})

	n.Handle("read", func(msg maelstrom.Message) error {
		// TODO: answer read_ok with value, the sum of all deltas on all nodes.
		// TODO: kv may answer a read from the past. How do you make it answer from now?
		return maelstrom.NewRPCError(maelstrom.NotSupported, "read is still to do")
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
