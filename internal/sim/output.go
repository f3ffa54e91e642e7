package sim

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/nodeio"
)

// write takes what the program writes.
func (n *node) write(o Output) error {
	n.usage.at(o.At)
	if o.Stream == Stdout {
		return n.writeStdout(o.At, o.Data)
	}
	return n.writeStderr(o.At, o.Data)
}

// writeStdout sends complete lines to the network.
func (n *node) writeStdout(at time.Duration, text []byte) error {
	if err := n.usage.addStdout(len(text)); err != nil {
		return err
	}
	for len(text) > 0 {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			if n.stdoutLine = append(n.stdoutLine, text...); len(n.stdoutLine) > nodeio.MaxLine {
				return nodeio.TooLong(n.stdoutLine)
			}
			return nil
		}
		line := text[:i]
		if len(n.stdoutLine) > 0 {
			line = append(n.stdoutLine, line...)
			n.stdoutLine = n.stdoutLine[:0]
		}
		text = text[i+1:]
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(line) > nodeio.MaxLine {
			return nodeio.TooLong(line)
		}
		if err := n.usage.addMessage(); err != nil {
			return err
		}
		m, err := n.output.Message(line)
		if err != nil {
			return err
		}
		if err := n.send(at, m); err != nil {
			return err
		}
	}
	return nil
}

// send hands a message to the network at the time when the node printed it, and
// after those that it printed before.
func (n *node) send(at time.Duration, m journal.Message) error {
	if n.unsent == 0 && at <= n.engine.kernel.Now() {
		return nodeio.Deliver(n.id, m, n.engine.receive)
	}
	n.unsent++
	n.engine.kernel.At(at, func() {
		n.unsent--
		if n.guest == nil { // it was killed before its clock got there
			return
		}
		if err := nodeio.Deliver(n.id, m, n.engine.receive); err != nil {
			n.fail(err)
		}
	})
	return nil
}

// writeStderr logs complete lines.
func (n *node) writeStderr(at time.Duration, text []byte) error {
	if err := n.usage.addStderr(len(text)); err != nil {
		return err
	}
	for len(text) > 0 {
		i := bytes.IndexByte(text, '\n')
		if i < 0 {
			if n.stderrLine = append(n.stderrLine, text...); len(n.stderrLine) > nodeio.MaxLine {
				return n.flushStderr(at)
			}
			return nil
		}
		line := text[:i]
		if len(n.stderrLine) > 0 {
			line = append(n.stderrLine, line...)
			n.stderrLine = n.stderrLine[:0]
		}
		text = text[i+1:]
		if err := n.logLine(at, line); err != nil {
			return err
		}
	}
	return nil
}

// flushStderr logs the beginning of a line that the node did not end.
func (n *node) flushStderr(at time.Duration) error {
	if len(n.stderrLine) == 0 {
		return nil
	}
	err := n.logLine(at, n.stderrLine)
	n.stderrLine = n.stderrLine[:0]
	return err
}

// logLine writes a line to the node's log, after the virtual time in seconds. Above
// the report of a data race it writes what the node had just read.
func (n *node) logLine(at time.Duration, line []byte) error {
	line = bytes.TrimRight(line, "\r")
	if bytes.Equal(line, []byte("WARNING: DATA RACE")) {
		n.engine.racy[n.id] = true
		for message := range bytes.Lines(n.input) {
			fmt.Fprintf(n.log, "%shandling %s\n", appendTime(nil, at), bytes.TrimSpace(message))
		}
	}
	n.logged = append(append(appendTime(n.logged[:0], at), line...), '\n')
	n.log.Write(n.logged) // the log swallows what does not fit
	if n.engine.options.Stderr != nil {
		n.engine.options.Stderr(n.id, string(line))
	}
	if err := n.usage.addLogLine(); err != nil {
		return err
	}
	return n.output.Stderr(line)
}

// appendTime appends what precedes a line in a log: the time in seconds, %11.6f, and a
// space. A log has millions of lines.
func appendTime(dst []byte, at time.Duration) []byte {
	const width = 11
	var digits [32]byte
	text := strconv.AppendFloat(digits[:0], at.Seconds(), 'f', 6, 64)
	for range width - len(text) {
		dst = append(dst, ' ')
	}
	return append(append(dst, text...), ' ')
}
