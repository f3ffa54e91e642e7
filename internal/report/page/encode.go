package page

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
)

// The limits of the page, which keep it small enough to open whatever the run is.
const (
	mostMessages = 500_000  // that the diagram shows
	mostOps      = 200_000  // operations that the page shows
	mostNames    = 5_000    // nodes, clients and types
	mostBody     = 4 << 10  // bytes of a message's body
	mostBodies   = 9 << 20  // bytes of all bodies, compressed; of further ones only the beginning is kept
	shortBody    = 96       // bytes of that beginning
	mostValue    = 400      // runes of an operation's value
	mostLogs     = 12 << 20 // bytes of all logs
	mostLog      = 4 << 20  // bytes of a node's log, half of them from its end
)

// columns are numbers by column, as varints.
type columns struct{ bytes.Buffer }

func (c *columns) number(v uint64) {
	var b [binary.MaxVarintLen64]byte
	c.Write(b[:binary.PutUvarint(b[:], v)])
}

// block is a text that is compressed as it is written.
type block struct {
	compressed bytes.Buffer
	w          *flate.Writer
}

func newBlock() *block {
	b := &block{}
	b.w, _ = flate.NewWriter(&b.compressed, flate.BestSpeed) // the level exists
	return b
}

func (b *block) Write(p []byte) (int, error) { return b.w.Write(p) }

// base64 ends the block and returns it in base64.
func (b *block) base64() (string, error) {
	if err := b.w.Close(); err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(b.compressed.Bytes()), nil
}

// writeIndex writes the length of a JSON text, the text, and the columns.
func writeIndex(w io.Writer, index any, c *columns) error {
	text, err := json.Marshal(index)
	if err != nil {
		return err
	}
	if err := binary.Write(w, binary.LittleEndian, uint32(len(text))); err != nil {
		return err
	}
	if _, err := w.Write(text); err != nil {
		return err
	}
	_, err = w.Write(c.Bytes())
	return err
}

// names numbers strings in the order in which they are met. There are at most
// mostNames of them; further ones share the last number.
type names struct {
	list  []string
	index map[string]int
}

func (n *names) of(s string) int {
	if i, ok := n.index[s]; ok {
		return i
	}
	if n.index == nil {
		n.index = map[string]int{}
	}
	if len(n.list) == mostNames {
		return mostNames - 1
	}
	if len(n.list) == mostNames-1 {
		s = "(others)"
	}
	n.index[s] = len(n.list)
	n.list = append(n.list, s)
	return n.index[s]
}
