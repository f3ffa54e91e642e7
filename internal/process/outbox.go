package process

import (
	"io"
	"sync"

	"glomers/checkers/journal"
)

// outbox writes messages to a node's stdin from a goroutine of its own. Messages
// queued while one write is under way are written together by the next.
type outbox struct {
	w      io.WriteCloser
	mu     sync.Mutex
	some   *sync.Cond // buf is not empty, or closed
	buf    []byte
	closed bool
}

// newOutbox returns an outbox that writes to w, and closes it in the end.
func newOutbox(w io.WriteCloser) *outbox {
	o := &outbox{w: w}
	o.some = sync.NewCond(&o.mu)
	go o.run()
	return o
}

// put queues a message and returns the number of bytes queued.
func (o *outbox) put(m journal.Message) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.buf = append(m.Append(o.buf), '\n')
	o.some.Signal()
	return len(o.buf)
}

// run writes until the outbox is closed.
func (o *outbox) run() {
	var spare []byte
	for {
		o.mu.Lock()
		for len(o.buf) == 0 && !o.closed {
			o.some.Wait()
		}
		if o.closed {
			o.mu.Unlock()
			o.w.Close()
			return
		}
		out := o.buf
		o.buf = spare[:0]
		o.mu.Unlock()
		o.w.Write(out) // an error means that the node has ended, which family.wait reports
		if spare = out; cap(spare) > 1<<20 {
			spare = nil
		}
	}
}

// close closes the node's stdin. What is still queued is lost.
func (o *outbox) close() {
	o.mu.Lock()
	o.closed = true
	o.some.Signal()
	o.mu.Unlock()
}
