package nodeio

import (
	"fmt"
	"io"
	"sync"
)

// Log is the log of a node: it keeps the first MaxLog bytes that are written to
// it, and says at its end that there was more. It is safe for concurrent use:
// the last output of a process that was killed may come while its successor
// starts.
type Log struct {
	mu   sync.Mutex
	w    io.WriteCloser
	left int
	full bool
	last byte // the last byte kept
}

// NewLog returns a log that is kept in w.
func NewLog(w io.WriteCloser) *Log { return &Log{w: w, left: MaxLog} }

// Write keeps what fits, in whole writes. What does not fit is discarded
// without an error: a node is not to blame for the size of its log, nor is a
// full disk a reason to stop it.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.full:
	case len(p) > l.left:
		l.full = true
		if l.last != 0 && l.last != '\n' {
			io.WriteString(l.w, "\n")
		}
		fmt.Fprintf(l.w, "[this log is limited to %d MiB: what the node printed from here on is not kept]\n", MaxLog>>20)
	case len(p) > 0:
		l.left -= len(p)
		l.last = p[len(p)-1]
		l.w.Write(p)
	}
	return len(p), nil
}

// Close closes the file below.
func (l *Log) Close() error { return l.w.Close() }
