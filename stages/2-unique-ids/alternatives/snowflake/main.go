// Snowflake: time, node and sequence number in 63 bits. The milliseconds since an
// epoch of its own come first, then ten bits for the node and twelve for the
// ids within a millisecond, so that ids are small and sort by time.
//
// Cost: 4096 ids a millisecond and node, for 69 years. When a millisecond is
// used up, or the clock goes back, the generator runs ahead of the clock and
// never returns to a time that it has used. That knowledge is lost with the
// process: one that is killed and starts again with a clock that went back may
// repeat ids. A careful installation therefore writes down how far its ids have
// gone, and does not start before the clock has passed that time.
//
// The id is sent as a string. As a JSON number it would be a float64 to many
// readers, the Maelstrom library among them, and lose its last bits.
package main

import (
	"log"
	"slices"
	"strconv"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	nodeBits     = 10
	sequenceBits = 12
)

var epoch = time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC)

// generator hands out the ids of one node.
type generator struct {
	mu       sync.Mutex
	last     int64 // the millisecond of the last id
	sequence int64 // its number within that millisecond
}

func (g *generator) next(node int) int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if now := time.Since(epoch).Milliseconds(); now > g.last {
		g.last, g.sequence = now, 0
	} else if g.sequence++; g.sequence == 1<<sequenceBits {
		g.last, g.sequence = g.last+1, 0
	}
	return g.last<<(nodeBits+sequenceBits) | int64(node)<<sequenceBits | g.sequence
}

func main() {
	n := maelstrom.NewNode()
	var g generator

	n.Handle("generate", func(msg maelstrom.Message) error {
		id := g.next(slices.Index(n.NodeIDs(), n.ID()))
		return n.Reply(msg, map[string]any{
			"type": "generate_ok",
			"id":   strconv.FormatInt(id, 10),
		})
	})

	if err := n.Run(); err != nil {
		log.Fatal(err)
	}
}
