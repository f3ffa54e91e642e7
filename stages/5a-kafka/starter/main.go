// Stage 5a: keep append-only logs with offsets and committed offsets on one node.
//
// You will write about 80 lines.
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

func main() {
	n := maelstrom.NewNode() // answers init by itself

	n.Handle("send", func(msg maelstrom.Message) error {
		// TODO: append body.msg to the log of body.key.
		// Answer send_ok with its offset.
		// TODO: handlers run at the same time. What must not happen in between?
		return maelstrom.NewRPCError(maelstrom.NotSupported, "send is still to do")
	})

	n.Handle("poll", func(msg maelstrom.Message) error {
		// TODO: body.offsets maps keys to offsets. Answer poll_ok with msgs, a map of
		// keys to lists of [offset, message], from that offset on and without gaps.
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
