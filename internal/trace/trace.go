// Package trace shows what happened in a run, operation by operation and message by
// message, from its history and its journal: everything, or what explains an error. The
// story of an error begins where it first shows, follows what it is about (a value, a
// key, an unanswered request), and ends with the operation that proves it.
package trace

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
)

// Trace collects the events of a run.
type Trace struct {
	subject Subject
	names   names
	h       *history.History
	nodes   Nodes
	window  window

	spread  *spread  // how a broadcast value spread, nil for other subjects
	request *request // a request whose answer is missing, nil for other subjects

	lines    []line
	flights  map[int64]int      // message → its line
	shown    map[int64]bool     // messages that have a line
	asked    map[exchange]asked // requests between servers that have no answer yet
	answers  map[int64]int      // answer that is under way → the line of its request
	answered map[string]bool    // types of requests that are ever answered
	stored   stored
	ended    bool
}

// Nodes says which node a process talks to: worker i of a test talks to node i mod
// the number of nodes, and its processes are i, i + workers, i + 2·workers, ….
type Nodes struct {
	IDs     []string
	Workers int
}

func (n Nodes) of(process int) string {
	if len(n.IDs) == 0 || process < 0 {
		return ""
	}
	return n.IDs[process%max(n.Workers, 1)%len(n.IDs)]
}

func (n Nodes) process(p int) string {
	if node := n.of(p); node != "" {
		return fmt.Sprintf("process %d (%s)", p, node)
	}
	return fmt.Sprintf("process %d", p)
}

// asked is a request that waits for its answer.
type asked struct {
	header header
	line   int // -1 if the trace does not show it
}

// line is one event, or several that are alike.
type line struct {
	at   time.Duration
	note string // what is wrong about it

	op      *history.Op // nil for a message
	who     string
	replica string // what answered: the node, or the process where the nodes are not known
	text    string

	src       string   // of a message
	dest      []string // everybody it was sent to at once
	body      string
	anonymous string        // the body without ids
	lost      string        // why; empty if it arrived, or is under way
	end       time.Duration // when it arrived or was lost; 0 if it is under way

	same   string        // what its repetitions have in common; empty if it is always shown
	times  int           // how often it happened
	others []string      // what else answered so
	until  time.Duration // when it happened last
}

// New returns the trace of a run with this history.
func New(h *history.History, nodes Nodes, s Subject) *Trace {
	t := &Trace{
		subject: s, names: namesOf(s.About), h: h, nodes: nodes,
		flights: map[int64]int{}, shown: map[int64]bool{}, asked: map[exchange]asked{}, answers: map[int64]int{}, answered: map[string]bool{}, stored: stored{},
	}
	t.plan()
	t.addHistory()
	return t
}

// everything reports whether nothing is left out.
func (t *Trace) everything() bool { return len(t.subject.About) == 0 && len(t.subject.Proof) == 0 }

// Add takes the next event of the journal.
func (t *Trace) Add(e journal.Event) {
	m := &e.Message
	switch e.Kind {
	case journal.Send:
		t.send(e.Time, m)
	case journal.Recv:
		if i, ok := t.flights[m.ID]; ok {
			t.lines[i].end = e.Time
			delete(t.flights, m.ID)
		}
		delete(t.answers, m.ID)
	case journal.Drop:
		if i, ok := t.flights[m.ID]; ok {
			t.lines[i].end, t.lines[i].lost = e.Time, e.Reason
			delete(t.flights, m.ID)
		}
		if i, ok := t.answers[m.ID]; ok {
			t.lines[i].note = fmt.Sprintf("the answer was lost at %s: %s", seconds(e.Time), e.Reason)
			delete(t.answers, m.ID)
		}
	}
	if t.spread != nil {
		t.spread.takes(e)
	}
}

// send takes a message that was sent, and its line if it has to do with the subject.
func (t *Trace) send(at time.Duration, m *journal.Message) {
	if m.InvolvesClient() {
		if t.request != nil && t.request.add(at, m) {
			t.message(at, m)
		}
		return
	}
	keep := t.window.has(at) && t.concerns(m)
	note := ""
	h := headerOf(m.Body)
	if h.answersSome {
		of := exchange{m.Dest, m.Src, h.inReplyTo}
		request, known := t.asked[of]
		if known {
			delete(t.asked, of)
			t.answered[request.header.kind] = true
			if newest := t.stored.answer(m.Src, request.header, h); newest != "" {
				note = "stale: the newest is " + newest
			}
			if journal.IsService(m.Src) { // which does not repeat the key
				keep = request.line >= 0
			} else if request.line >= 0 {
				t.answers[m.ID] = request.line
			}
		}
	}
	number := -1
	if keep {
		number = len(t.lines)
		t.message(at, m)
		t.lines[number].note = note
	}
	if h.hasID {
		t.asked[exchange{m.Src, m.Dest, h.msgID}] = asked{h, number}
	}
}

// message adds the line of a message.
func (t *Trace) message(at time.Duration, m *journal.Message) {
	t.flights[m.ID], t.shown[m.ID] = len(t.lines), true
	anonymous := withoutIDs(m.Body)
	t.lines = append(t.lines, line{
		at: at, src: m.Src, dest: []string{m.Dest}, body: t.body(m.Body), anonymous: t.body([]byte(anonymous)),
		same: m.Src + " " + anonymous, times: 1, until: at,
	})
}

// concerns reports whether a message between servers has to do with the subject.
func (t *Trace) concerns(m *journal.Message) bool {
	switch {
	case t.everything():
		return true
	case t.window.node != "" && m.Src != t.window.node && m.Dest != t.window.node:
		return false
	case len(t.names.list) == 0:
		return true
	}
	return t.names.inText(m.Body) > 0
}

func (t *Trace) addHistory() {
	faults := t.faults()
	for i := range t.h.Ops {
		op := &t.h.Ops[i]
		proof := t.proves(op)
		l := line{at: op.Time, op: op, who: "nemesis", times: 1, until: op.Time}
		switch {
		case !op.Client() && !t.window.has(op.Time) && !faults[op]:
			continue
		case !op.Client() && t.repeatedByNext(op):
			continue // its completion says more
		case !op.Client():
		case proof || t.window.has(op.Time) && t.belongs(op):
			l.who = t.nodes.process(op.Process)
			l.replica = cmp.Or(t.nodes.of(op.Process), l.who)
			l.note = t.wrong(op)
			if !proof {
				l.same = t.alike(op)
			}
		default:
			continue
		}
		l.text = t.operation(op)
		t.lines = append(t.lines, l)
	}
}

// proves reports whether an operation is part of the proof, or its invocation.
func (t *Trace) proves(op *history.Op) bool {
	if slices.Contains(t.subject.Proof, op.Index) {
		return true
	}
	if other := t.other(op); other != nil && slices.Contains(t.subject.Proof, other.Index) {
		return t.spread == nil || op.F != "read" // the invocation of a read says nothing
	}
	return false
}

func (t *Trace) other(op *history.Op) *history.Op {
	if op.Type == history.Invoke {
		return t.h.Completion(op)
	}
	return t.h.Invocation(op)
}

// operation is the text of a record of the history.
func (t *Trace) operation(op *history.Op) string {
	if !op.Client() {
		return fault(op)
	}
	text := fmt.Sprintf("%s %s", op.Type, op.F)
	switch set, isSet := sequence(op.Value); {
	case t.spread != nil && isSet && op.F == "read":
		text += "  " + t.spread.inRead(set)
	case op.Value != nil || op.Type != history.Invoke:
		text += " " + t.value(op.Value)
	}
	if op.Error != nil {
		text += " " + edn.Brief(op.Error, shown)
	}
	return text
}

func sequence(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case edn.List:
		return v, true
	case edn.Set:
		return v, true
	}
	return nil, false
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }

// Lines returns the trace in order. Of a long one it returns so many of the first lines
// and so many of the last, and between them a line that says how many were left out; of
// 0 and 0 lines, all.
func (t *Trace) Lines(first, last int) []string {
	t.end()
	lines := t.lines
	if !t.everything() {
		lines = t.fold(fanOut(lines))
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimRight(fmt.Sprintf("%11s  %s", seconds(l.at), l), " ")
	}
	left := len(out) - first - last
	if first+last == 0 || left <= 0 {
		return out
	}
	return slices.Concat(out[:first], []string{fmt.Sprintf("%11s  (%d lines left out here: --lines 0 shows all)", "…", left)}, out[len(out)-last:])
}

// end is called once all events are known: it notes which requests were never answered,
// among those of a kind that others were.
func (t *Trace) end() {
	if t.ended {
		return
	}
	t.ended = true
	var open []int
	for _, a := range t.asked {
		if a.line >= 0 && t.answered[a.header.kind] && t.lines[a.line].lost == "" && t.lines[a.line].note == "" {
			open = append(open, a.line)
		}
	}
	slices.Sort(open)
	for _, i := range open {
		t.lines[i].note = t.lines[i].dest[0] + " never answered"
	}
	sort.SliceStable(t.lines, func(i, j int) bool { return t.lines[i].at < t.lines[j].at })
	if t.request != nil {
		t.request.note(t.lines)
	}
}

func (l line) String() string {
	text := fmt.Sprintf("%-16s %s", l.who, l.text)
	if l.src != "" {
		to := strings.Join(l.dest[:min(len(l.dest), few)], ", ")
		if n := len(l.dest); n > few {
			to += fmt.Sprintf(" and %d more", n-few)
		}
		text = fmt.Sprintf("  %s → %s  %s", l.src, to, l.body)
		switch {
		case l.lost != "" && l.end > l.at:
			text += fmt.Sprintf("  ✗ lost at %s: %s", seconds(l.end), l.lost)
		case l.lost != "":
			text += "  ✗ lost: " + l.lost
		case l.end > l.at:
			text += fmt.Sprintf("  (arrives at %s)", seconds(l.end))
		}
	}
	if l.note != "" {
		text += "  ← " + l.note
	}
	return text + l.repetitions()
}

// Conclusion says in sentences what the trace comes to; nil if it speaks for itself.
// All events must have been added.
func (t *Trace) Conclusion() []string {
	if t.spread == nil {
		return nil
	}
	return t.spread.conclusion(t)
}
