// Package network carries messages between nodes, clients and services: with a
// latency, out of order, and not at all across a partition.
//
// It follows Maelstrom's network: latency is drawn for each message, and is zero if
// its sender or receiver is a client; every receiver takes messages from a queue of
// its own, one at a time; whether a partition stops a message is decided when it is
// taken.
package network

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
)

// Endpoint receives messages.
type Endpoint interface {
	Deliver(m journal.Message)
}

// Recorder records every send, receive and loss.
type Recorder interface {
	Record(e journal.Event)
}

// Network delivers messages between attached endpoints.
type Network struct {
	kernel  *kernel.Kernel
	latency Latency
	random  *rand.Rand
	journal Recorder
	inboxes map[string]*inbox
	queued  int64 // messages put in an inbox so far
	blocked map[string]map[string]bool
	nextID  int64
	servers int64 // messages sent between servers so far
	faults  faults
}

// faults holds the message faults in force, besides partitions: loss,
// duplication, reordering, delay.
type faults struct {
	random    *rand.Rand
	loss      float64
	duplicate float64
	reorder   time.Duration
	slow      map[string]bool
	slowBy    time.Duration
}

// New returns a network without endpoints.
func New(k *kernel.Kernel, latency Latency, journal Recorder) *Network {
	return &Network{
		kernel:  k,
		latency: latency,
		random:  k.Rand("latency"),
		journal: journal,
		inboxes: map[string]*inbox{},
		faults:  faults{random: k.Rand("message faults")},
	}
}

// Attach connects an endpoint under an id. It replaces an endpoint that was attached
// under the same id: the new one gets what was not due yet, and nothing that its
// predecessor should have got.
func (n *Network) Attach(id string, e Endpoint) {
	if box := n.inboxes[id]; box != nil {
		box.endpoint = e
		n.reopen(box)
		return
	}
	n.inboxes[id] = &inbox{endpoint: e}
}

// Detach disconnects an endpoint. What is on the way to it, or sent to it later,
// is lost without an error: a node may well answer a client that has given up.
func (n *Network) Detach(id string) { n.inboxes[id].endpoint = nil }

// UnknownNodeError reports a message to or from an id under which nothing is attached.
type UnknownNodeError struct {
	Field string // src or dest
	ID    string
	Known []string
}

func (e *UnknownNodeError) Error() string {
	return fmt.Sprintf("its %q is %q, and there is no such node; there are %v", e.Field, e.ID, e.Known)
}

// Send puts a message on the network. Its ID is assigned here.
func (n *Network) Send(src, dest string, body json.RawMessage) error {
	if _, ok := n.inboxes[dest]; !ok {
		return &UnknownNodeError{"dest", dest, n.ids()}
	}
	if _, ok := n.inboxes[src]; !ok {
		return &UnknownNodeError{"src", src, n.ids()}
	}
	m := journal.Message{ID: n.nextID, Src: src, Dest: dest, Body: body}
	n.nextID++
	n.record(journal.Send, m, "")
	if m.InvolvesClient() {
		n.put(m, n.kernel.Now())
		return nil
	}
	n.servers++
	latency := n.latency.draw(n.random)
	f := &n.faults
	delay := time.Duration(0)
	if f.slow[src] || f.slow[dest] {
		delay = f.slowBy
	}
	switch {
	case f.loss > 0 && f.random.Float64() < f.loss:
		n.kernel.After(delay+latency, func() { n.record(journal.Drop, m, "loss") })
		return nil
	case f.duplicate > 0 && f.random.Float64() < f.duplicate:
		n.putAfter(delay+f.upTo(duplicateWithin), m, latency)
	}
	n.putAfter(delay+f.upTo(f.reorder), m, latency)
	return nil
}

// ServerMessages returns how many messages were sent between servers: nodes and
// services.
func (n *Network) ServerMessages() int64 { return n.servers }

// putAfter queues a message that faults delay. The delay passes before the message is
// queued, so that it does not hold up other messages to the receiver, which can
// overtake it.
func (n *Network) putAfter(delay time.Duration, m journal.Message, latency time.Duration) {
	if delay == 0 {
		n.put(m, n.kernel.Now()+latency)
		return
	}
	n.kernel.After(delay, func() { n.put(m, n.kernel.Now()+latency) })
}

// duplicateWithin is the longest time between a message and its duplicate.
const duplicateWithin = 100 * time.Millisecond

// upTo draws a delay between 0 and most.
func (f *faults) upTo(most time.Duration) time.Duration {
	if most == 0 {
		return 0
	}
	return time.Duration(f.random.Float64() * float64(most))
}

// Lose makes the network lose a fraction of the messages between servers, 0 for
// none.
func (n *Network) Lose(fraction float64) { n.faults.loss = fraction }

// Duplicate makes a fraction of the messages between servers arrive twice.
func (n *Network) Duplicate(fraction float64) { n.faults.duplicate = fraction }

// Reorder delays each message between servers by up to the given time, so that
// they overtake each other.
func (n *Network) Reorder(most time.Duration) { n.faults.reorder = most }

// Slow delays all messages between servers from and to the given nodes.
func (n *Network) Slow(nodes []string, by time.Duration) {
	n.faults.slow, n.faults.slowBy = map[string]bool{}, by
	for _, id := range nodes {
		n.faults.slow[id] = true
	}
}

// record adds an event of now to the journal.
func (n *Network) record(kind journal.Kind, m journal.Message, reason string) {
	n.journal.Record(journal.Event{Kind: kind, Time: n.kernel.Now(), Message: m, Reason: reason})
}

// ids returns the ids of the attached endpoints that are not clients.
func (n *Network) ids() []string {
	var ids []string
	for _, id := range slices.Sorted(maps.Keys(n.inboxes)) {
		if n.inboxes[id].endpoint != nil && !journal.IsClient(id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// Partition makes each receiver drop what comes from the given senders, in
// addition to what it drops already.
func (n *Network) Partition(grudge map[string][]string) {
	if n.blocked == nil {
		n.blocked = map[string]map[string]bool{}
	}
	for receiver, senders := range grudge { // unordered: into a map of sets
		if n.blocked[receiver] == nil {
			n.blocked[receiver] = map[string]bool{}
		}
		for _, s := range senders {
			n.blocked[receiver][s] = true
		}
	}
}

// Heal ends all partitions.
func (n *Network) Heal() { n.blocked = nil }
