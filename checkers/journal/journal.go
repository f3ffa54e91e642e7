// Package journal writes and reads the messages of a run: every send, every
// receive and every loss, in the order in which the network saw them. It computes
// Maelstrom's network statistics from them, such as the messages per operation.
//
// # Format
//
// A journal is UTF-8 text, one event a line, fields separated by one space. Times
// are nanoseconds since the start of the run.
//
//	glomers-journal 1                 the first line: format and version
//	s ID TIME SRC DEST BODY           a message was sent; BODY is its JSON object
//	r ID TIME                         it was handed to its destination
//	d ID TIME REASON                  it was lost: partition, loss or closed
//
// IDs count up from 0. In SRC and DEST a space is %20, a line feed %0A, a carriage
// return %0D, a percent sign %25; an empty name is %.
//
// A run that is killed leaves a journal that ends early, possibly in the middle of a
// line; everything before that is intact. A journal cut off between two lines looks
// complete: compare Stats.Events with the number of events that the run recorded.
package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Message is a message from one node, client or service to another.
type Message struct {
	ID        int64
	Src, Dest string
	Body      json.RawMessage // a JSON object
}

// IsClient reports whether a node id belongs to a client, by Maelstrom's rule:
// it begins with c.
func IsClient(id string) bool { return strings.HasPrefix(id, "c") }

// InvolvesClient reports whether a client sent the message or gets it.
func (m *Message) InvolvesClient() bool { return IsClient(m.Src) || IsClient(m.Dest) }

// Append appends the line that a node reads on stdin, without a line feed.
func (m *Message) Append(dst []byte) []byte {
	dst = slices.Grow(dst, len(`{"id":,"src":"","dest":"","body":}`)+20+len(m.Src)+len(m.Dest)+len(m.Body)+1)
	dst = strconv.AppendInt(append(dst, `{"id":`...), m.ID, 10)
	dst = appendQuoted(append(dst, `,"src":`...), m.Src)
	dst = appendQuoted(append(dst, `,"dest":`...), m.Dest)
	dst = append(append(dst, `,"body":`...), m.Body...)
	return append(dst, '}')
}

func (m Message) String() string { return string(m.Append(nil)) }

func appendQuoted(dst []byte, s string) []byte {
	if plain(s) {
		return append(append(append(dst, '"'), s...), '"')
	}
	text, _ := json.Marshal(s) // a string always has a JSON form
	return append(dst, text...)
}

// plain reports whether a string consists of letters, digits and hyphens, as the ids of
// nodes do.
func plain(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' {
			return false
		}
	}
	return true
}

// The ids of Maelstrom's services (doc/services.md). A service counts as a server.
const (
	LinKV  = "lin-kv"  // linearizable key-value store
	LinTSO = "lin-tso" // linearizable source of ascending timestamps
	LWWKV  = "lww-kv"  // eventually consistent key-value store: the last write wins
	SeqKV  = "seq-kv"  // sequentially consistent key-value store
)

// IsService reports whether an id is that of a service.
func IsService(id string) bool {
	return id == LinKV || id == LinTSO || id == LWWKV || id == SeqKV
}

// Kind is what happened to a message.
type Kind byte

// The kinds of event.
const (
	Send Kind = 's' // the network accepted the message
	Recv Kind = 'r' // its destination got it
	Drop Kind = 'd' // it was lost
)

// Event is one line of a journal. Message is complete for a Send; otherwise only
// its ID, Src and Dest are set.
type Event struct {
	Kind    Kind
	Time    time.Duration // since the start of the run
	Message Message
	Reason  string // of a Drop, one word
}

const header = "glomers-journal 1\n"

// Writer writes a journal. It buffers; call Flush before relying on what is on
// disk. The first error is kept and returned by Flush.
type Writer struct {
	w   *bufio.Writer
	buf []byte
	err error
}

// NewWriter begins a journal on w.
func NewWriter(w io.Writer) *Writer {
	jw := &Writer{w: bufio.NewWriterSize(w, 256<<10)}
	_, jw.err = jw.w.WriteString(header)
	return jw
}

// Record writes one event.
func (w *Writer) Record(e Event) {
	b := append(w.buf[:0], byte(e.Kind), ' ')
	b = append(strconv.AppendInt(b, e.Message.ID, 10), ' ')
	b = strconv.AppendInt(b, int64(e.Time), 10)
	switch e.Kind {
	case Send:
		b = append(append(b, ' '), escapeID(e.Message.Src)...)
		b = append(append(b, ' '), escapeID(e.Message.Dest)...)
		b = append(append(b, ' '), oneLine(e.Message.Body)...)
	case Drop:
		b = append(append(b, ' '), e.Reason...)
	}
	w.buf = append(b, '\n')
	if w.err == nil {
		_, w.err = w.w.Write(w.buf)
	}
}

// escapeID escapes the characters that would end a field.
func escapeID(id string) string {
	if id == "" || strings.ContainsAny(id, " \n\r%") {
		if id == "" {
			return "%"
		}
		return strings.NewReplacer("%", "%25", " ", "%20", "\n", "%0A", "\r", "%0D").Replace(id)
	}
	return id
}

// oneLine returns body without line breaks, which JSON has only between tokens.
func oneLine(body json.RawMessage) []byte {
	if bytes.IndexByte(body, '\n') < 0 && bytes.IndexByte(body, '\r') < 0 {
		return body
	}
	var b bytes.Buffer
	if json.Compact(&b, body) != nil {
		return []byte("{}")
	}
	return b.Bytes()
}

// Flush writes what is buffered and returns the first error of any write.
func (w *Writer) Flush() error {
	if err := w.w.Flush(); w.err == nil {
		w.err = err
	}
	return w.err
}
