package sim

import (
	"fmt"
	"time"
)

// The limits of a node within one second of virtual time. They are far above
// what a program needs, and low enough that a program which floods the run is
// stopped within seconds: ten thousand messages a second is more than a process
// handles in real time.
const (
	maxMessages = 100_000  // printed on stdout
	maxBytes    = 64 << 20 // printed on stdout and on stderr, each
	maxLogLines = 200_000  // printed on stderr
	maxWakeups  = 100_000  // by timers
)

// maxWaiting is how many messages may wait for a node that runs, besides those that a
// pause has left behind. At the default CPU cost that is two and a half seconds of work:
// a node that is farther behind gets messages faster than it can handle them.
const maxWaiting = 50_000

// errOverrun is the error of a node for which more messages wait than it will ever handle.
func errOverrun() error {
	return fmt.Errorf("cannot keep up: more than %d messages are waiting for it; look for a message that causes others whenever it arrives, even if it says nothing new, for one that is sent again too soon, or for a load that is too high for the CPU time of a message (--cpu-cost)", maxWaiting)
}

// maxKept is how many bytes of a node's files are copied at the end of a run.
const maxKept = 64 << 20

// usage is what a node used within the current second of its clock.
type usage struct {
	second                                      time.Duration
	messages, logLines, stdout, stderr, wakeups int
}

// at begins a new count when a new second has begun.
func (u *usage) at(clock time.Duration) {
	if second := clock.Truncate(time.Second); second != u.second {
		*u = usage{second: second}
	}
}

// addMessage counts a message on stdout.
func (u *usage) addMessage() error {
	if u.messages++; u.messages > maxMessages {
		return fmt.Errorf("floods the network: it printed more than %d messages within a second of virtual time", maxMessages)
	}
	return nil
}

// addStdout counts bytes on stdout.
func (u *usage) addStdout(bytes int) error {
	if u.stdout += bytes; u.stdout > maxBytes {
		return fmt.Errorf("floods its stdout: it printed more than %d MiB within a second of virtual time", maxBytes>>20)
	}
	return nil
}

// addStderr counts bytes on stderr.
func (u *usage) addStderr(bytes int) error {
	if u.stderr += bytes; u.stderr > maxBytes {
		return fmt.Errorf("floods its stderr: it printed more than %d MiB within a second of virtual time", maxBytes>>20)
	}
	return nil
}

// addLogLine counts a line on stderr.
func (u *usage) addLogLine() error {
	if u.logLines++; u.logLines > maxLogLines {
		return fmt.Errorf("floods its stderr: it printed more than %d lines within a second of virtual time", maxLogLines)
	}
	return nil
}

// addWakeup counts a time that a timer woke the node.
func (u *usage) addWakeup() error {
	if u.wakeups++; u.wakeups > maxWakeups {
		return fmt.Errorf("sets timers without end: they woke it more than %d times within a second of virtual time; wait longer than a few microseconds, or run it with --engine process", maxWakeups)
	}
	return nil
}
