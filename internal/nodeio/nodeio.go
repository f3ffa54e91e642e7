// Package nodeio reads what nodes print, whatever engine runs them: lines on
// stdout that are messages, and lines on stderr that are kept for the reports of
// errors.
package nodeio

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"glomers/checkers/journal"
)

// Limits on what a node may do to the runner's memory.
const (
	MaxLine   = 8 << 20  // bytes of one line on stdout
	MaxUnread = 64 << 20 // bytes that wait for a node to read its stdin
	keptLines = 32       // last lines of stdout and stderr, for error messages
)

// An Error is what a node did wrong.
type Error struct {
	Node   string
	Msg    string
	Stdout []string // the last lines
	Stderr []string // the last lines
	Crash  []string // the first lines of a crash report on stderr, if there is one
}

func (e *Error) Error() string { return fmt.Sprintf("node %s %s", e.Node, e.Msg) }

// Describe returns the last lines of a node's output, for people.
func (e *Error) Describe() string {
	const few = 12
	var b strings.Builder
	stderr, heading := e.Stderr[max(0, len(e.Stderr)-few):], "its last lines on stderr"
	if len(e.Crash) > 0 {
		stderr, heading = e.Crash, "it crashed, saying on stderr"
	}
	for _, part := range []struct {
		heading string
		lines   []string
	}{{"its last lines on stdout", e.Stdout[max(0, len(e.Stdout)-few):]}, {heading, stderr}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&b, "%s:\n", part.heading)
			for _, line := range part.lines {
				fmt.Fprintf(&b, "    %s\n", line)
			}
		}
	}
	return b.String()
}

// Output remembers what a node printed last. It is safe for concurrent use.
type Output struct {
	mu             sync.Mutex
	stdout, stderr recent
	crash          []string
}

// recent keeps the last lines.
type recent []string

func (r *recent) add(line []byte) {
	const width = 500
	s := string(line[:min(len(line), width)])
	if len(line) > width {
		s += "…"
	}
	if *r = append(*r, s); len(*r) > keptLines {
		*r = (*r)[1:]
	}
}

// Message parses a line that a node printed on stdout. The line has no spaces
// around it.
func (o *Output) Message(line []byte) (journal.Message, error) {
	o.mu.Lock()
	o.stdout.add(line)
	o.mu.Unlock()
	m, err := journal.Parse(line)
	if err != nil {
		return m, fmt.Errorf("printed a line on stdout that is not a message: %w: %s", err, Shorten(line))
	}
	return m, nil
}

// TooLong is the error for a line on stdout that is longer than MaxLine.
func TooLong(line []byte) error {
	return fmt.Errorf("printed a line of more than %d MiB on stdout; it begins with %.60q", MaxLine>>20, line)
}

// Unread is the error for a node that lets its stdin run full.
func Unread(waiting int) error {
	return fmt.Errorf("does not read its stdin: %d MiB of messages are waiting for it", waiting>>20)
}

// ErrExited is the error for a node that ends without a fault.
var ErrExited = errors.New("exited with status 0 during the test")

// Stderr remembers a line that a node printed there.
func (o *Output) Stderr(line []byte) {
	const enough = 12 // of a crash report, whose end may push its beginning out of the last lines
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stderr.add(line)
	begins := bytes.HasPrefix(line, []byte("panic: ")) || bytes.HasPrefix(line, []byte("fatal error: ")) || bytes.HasPrefix(line, []byte("Traceback "))
	if begins && len(o.crash) == 0 || len(o.crash) > 0 && len(o.crash) < enough {
		o.crash = append(o.crash, string(line[:min(len(line), 500)]))
	}
}

// Fail makes an Error of what a node did, with what it printed last.
func (o *Output) Fail(node string, err error) *Error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return &Error{Node: node, Msg: err.Error(), Stdout: slices.Clone(o.stdout), Stderr: slices.Clone(o.stderr), Crash: slices.Clone(o.crash)}
}

// Deliver hands a message of a node to receive, which returns an error for one
// that cannot be delivered.
func Deliver(node string, m journal.Message, receive func(journal.Message) error) error {
	if m.Src != node {
		return fmt.Errorf(`printed a message whose "src" is %q, not its own id: %s`, m.Src, Shorten(m.Append(nil)))
	}
	if err := receive(m); err != nil {
		return fmt.Errorf("printed a message that cannot be delivered: %w: %s", err, Shorten(m.Append(nil)))
	}
	return nil
}

// Shorten quotes the beginning of a text.
func Shorten(text []byte) string {
	if len(text) > 200 {
		return fmt.Sprintf("%q…", text[:200])
	}
	return fmt.Sprintf("%q", text)
}
