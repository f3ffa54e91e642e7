// Package nodeio interprets what nodes print, whichever engine runs them.
//
// A node prints messages on stdout, one JSON object a line, and whatever it
// likes on stderr. An engine hands each line to the node's [Output], which
// parses the messages, counts what was printed against the limits of this
// package, and remembers the last lines. Stderr goes to the node's [Log] as
// well:
//
//	m, err := output.Message(line)            // a line of stdout, trimmed
//	if err == nil {
//		err = nodeio.Deliver(id, m, receive) // hand it to the network
//	}
//	if err != nil {
//		return output.Fail(id, err)          // an *Error: ends the run
//	}
//
// A node that breaks the protocol or a limit ends the run with an [Error]. Its
// message completes the sentence "node n0 …", and [Error.Describe] shows what
// the node printed last.
//
// All text that an Error shows has been made safe for a terminal, see
// [Printable].
package nodeio

import (
	"errors"
	"fmt"
	"strings"

	"glomers/checkers/brief"
	"glomers/checkers/journal"
)

// The limits on what a node may make the runner store.
const (
	MaxLine   = 8 << 20  // bytes of one line on stdout; longer lines on stderr are split
	MaxUnread = 64 << 20 // bytes of messages that wait for a node to read its stdin
	MaxOutput = 1 << 30  // bytes that a node may print on stdout, and again on stderr
	MaxLog    = 64 << 20 // bytes of its stderr that are kept in the node's log
)

// An Error says what a node did wrong, and what it had printed by then.
type Error struct {
	Node   string
	Msg    string   // completes "node n0 …", such as "exited with status 3"
	Err    error    // what Msg was made from
	Stdout []string // the last lines, the newest last
	Stderr []string // the last lines, the newest last
	Crash  []string // the first lines of a crash report on stderr, if there is one
}

func (e *Error) Error() string { return fmt.Sprintf("node %s %s", e.Node, e.Msg) }

// Unwrap returns the error that the node failed with.
func (e *Error) Unwrap() error { return e.Err }

// Describe returns the last lines that the node printed, under headings, for
// people. It is empty if the node printed nothing. Control characters are
// escaped.
func (e *Error) Describe() string {
	const few = 12
	var b strings.Builder
	stderr, heading := e.Stderr[max(0, len(e.Stderr)-few):], "its last lines on stderr"
	if len(e.Crash) > 0 {
		stderr, heading = e.Crash, "its crash report on stderr"
	}
	for _, part := range []struct {
		heading string
		lines   []string
	}{{"its last lines on stdout", e.Stdout[max(0, len(e.Stdout)-few):]}, {heading, stderr}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&b, "%s:\n", part.heading)
			for _, line := range part.lines {
				fmt.Fprintf(&b, "    %s\n", Printable(line))
			}
		}
	}
	return b.String()
}

// ErrExited is the error for a node that ends, without a fault, before the test
// does.
var ErrExited = errors.New("exited with status 0 during the test; a node must go on until its stdin is closed")

// TooLong returns the error for a line on stdout of more than MaxLine bytes.
// The line may be incomplete.
func TooLong(line []byte) error {
	return fmt.Errorf("printed a line of more than %d MiB on stdout; it begins with %.60q", MaxLine>>20, line)
}

// Unread returns the error for a node that does not read its stdin while
// more than MaxUnread bytes wait for it.
func Unread(waiting int) error {
	return fmt.Errorf("does not read its stdin: %d MiB of messages are waiting for it", waiting>>20)
}

// errTooMuch is the error for a node that printed more than MaxOutput bytes.
func errTooMuch(stream string) error {
	return fmt.Errorf("printed more than %d MiB on %s; it seems to print in an endless loop", MaxOutput>>20, stream)
}

// Deliver hands a message that a node printed to receive, which returns an
// error for a message that cannot be delivered. A message in another node's
// name is an error, too.
func Deliver(node string, m journal.Message, receive func(journal.Message) error) error {
	if m.Src != node {
		return fmt.Errorf(`printed a message whose "src" is %q, not its own id: %s`, m.Src, brief.Quote(m.Append(nil), shown))
	}
	if err := receive(m); err != nil {
		return fmt.Errorf("printed a message that cannot be delivered: %w: %s", err, brief.Quote(m.Append(nil), shown))
	}
	return nil
}
