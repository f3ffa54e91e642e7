package nodeio

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"glomers/checkers/brief"
	"glomers/checkers/journal"
)

// Output follows what one node prints: it parses messages, enforces MaxOutput,
// and remembers the last lines for an [Error]. The zero value is ready to use.
// It is safe for concurrent use, since stdout and stderr may be read by
// different goroutines.
type Output struct {
	mu             sync.Mutex
	stdout, stderr stream
	crash          []string
	misplaced      bool // a message was printed on stderr
}

// stream is what is known of stdout or stderr.
type stream struct {
	bytes int
	lines int
	last  [keptLines][]byte // the beginning of line i is at i % keptLines
}

const (
	keptLines = 32  // of each stream
	keptWidth = 500 // runes of each kept line
	crashSize = 12  // lines of a crash report
	shown     = 200 // runes of a line that an error quotes
)

// add counts a line with its line feed, and reports whether the stream is
// within its limit.
func (s *stream) add(line []byte) bool {
	at := &s.last[s.lines%keptLines]
	*at = append((*at)[:0], line[:min(len(line), (keptWidth+1)*utf8.UTFMax)]...)
	s.lines++
	s.bytes += len(line) + 1
	return s.bytes <= MaxOutput
}

// kept returns the last lines, the newest last.
func (s *stream) kept() []string {
	var lines []string
	for i := max(0, s.lines-keptLines); i < s.lines; i++ {
		lines = append(lines, brief.Text(string(s.last[i%keptLines]), keptWidth))
	}
	return lines
}

// Message parses a line that the node printed on stdout. The line has no space
// around it.
func (o *Output) Message(line []byte) (journal.Message, error) {
	o.mu.Lock()
	within := o.stdout.add(line)
	o.mu.Unlock()
	if !within {
		return journal.Message{}, errTooMuch("stdout")
	}
	m, err := journal.Parse(line)
	if err != nil {
		const advice = "stdout is for messages only, print everything else on stderr"
		if line[0] == '{' {
			return m, fmt.Errorf("printed a line on stdout that is not a message: %w: %s", err, brief.QuoteAround(line, faultOffset(err), shown))
		}
		return m, fmt.Errorf("printed a line on stdout that is not a message: %w: %s; %s", err, brief.QuoteAround(line, faultOffset(err), shown), advice)
	}
	return m, nil
}

// Blank takes a line of stdout that holds nothing. The error is that of a node that has
// printed more than MaxOutput bytes.
func (o *Output) Blank(line []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.stdout.bytes += len(line); o.stdout.bytes > MaxOutput {
		return errTooMuch("stdout")
	}
	return nil
}

// faultOffset returns which byte of a line an error is about.
func faultOffset(err error) int {
	var parse *journal.ParseError
	if errors.As(err, &parse) {
		return parse.Offset
	}
	return 0
}

// Stderr takes a line that the node printed there, without its line feed. The
// error is that of a node that has printed more than MaxOutput bytes.
func (o *Output) Stderr(line []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	within := o.stderr.add(line)
	// The end of a long crash report pushes its beginning, which says what
	// happened, out of the last lines; so the beginning is kept apart.
	if len(o.crash) == 0 && beginsCrash(line) || len(o.crash) > 0 && len(o.crash) < crashSize {
		o.crash = append(o.crash, brief.Text(line, keptWidth))
	}
	if !o.misplaced && bytes.HasPrefix(line, []byte("{")) {
		_, err := journal.Parse(line)
		o.misplaced = err == nil
	}
	if !within {
		return errTooMuch("stderr")
	}
	return nil
}

// beginsCrash recognizes the first line of a crash report of Go and Python.
func beginsCrash(line []byte) bool {
	return slices.ContainsFunc([]string{"panic: ", "fatal error: ", "Traceback "}, func(beginning string) bool {
		return bytes.HasPrefix(line, []byte(beginning))
	})
}

// Fail returns the Error of a node that did what err says, with what the node
// printed last.
func (o *Output) Fail(node string, err error) *Error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return &Error{
		Node: node, Msg: err.Error(), Err: err,
		Stdout: o.stdout.kept(), Stderr: o.stderr.kept(), Crash: slices.Clone(o.crash),
	}
}

// FailSilent returns the Error of a node that did not answer, as err says. It
// adds what the node printed instead, and the usual reason.
func (o *Output) FailSilent(node string, err error) *Error {
	e := o.Fail(node, err)
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.misplaced:
		e.Msg += "; it printed a message on stderr, but messages belong on stdout"
	case o.stdout.bytes == 0 && o.stderr.bytes == 0:
		e.Msg += "; it printed nothing at all" + flushing
	case o.stdout.bytes == 0:
		e.Msg += "; it printed nothing on stdout" + flushing
	}
	return e
}

// flushing is the usual reason why an answer does not arrive: unlike a terminal,
// a pipe is written to when the buffer of the standard library is full.
const flushing = ". If it does print an answer, flush stdout after each message: otherwise the answer waits in a buffer" +
	" (C: fflush(stdout); Python: print(…, flush=True))"
