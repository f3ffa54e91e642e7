package jepsen

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/journal"
	"glomers/internal/fressian"
)

// JournalDir is the directory of Maelstrom's journal of messages: files of events in
// Fressian. Maelstrom's threads are spread over them, so successive events may be in
// different files.
const JournalDir = "net-journal"

// ReadMessages calls each for every event in the journal of a store, in the order of
// their numbers. It reports whether there is a journal. Times count from the first
// event, because Maelstrom stores those of a clock with an arbitrary origin.
//
// A journal that ends inside an event, as after a killed run, is the error
// journal.ErrTruncated; the other events were delivered.
func ReadMessages(dir fs.FS, each func(journal.Event)) (exists bool, err error) {
	paths, err := fs.Glob(dir, path.Join(JournalDir, "*.fressian"))
	if err != nil || len(paths) == 0 {
		return false, err
	}
	var streams []*stream
	var truncated error
	advance := func(s *stream) error {
		err := s.next()
		if errors.Is(err, journal.ErrTruncated) && truncated == nil {
			truncated = err
		}
		if errors.Is(err, journal.ErrTruncated) {
			return nil
		}
		return err
	}
	for _, p := range paths {
		f, err := dir.Open(p)
		if err != nil {
			return true, err
		}
		defer f.Close()
		s := &stream{path: p, dec: fressian.NewDecoder(f)}
		if err := advance(s); err != nil {
			return true, err
		}
		streams = append(streams, s)
	}
	for start, first := time.Duration(0), true; ; first = false {
		var least *stream
		for _, s := range streams {
			if !s.done && (least == nil || s.id < least.id) {
				least = s
			}
		}
		if least == nil {
			return true, truncated
		}
		if first {
			start = least.event.Time
		}
		least.event.Time -= start
		each(least.event)
		if err := advance(least); err != nil {
			return true, err
		}
	}
}

// stream reads the events of one file, one ahead.
type stream struct {
	path  string
	dec   *fressian.Decoder
	id    int64 // of the event
	event journal.Event
	done  bool
}

// next reads the next event.
func (s *stream) next() error {
	v, err := s.dec.Decode()
	switch {
	case err == io.EOF:
		s.done = true
		return nil
	case errors.Is(err, io.ErrUnexpectedEOF):
		s.done = true
		return fmt.Errorf("%s: %w: %w", s.path, journal.ErrTruncated, err)
	case err != nil:
		return fmt.Errorf("%s: %w", s.path, err)
	}
	var ok bool
	if s.id, s.event, ok = toEvent(v); !ok {
		return fmt.Errorf("%s: byte %d: expected a send or receive of a message, found %s", s.path, s.dec.Offset(), edn.Brief(v, 100))
	}
	return nil
}

// toEvent converts #ev [id time type #msg [id src dest body]].
func toEvent(v any) (id int64, e journal.Event, ok bool) {
	ev, _ := v.(edn.Tagged)
	f, _ := ev.Value.([]any)
	if ev.Tag != "ev" || len(f) != 4 {
		return 0, e, false
	}
	msg, _ := f[3].(edn.Tagged)
	m, _ := msg.Value.([]any)
	if msg.Tag != "msg" || len(m) != 4 {
		return 0, e, false
	}
	var okID, okAt, okMsg, okSrc, okDest bool
	var at int64
	id, okID = f[0].(int64)
	at, okAt = f[1].(int64)
	e.Time = time.Duration(at)
	e.Message.ID, okMsg = m[0].(int64)
	e.Message.Src, okSrc = m[1].(string)
	e.Message.Dest, okDest = m[2].(string)
	e.Message.Body = edn.ToJSON(m[3])
	switch f[2] {
	case edn.Keyword("send"):
		e.Kind = journal.Send
	case edn.Keyword("recv"):
		e.Kind = journal.Recv
	default:
		return 0, e, false
	}
	return id, e, okID && okAt && okMsg && okSrc && okDest
}
