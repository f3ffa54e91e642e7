// UUID, version 4. An id is 122 random bits, and the six that say so.
//
// Cost: no state and no coordination; 36 characters an id. Uniqueness is a bet,
// and a good one: with n ids the chance of a collision is about n*n / 2^123,
// one in ten thousand for a billion ids a second over a year. The bet needs a
// good source of randomness: a generator that is seeded with the time is no
// better than the time. The ids do not sort by age, which databases with sorted
// indexes dislike; version 7 of RFC 9562 puts the time in front for this reason.
package main

import (
	"crypto/rand"
	"fmt"
	"log"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

func main() {
	n := maelstrom.NewNode()

	n.Handle("generate", func(msg maelstrom.Message) error {
		id, err := uuid()
		if err != nil {
			return err
		}
		return n.Reply(msg, map[string]any{"type": "generate_ok", "id": id})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}

func uuid() (string, error) {
	var b [16]byte
	if _, err := rand.Read(b[:]); err != nil {
		return "", err
	}
	b[6] = b[6]&0x0f | 0x40 // version 4: random
	b[8] = b[8]&0x3f | 0x80 // the variant of RFC 9562
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}
