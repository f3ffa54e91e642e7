// Package journal records the messages of a run: every send, every receive and
// every loss, in the order in which the network saw them.
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
// IDs count up from 0. A run that is killed leaves a journal that ends early,
// possibly in the middle of a line; everything before that is intact.
package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"glomers/checkers/brief"
)

// Message is what one node, client or service says to another.
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
	dst = strconv.AppendInt(append(dst, `{"id":`...), m.ID, 10)
	dst = appendQuoted(append(dst, `,"src":`...), m.Src)
	dst = appendQuoted(append(dst, `,"dest":`...), m.Dest)
	dst = append(append(dst, `,"body":`...), m.Body...)
	return append(dst, '}')
}

func (m Message) String() string { return string(m.Append(nil)) }

func appendQuoted(dst []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string always has a JSON form
	return append(dst, text...)
}

// Kind is what happened to a message.
type Kind byte

// The kinds of event.
const (
	Send Kind = 's'
	Recv Kind = 'r'
	Drop Kind = 'd'
)

// Event is one line of a journal. Message is complete for a Send; otherwise only
// its ID, Src and Dest are set.
type Event struct {
	Kind    Kind
	Time    time.Duration // since the start of the run
	Message Message
	Reason  string // of a Drop
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

// escapeID keeps an id of unusual characters one field.
func escapeID(id string) string {
	if id == "" || strings.ContainsAny(id, " \n\r%") {
		return strings.NewReplacer("%", "%25", " ", "%20", "\n", "%0A", "\r", "%0D").Replace(id) + strings.Repeat("%", boolToInt(id == ""))
	}
	return id
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func unescapeID(id string) string {
	if strings.Contains(id, "%") {
		return strings.NewReplacer("%25", "%", "%20", " ", "%0A", "\n", "%0D", "\r", "%", "").Replace(id)
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

// ErrTruncated is returned by Read for a journal that ends in the middle of a
// line, as after a killed run. The events before it were delivered.
var ErrTruncated = errors.New("the journal ends in the middle of a line")

// Read calls f for every event of a journal.
func Read(r io.Reader, f func(Event) error) error {
	br := bufio.NewReaderSize(r, 256<<10)
	first, err := br.ReadString('\n')
	if err != nil || first != header {
		return fmt.Errorf("line 1: expected %q, found %s: not a glomers journal of version 1", strings.TrimSpace(header), brief.Quote(first, 40))
	}
	type ends struct{ src, dest string }
	inFlight := map[int64]ends{}
	for n := 2; ; n++ {
		line, err := br.ReadBytes('\n')
		if err == io.EOF {
			if len(line) > 0 {
				return fmt.Errorf("line %d: %w", n, ErrTruncated)
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		e, err := parseEvent(string(bytes.TrimSuffix(line, []byte{'\n'})))
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		id := e.Message.ID
		if e.Kind == Send {
			inFlight[id] = ends{e.Message.Src, e.Message.Dest}
		} else {
			sent, ok := inFlight[id]
			if !ok {
				return fmt.Errorf("line %d: message %d was never sent", n, id)
			}
			e.Message.Src, e.Message.Dest = sent.src, sent.dest
		}
		if err := f(e); err != nil {
			return err
		}
	}
}

func parseEvent(line string) (Event, error) {
	fields := strings.SplitN(line, " ", 6)
	if len(fields) < 3 || len(fields[0]) != 1 {
		return Event{}, fmt.Errorf("expected an event such as %q, found %s", "r 12 401822", brief.Quote(line, 60))
	}
	id, err1 := strconv.ParseInt(fields[1], 10, 64)
	at, err2 := strconv.ParseInt(fields[2], 10, 64)
	if err1 != nil || err2 != nil {
		return Event{}, fmt.Errorf("id and time must be numbers, found %s and %s", brief.Quote(fields[1], 20), brief.Quote(fields[2], 20))
	}
	e := Event{Kind: Kind(fields[0][0]), Time: time.Duration(at), Message: Message{ID: id}}
	switch {
	case e.Kind == Send && len(fields) == 6:
		e.Message.Src, e.Message.Dest, e.Message.Body = unescapeID(fields[3]), unescapeID(fields[4]), json.RawMessage(fields[5])
	case e.Kind == Recv && len(fields) == 3:
	case e.Kind == Drop && len(fields) == 4:
		e.Reason = fields[3]
	default:
		return Event{}, fmt.Errorf("unknown event %s", brief.Quote(line, 60))
	}
	return e, nil
}

// Traffic counts the messages of one kind of conversation.
type Traffic struct {
	SendCount int64    `json:"send-count"`
	RecvCount int64    `json:"recv-count"`
	MsgCount  int64    `json:"msg-count"` // distinct messages
	MsgsPerOp *float32 `json:"msgs-per-op,omitempty"`
}

// Stats are Maelstrom's network statistics. The zero value is empty.
type Stats struct {
	All     Traffic `json:"all"`
	Clients Traffic `json:"clients"` // from or to a client
	Servers Traffic `json:"servers"` // between nodes and services

	Events int64 `json:"-"` // sends, receives and losses: the lines of the journal after the first
}

// Add counts one event.
func (s *Stats) Add(e Event) {
	s.Events++
	group := &s.Servers
	if e.Message.InvolvesClient() {
		group = &s.Clients
	}
	for _, t := range []*Traffic{&s.All, group} {
		switch e.Kind {
		case Send:
			t.SendCount++
			t.MsgCount++
		case Recv:
			t.RecvCount++
		}
	}
}

// PerOp sets the messages per operation, given the number of operations that
// clients invoked. It leaves them out for a run without operations.
func (s *Stats) PerOp(operations int) {
	if operations == 0 {
		return
	}
	for _, t := range []*Traffic{&s.All, &s.Servers} {
		ratio := float32(float64(t.MsgCount) / float64(operations))
		t.MsgsPerOp = &ratio
	}
}
