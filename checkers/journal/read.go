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

// The limits of Read, which keep a corrupt journal from exhausting memory.
const (
	MaxLine     = 32 << 20   // bytes of one line
	MaxMessages = 50_000_000 // messages
)

// ErrTruncated is returned by Read, wrapped, for a journal that ends in the middle
// of a line, as after a killed run. The events before it were delivered.
var ErrTruncated = errors.New("the journal ends in the middle of a line")

// A LineError is an error in a line of a journal.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("%d:1: %v", e.Line, e.Err) }

// Unwrap returns the error without the number of the line.
func (e *LineError) Unwrap() error { return e.Err }

// Position returns the number of the line, and column 1.
func (e *LineError) Position() (line, column int) { return e.Line, 1 }

// Read calls f for every event of a journal. Its errors, other than those of f, are
// a *LineError, which wraps what r returned if r could not be read.
func Read(r io.Reader, f func(Event) error) error {
	jr := &reader{lines: bufio.NewReaderSize(r, 256<<10), names: map[string]string{}, sent: map[int64]ends{}}
	first, err := jr.line()
	if err != nil && err != io.EOF && err != ErrTruncated {
		return &LineError{1, err}
	}
	if err != nil && strings.HasPrefix(header, string(first)) { // nothing was written, or not all of this line
		return &LineError{1, ErrTruncated}
	}
	if err != nil || string(first)+"\n" != header {
		return &LineError{1, fmt.Errorf("expected %q, found %s: not a glomers journal of version 1", strings.TrimSpace(header), brief.Quote(first, 40))}
	}
	for n := 2; ; n++ {
		line, err := jr.line()
		if err == io.EOF {
			return nil
		}
		var e Event
		if err == nil {
			e, err = jr.event(line)
		}
		if err != nil {
			return &LineError{n, err}
		}
		if err := f(e); err != nil {
			return err
		}
	}
}

// reader reads a journal.
type reader struct {
	lines *bufio.Reader
	long  []byte            // a line that does not fit into the buffer of lines
	names map[string]string // the names of nodes, once each
	sent  map[int64]ends
}

// ends are the source and the destination of a message.
type ends struct{ src, dest string }

// line returns the next line without its line feed, valid until the next call.
func (r *reader) line() ([]byte, error) {
	r.long = r.long[:0]
	for {
		part, err := r.lines.ReadSlice('\n')
		switch {
		case err == nil && len(r.long) == 0:
			return part[:len(part)-1], nil
		case len(r.long)+len(part) > MaxLine:
			return nil, fmt.Errorf("a line longer than %d MiB, the limit", MaxLine>>20)
		}
		r.long = append(r.long, part...)
		switch {
		case err == nil:
			return r.long[:len(r.long)-1], nil
		case err == io.EOF && len(r.long) > 0:
			return nil, ErrTruncated
		case err != bufio.ErrBufferFull:
			return nil, err
		}
	}
}

func (r *reader) event(line []byte) (Event, error) {
	fields := bytes.SplitN(line, []byte{' '}, 6)
	if len(fields) < 3 || len(fields[0]) != 1 {
		return Event{}, fmt.Errorf("expected an event such as %q, found %s", "r 12 401822", brief.Quote(line, 60))
	}
	id, err1 := strconv.ParseInt(string(fields[1]), 10, 64)
	at, err2 := strconv.ParseInt(string(fields[2]), 10, 64)
	if err1 != nil || err2 != nil {
		return Event{}, fmt.Errorf("id and time must be numbers, found %s and %s", brief.Quote(fields[1], 20), brief.Quote(fields[2], 20))
	}
	e := Event{Kind: Kind(fields[0][0]), Time: time.Duration(at), Message: Message{ID: id}}
	switch {
	case e.Kind == Send && len(fields) == 6:
		e.Message.Src, e.Message.Dest = r.name(fields[3]), r.name(fields[4])
		e.Message.Body = json.RawMessage(bytes.Clone(fields[5]))
		if len(r.sent) >= MaxMessages {
			return Event{}, fmt.Errorf("more than %d messages, the limit", MaxMessages)
		}
		r.sent[id] = ends{e.Message.Src, e.Message.Dest}
		return e, nil
	case e.Kind == Recv && len(fields) == 3:
	case e.Kind == Drop && len(fields) == 4:
		e.Reason = string(fields[3])
	default:
		return Event{}, fmt.Errorf("unknown event %s", brief.Quote(line, 60))
	}
	sent, ok := r.sent[id]
	if !ok {
		return Event{}, fmt.Errorf("message %d was never sent", id)
	}
	e.Message.Src, e.Message.Dest = sent.src, sent.dest
	return e, nil
}

// name returns the name of a node. It is interned, so that it is stored once and does
// not keep the line in memory.
func (r *reader) name(field []byte) string {
	if name, ok := r.names[string(field)]; ok {
		return name
	}
	name := unescapeID(string(field))
	if len(r.names) < 1<<16 {
		r.names[string(field)] = name
	}
	return name
}

func unescapeID(id string) string {
	if strings.Contains(id, "%") {
		return strings.NewReplacer("%25", "%", "%20", " ", "%0A", "\n", "%0D", "\r", "%", "").Replace(id)
	}
	return id
}
