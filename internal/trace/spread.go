package trace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
)

// spread follows a value that a client gave to one node on its way to the others.
type spread struct {
	names   names
	subject Subject
	add     *history.Op
	nodes   Nodes
	known   time.Duration // when it was acknowledged, or else added
	text    string        // of the value

	origin  string
	arrived map[string]hop   // node → how the value came to it first
	flights map[int64]hop    // messages that carry it
	sent    map[string]int   // node → how many messages carried it there
	losses  map[string][]hop // node → those that were lost
	carried int              // messages between servers
	news    int              // of them, those that told a node something new
}

// hop is a message that carried the value.
type hop struct {
	src, dest string
	at        time.Duration // when it arrived or was lost
	reason    string
}

func newSpread(n names, s Subject, add *history.Op, nodes Nodes) *spread {
	origin := nodes.of(add.Process)
	return &spread{
		names: n, subject: s, add: add, nodes: nodes, known: add.Time, text: edn.Brief(add.Value, shown), origin: origin,
		arrived: map[string]hop{origin: {at: add.Time}}, flights: map[int64]hop{}, sent: map[string]int{}, losses: map[string][]hop{},
	}
}

// timesIn counts how often the value is in a set.
func (s *spread) timesIn(set []any) (times int) {
	for _, v := range set {
		if edn.Equal(v, s.add.Value) {
			times++
		}
	}
	return times
}

// inRead says whether, and how often, a read shows the value.
func (s *spread) inRead(set []any) string {
	size := fmt.Sprintf("%d values", len(set))
	if len(set) == 1 {
		size = "1 value"
	}
	switch times := s.timesIn(set); {
	case times == 0:
		return size + " without " + s.text
	case times == 1:
		return size + " with " + s.text
	default:
		return fmt.Sprintf("%s with %s, %d times", size, s.text, times)
	}
}

func (s *spread) takes(e journal.Event) {
	m := &e.Message
	switch e.Kind {
	case journal.Send:
		if m.InvolvesClient() || s.names.inText(m.Body) == 0 {
			return
		}
		s.flights[m.ID] = hop{src: m.Src, dest: m.Dest}
		s.sent[m.Dest]++
		s.carried++
	case journal.Recv, journal.Drop:
		h, ok := s.flights[m.ID]
		if !ok {
			return
		}
		delete(s.flights, m.ID)
		h.at, h.reason = e.Time, e.Reason
		if e.Kind == journal.Drop {
			s.losses[h.dest] = append(s.losses[h.dest], h)
		} else if _, known := s.arrived[h.dest]; !known {
			s.arrived[h.dest] = h
			s.news++
		}
	}
}

// conclusion says what became of the value.
func (s *spread) conclusion(t *Trace) []string {
	switch s.subject.Kind {
	case "lost", "not-everywhere":
		return s.whereabouts(t)
	case "duplicates", "invented":
		return nil
	}
	if len(s.nodes.IDs) < 2 {
		return nil
	}
	return s.effort()
}

// whereabouts says which nodes the value reached, and what kept it from the others.
func (s *spread) whereabouts(t *Trace) (out []string) {
	var reached, unsent, losers []string
	var losses []hop
	for _, id := range s.nodes.IDs {
		_, ok := s.arrived[id]
		switch {
		case ok:
			reached = append(reached, id)
		case s.sent[id] == 0:
			unsent = append(unsent, id)
		default:
			losers = append(losers, id)
			losses = append(losses, s.losses[id]...)
		}
	}
	switch {
	case len(s.nodes.IDs) < 2:
	case len(reached) == 1:
		out = append(out, fmt.Sprintf("%s never left %s.", s.text, reached[0]))
	default:
		out = append(out, fmt.Sprintf("%s reached %s.", s.text, listOf(reached)))
	}
	if len(losses) > 0 {
		out = append(out, lossText(losers, losses))
	}
	if len(unsent) > 0 {
		out = append(out, fmt.Sprintf("Nobody sent it to %s.", listOf(unsent)))
	}
	return append(out, s.forgotten(t)...)
}

// forgotten says who had the value and yet answered a read without it.
func (s *spread) forgotten(t *Trace) (out []string) {
	for _, i := range s.subject.Proof {
		op := &t.h.Ops[i]
		node := s.nodes.of(op.Process)
		h, ok := s.arrived[node]
		if !ok || op.F != "read" || h.at >= op.Time {
			continue
		}
		out = append(out, fmt.Sprintf("%s got it from %s at %s, and yet its read at %s lacks it.", node, cmp.Or(h.src, "its client"), moment(h.at), moment(op.Time)))
		if others := s.meanwhile(t); h.src == "" && len(others) > 0 {
			out = append(out, fmt.Sprintf("While %s handled its %s, it also handled %s of %s.", node, s.add.F, plural(len(others), "that", "those"), listOf(others)))
		}
	}
	return out
}

// lossText says how all messages to some nodes were lost.
func lossText(nodes []string, losses []hop) string {
	last := slices.MaxFunc(losses, func(a, b hop) int { return cmp.Compare(a.at, b.at) })
	if len(losses) == 1 {
		return fmt.Sprintf("The only message that carried it to %s was lost on its way from %s, at %s (%s).", nodes[0], last.src, moment(last.at), last.reason)
	}
	return fmt.Sprintf("All %d messages that carried it to %s were lost, the last at %s (%s).", len(losses), listOf(nodes), moment(last.at), last.reason)
}

// effort says how long the value took to reach all nodes, by which way, and with how many messages.
func (s *spread) effort() []string {
	last := s.origin
	for _, id := range s.nodes.IDs {
		if h, ok := s.arrived[id]; ok && h.at > s.arrived[last].at {
			last = id
		}
	}
	var way []string
	for id := last; id != "" && len(way) <= len(s.nodes.IDs); id = s.arrived[id].src {
		way = append(way, id)
	}
	slices.Reverse(way)
	messages := "1 message"
	if s.carried != 1 {
		messages = fmt.Sprintf("%d messages", s.carried)
	}
	out := []string{fmt.Sprintf("%s between servers carried %s, and %d of them told a node something new.", messages, s.text, s.news)}
	if last != s.origin {
		took := (s.arrived[last].at - s.known).Round(time.Millisecond)
		out = append(out, fmt.Sprintf("The last node to get it was %s, after %v, by %s.", last, took, strings.Join(way, " → ")))
	}
	return out
}

// listOf joins names: "n1, n2 and n3"; of many, only their number.
func listOf(ids []string) string {
	switch n := len(ids); {
	case n == 0:
		return "no node"
	case n == 1:
		return ids[0]
	case n > few:
		return fmt.Sprintf("%d nodes", n)
	default:
		return strings.Join(ids[:n-1], ", ") + " and " + ids[n-1]
	}
}

// meanwhile returns the values that the same node was given while it handled this one.
func (s *spread) meanwhile(t *Trace) (values []string) {
	done := t.h.Completion(s.add)
	for i := range t.h.Ops {
		op := &t.h.Ops[i]
		if op == s.add || op.Type != history.Invoke || !op.Client() || op.F != s.add.F || s.nodes.of(op.Process) != s.origin {
			continue
		}
		if end := t.h.Completion(op); done != nil && end != nil && op.Index < done.Index && end.Index > s.add.Index {
			values = append(values, edn.Brief(op.Value, shown))
		}
	}
	return values
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// moment is a time as sentences give it.
func moment(d time.Duration) string { return fmt.Sprintf("%.3f s", d.Seconds()) }
