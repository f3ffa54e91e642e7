package network

import (
	"container/heap"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
)

// inbox holds the messages that are on the way to one receiver.
//
// It is Maelstrom's queue: the receiver takes the message that is due first, waits
// until it is due, and takes no other one meanwhile. So a message from a client,
// which is due at once, waits behind one from another node that was taken
// earlier.
// Whether a partition stops a message is decided when it is taken.
//
// A node that was killed and comes back gets only what is due from then on, see reopen.
type inbox struct {
	endpoint Endpoint // nil when it was detached
	waiting  queue
	taking   *kernel.Timer // of the event that takes or delivers the next message; nil if there is none
	taken    *envelope     // the message that was taken and is not due yet
}

// envelope is a queued message and the earliest time at which it may be delivered.
type envelope struct {
	due     time.Duration
	order   int64 // of arrival in the queue
	message journal.Message
}

// put queues a message for its receiver.
func (n *Network) put(m journal.Message, due time.Duration) {
	box := n.inboxes[m.Dest]
	heap.Push(&box.waiting, envelope{due, n.queued, m})
	n.queued++
	if box.taking == nil {
		box.taking = n.kernel.After(0, func() { n.take(box) })
	}
}

// take takes the next message that no partition stops, and delivers it when it is
// due.
func (n *Network) take(box *inbox) {
	for len(box.waiting) > 0 {
		e := heap.Pop(&box.waiting).(envelope)
		if n.blocked[e.message.Dest][e.message.Src] {
			n.record(journal.Drop, e.message, "partition")
			continue
		}
		if e.due <= n.kernel.Now() {
			n.deliver(box, e.message)
			continue
		}
		box.taken = &e
		box.taking = n.kernel.At(e.due, func() {
			box.taken = nil
			n.deliver(box, e.message)
			n.take(box)
		})
		return
	}
	box.taking = nil
}

// reopen prepares the inbox of a node that was killed for its next life. Whatever is due
// by now was for the life that is over, or came when there was none: it is lost, even
// if it was held up by a message that is due later. What is due later is still on its
// way, the message that the former life waited for included.
func (n *Network) reopen(box *inbox) {
	box.taking.Cancel()
	box.taking = nil
	if box.taken != nil {
		heap.Push(&box.waiting, *box.taken)
		box.taken = nil
	}
	for len(box.waiting) > 0 && box.waiting[0].due <= n.kernel.Now() {
		n.record(journal.Drop, heap.Pop(&box.waiting).(envelope).message, "closed")
	}
	if len(box.waiting) > 0 {
		box.taking = n.kernel.After(0, func() { n.take(box) })
	}
}

// deliver hands a message to its receiver; it is lost if that was detached.
func (n *Network) deliver(box *inbox, m journal.Message) {
	if box.endpoint == nil {
		n.record(journal.Drop, m, "closed")
		return
	}
	n.record(journal.Recv, m, "")
	box.endpoint.Deliver(m)
}

// queue orders envelopes by when they are due.
type queue []envelope

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].due != q[j].due {
		return q[i].due < q[j].due
	}
	return q[i].order < q[j].order
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(x any)   { *q = append(*q, x.(envelope)) }
func (q *queue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = envelope{}
	*q = (*q)[:last]
	return e
}
