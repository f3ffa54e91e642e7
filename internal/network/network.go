// Package network carries messages between nodes, clients and services: with a
// latency, out of order, and not at all across a partition.
//
// It follows Maelstrom's network: latency is drawn for each message and is zero
// where a client takes part; a partition is applied when a message arrives, so
// what is in flight when it begins is lost.
package network

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sort"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
)

// Endpoint receives messages.
type Endpoint interface {
	Deliver(m journal.Message)
}

// Recorder learns of every send, receive and loss.
type Recorder interface {
	Record(e journal.Event)
}

// Network delivers messages between attached endpoints.
type Network struct {
	kernel    *kernel.Kernel
	latency   Latency
	random    *rand.Rand
	journal   Recorder
	endpoints map[string]Endpoint // nil for one that was detached
	blocked   map[string]map[string]bool
	nextID    int64
	trouble   trouble
}

// trouble is what is wrong with the network besides partitions.
type trouble struct {
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
		kernel:    k,
		latency:   latency,
		random:    k.Rand("latency"),
		journal:   journal,
		endpoints: map[string]Endpoint{},
		trouble:   trouble{random: k.Rand("trouble")},
	}
}

// Attach connects an endpoint under an id.
func (n *Network) Attach(id string, e Endpoint) { n.endpoints[id] = e }

// Detach disconnects an endpoint. What is on the way to it, or sent to it later,
// is lost without an error: whoever answers a client that gave up does no wrong.
func (n *Network) Detach(id string) { n.endpoints[id] = nil }

// UnknownNodeError is a message to or from an id that nobody has.
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
	if _, ok := n.endpoints[dest]; !ok {
		return &UnknownNodeError{"dest", dest, n.ids()}
	}
	if _, ok := n.endpoints[src]; !ok {
		return &UnknownNodeError{"src", src, n.ids()}
	}
	m := journal.Message{ID: n.nextID, Src: src, Dest: dest, Body: body}
	n.nextID++
	n.record(journal.Send, m, "")
	if m.InvolvesClient() {
		n.kernel.After(0, func() { n.deliver(m) })
		return nil
	}
	delay := n.latency.draw(n.random)
	t := &n.trouble
	if t.slow[src] || t.slow[dest] {
		delay += t.slowBy
	}
	switch {
	case t.loss > 0 && t.random.Float64() < t.loss:
		n.kernel.After(delay, func() { n.record(journal.Drop, m, "loss") })
		return nil
	case t.duplicate > 0 && t.random.Float64() < t.duplicate:
		n.kernel.After(delay+t.extra(duplicateWithin), func() { n.deliver(m) })
	}
	n.kernel.After(delay+t.extra(t.reorder), func() { n.deliver(m) })
	return nil
}

// duplicateWithin is how much later than its original a duplicate arrives at most.
const duplicateWithin = 100 * time.Millisecond

func (t *trouble) extra(most time.Duration) time.Duration {
	if most == 0 {
		return 0
	}
	return time.Duration(t.random.Float64() * float64(most))
}

// Lose makes the network lose a fraction of the messages between servers, 0 for
// none.
func (n *Network) Lose(fraction float64) { n.trouble.loss = fraction }

// Duplicate makes a fraction of the messages between servers arrive twice.
func (n *Network) Duplicate(fraction float64) { n.trouble.duplicate = fraction }

// Reorder delays each message between servers by up to the given time, so that
// they overtake each other.
func (n *Network) Reorder(most time.Duration) { n.trouble.reorder = most }

// Slow delays all messages between servers from and to the given nodes.
func (n *Network) Slow(nodes []string, by time.Duration) {
	n.trouble.slow, n.trouble.slowBy = map[string]bool{}, by
	for _, id := range nodes {
		n.trouble.slow[id] = true
	}
}

func (n *Network) deliver(m journal.Message) {
	if n.blocked[m.Dest][m.Src] {
		n.record(journal.Drop, m, "partition")
		return
	}
	e := n.endpoints[m.Dest]
	if e == nil {
		n.record(journal.Drop, m, "closed")
		return
	}
	n.record(journal.Recv, m, "")
	e.Deliver(m)
}

func (n *Network) record(kind journal.Kind, m journal.Message, reason string) {
	n.journal.Record(journal.Event{Kind: kind, Time: n.kernel.Now(), Message: m, Reason: reason})
}

// ids returns the ids of the attached endpoints that are not clients.
func (n *Network) ids() []string {
	var ids []string
	for id, e := range n.endpoints {
		if e != nil && !journal.IsClient(id) {
			ids = append(ids, id)
		}
	}
	sort.Strings(ids)
	return ids
}

// Partition makes each receiver drop what comes from the given senders, in
// addition to what it drops already.
func (n *Network) Partition(grudge map[string][]string) {
	if n.blocked == nil {
		n.blocked = map[string]map[string]bool{}
	}
	for receiver, senders := range grudge { // the order does not show
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
