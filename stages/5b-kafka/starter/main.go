// Stage 5b: keep the logs on two nodes with the linearizable store lin-kv as their
// memory.
//
// You will write about 170 lines, 80 of them as in stage 5a.
package main

import (
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

// The messages, by example, without msg_id and in_reply_to. A client sends, and the
// node answers:
//
//	{"type":"send","key":"0","msg":2}
//	{"type":"send_ok","offset":1}
//
//	{"type":"poll","offsets":{"0":0,"1":3}}
//	{"type":"poll_ok","msgs":{"0":[[0,1],[1,2]],"1":[]}}
//
//	{"type":"commit_offsets","offsets":{"0":1}}
//	{"type":"commit_offsets_ok"}
//
//	{"type":"list_committed_offsets","keys":["0","1"]}
//	{"type":"list_committed_offsets_ok","offsets":{"0":1}}
//
// A node may ask the store, which is a node named lin-kv, and gets one of the answers:
//
//	{"type":"read","key":"k"}                          {"type":"read_ok","value":5}
//	{"type":"write","key":"k","value":5}               {"type":"write_ok"}
//	{"type":"cas","key":"k","from":5,"to":6}           {"type":"cas_ok"}
//	                                                   {"type":"error","code":20,"text":"key does not exist"}
//	                                                   {"type":"error","code":22,"text":"…"}: it is not 5
//
// kv below sends them for you. With true as its last argument, CompareAndSwap creates
// a key that does not exist. Between nodes any other message is yours to invent.

func main() {
	n := maelstrom.NewNode() // answers init by itself
	kv := maelstrom.NewLinKV(n)
	_ = kv // Read, Write and CompareAndSwap are what it can do

	n.Handle("send", func(msg maelstrom.Message) error {
		// TODO: append body.msg to the log of body.key.
		// Answer send_ok with its offset.
		// TODO: who decides that this message gets this offset, and not the other
		// node's? And what if kv does not answer?
		return maelstrom.NewRPCError(maelstrom.NotSupported, "send is still to do")
	})

	n.Handle("poll", func(msg maelstrom.Message) error {
		// TODO: body.offsets maps keys to offsets. Answer poll_ok with msgs, a map of
		// keys to lists of [offset, message], from that offset on and without gaps.
		// TODO: what may the other node have stored meanwhile?
		return maelstrom.NewRPCError(maelstrom.NotSupported, "poll is still to do")
	})

	n.Handle("commit_offsets", func(msg maelstrom.Message) error {
		// TODO: body.offsets maps keys to offsets that were processed. Remember them
		// and answer commit_offsets_ok.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "commit_offsets is still to do")
	})

	n.Handle("list_committed_offsets", func(msg maelstrom.Message) error {
		// TODO: answer list_committed_offsets_ok with offsets, the committed offsets of
		// body.keys. Leave out keys that have none.
		return maelstrom.NewRPCError(maelstrom.NotSupported, "list_committed_offsets is still to do")
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
