package page

import (
	"cmp"
	"slices"
	"time"
	"unicode/utf8"

	"glomers/checkers/journal"
)

// flight is a message on its way. Its body is in the block of bodies.
type flight struct {
	sent        time.Duration
	took        time.Duration
	src, dest   int
	kind        int
	request     int // 1 + the message that it answers; 0 for none
	fate        int // lost, arrived, or 2 + the reason of its loss
	stored, cut int // bytes of the body
}

// The fates of a message.
const (
	underWay = iota // until the end of the run
	arrived
	dropped // and further numbers for the reasons
)

// messages collects the journal.
type messages struct {
	nodes, kinds, reasons names
	flights               []flight
	byID                  map[int64]int
	requests              map[request]int
	bodies                *block
	left                  int // messages beyond mostMessages
	total                 int
	last                  time.Duration
	counts                map[route]int
}

// request identifies a message that another one may answer.
type request struct {
	src, dest int
	id        int64
}

// route is a sender, a receiver and a type.
type route struct{ src, dest, kind int }

func (r route) compare(other route) int {
	return cmp.Or(cmp.Compare(r.src, other.src), cmp.Compare(r.dest, other.dest), cmp.Compare(r.kind, other.kind))
}

// clientLane stands for all clients in the matrix.
const clientLane = -1

func newMessages(nodes []string) *messages {
	m := &messages{byID: map[int64]int{}, requests: map[request]int{}, bodies: newBlock(), counts: map[route]int{}}
	for _, id := range nodes {
		m.nodes.of(id)
	}
	return m
}

// add takes the next event of the journal.
func (m *messages) add(e journal.Event) {
	m.last = max(m.last, e.Time)
	if e.Kind != journal.Send {
		m.end(e)
		return
	}
	h := scan(e.Message.Body)
	f := flight{sent: e.Time, src: m.nodes.of(e.Message.Src), dest: m.nodes.of(e.Message.Dest), kind: m.kinds.of(h.kind)}
	m.total++
	m.count(e.Message, f)
	if len(m.flights) == mostMessages {
		m.left++
		return
	}
	i := len(m.flights)
	if h.answersOne {
		if at, ok := m.requests[request{f.dest, f.src, h.reply}]; ok {
			f.request = 1 + at
		}
	}
	if h.hasID {
		m.requests[request{f.src, f.dest, h.id}] = i
	}
	kept := e.Message.Body
	most := mostBody
	if m.bodies.compressed.Len() > mostBodies {
		most = shortBody
	}
	if len(kept) > most {
		for most > 0 && !utf8.RuneStart(kept[most]) {
			most--
		}
		kept = kept[:most]
	}
	m.bodies.Write(kept) // into memory
	f.stored, f.cut = len(kept), len(e.Message.Body)-len(kept)
	m.byID[e.Message.ID] = i
	m.flights = append(m.flights, f)
}

// end takes the arrival or the loss of a message.
func (m *messages) end(e journal.Event) {
	i, ok := m.byID[e.Message.ID]
	if !ok {
		return
	}
	delete(m.byID, e.Message.ID)
	f := &m.flights[i]
	f.took, f.fate = max(0, e.Time-f.sent), arrived
	if e.Kind == journal.Drop {
		f.fate = dropped + m.reasons.of(e.Reason)
	}
}

// count adds a message to the matrix, in which all clients are one.
func (m *messages) count(message journal.Message, f flight) {
	r := route{f.src, f.dest, f.kind}
	if journal.IsClient(message.Src) {
		r.src = clientLane
	}
	if journal.IsClient(message.Dest) {
		r.dest = clientLane
	}
	m.counts[r]++
}

// encode appends the columns of all messages.
func (m *messages) encode(c *columns) {
	column := func(value func(i int, f *flight) uint64) {
		for i := range m.flights {
			c.number(value(i, &m.flights[i]))
		}
	}
	var last time.Duration
	column(func(_ int, f *flight) uint64 {
		d := int64(f.sent - last)
		last = f.sent
		return uint64(d<<1) ^ uint64(d>>63) // those of the real Maelstrom are not always in order
	})
	column(func(_ int, f *flight) uint64 { return uint64(f.took) })
	column(func(_ int, f *flight) uint64 { return uint64(f.fate) })
	column(func(_ int, f *flight) uint64 { return uint64(f.src) })
	column(func(_ int, f *flight) uint64 { return uint64(f.dest) })
	column(func(_ int, f *flight) uint64 { return uint64(f.kind) })
	column(func(i int, f *flight) uint64 {
		if f.request == 0 {
			return 0
		}
		return uint64(i - f.request + 1)
	})
	column(func(_ int, f *flight) uint64 { return uint64(f.stored) })
	column(func(_ int, f *flight) uint64 { return uint64(f.cut) })
}

// kindCount is how often messages of a type were sent.
type kindCount struct {
	Kind             string
	Clients, Servers int     // from or to clients, and between servers
	PerOp            float64 // of those between servers
}

// byKind returns the types by their number of messages between servers.
func (m *messages) byKind(operations int) []kindCount {
	counts := make([]kindCount, len(m.kinds.list))
	for i, name := range m.kinds.list {
		counts[i].Kind = name
	}
	for r, n := range m.counts { // unordered: sums
		if r.src == clientLane || r.dest == clientLane {
			counts[r.kind].Clients += n
		} else {
			counts[r.kind].Servers += n
		}
	}
	for i := range counts {
		counts[i].PerOp = float64(counts[i].Servers) / float64(max(1, operations))
	}
	slices.SortStableFunc(counts, func(a, b kindCount) int {
		return cmp.Or(b.Servers-a.Servers, b.Clients-a.Clients)
	})
	return counts
}
