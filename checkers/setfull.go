package checkers

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// SetFullResult counts the outcomes of the elements of a set.
type SetFullResult struct {
	Verdict
	AttemptCount    int // the elements that clients tried to add; each of them is stable, lost or was never read
	StableCount     int
	Lost            []any      // ascending
	NeverRead       []any      // ascending
	Stale           []any      // stable ones that were missing from a read after they were known, ascending
	WorstStale      []Element  // at most eight, the highest latency first
	Median          *Element   // the first stable one that took as long as the median; nil if none is stable
	StableLatencies *Quantiles // of the stable elements, in whole milliseconds; nil for none
	LostLatencies   *Quantiles // of the lost elements, in whole milliseconds; nil for none
}

// MarshalEDN returns the map that results.edn shows. Duplicates are never found by
// this check, nor by Jepsen's.
func (r *SetFullResult) MarshalEDN() any {
	m := ednMap("valid?", r.Valid.MarshalEDN(), "attempt-count", int64(r.AttemptCount), "stable-count", int64(r.StableCount),
		"lost-count", int64(len(r.Lost)), "lost", edn.List(r.Lost), "never-read-count", int64(len(r.NeverRead)), "never-read", edn.List(r.NeverRead),
		"stale-count", int64(len(r.Stale)), "stale", edn.List(r.Stale), "worst-stale", edn.Marshal(r.WorstStale))
	if q := r.StableLatencies; q != nil {
		m = append(m, ednMap("stable-latencies", q.wholeMilliseconds())...)
	}
	if q := r.LostLatencies; q != nil {
		m = append(m, ednMap("lost-latencies", q.wholeMilliseconds())...)
	}
	return append(m, ednMap("duplicated-count", int64(0), "duplicated", edn.Map{})...)
}

// SetOutcome says whether an element is stable, lost or was never read.
type SetOutcome string

// The outcomes of an element; SetFull defines them.
const (
	Stable    SetOutcome = "stable"
	Lost      SetOutcome = "lost"
	NeverRead SetOutcome = "never-read"
)

// Element is one element with its outcome and the operations that decided it.
type Element struct {
	Value      any
	Outcome    SetOutcome
	Latency    time.Duration // how long it took until it was stable, or lost, in whole milliseconds; 0 if it was never read
	Known      *history.Op   // the completion of its add, or of the first read that shows it; nil if there is none
	LastAbsent *history.Op   // the invocation of the last read without it; nil if there is none

	lastPresent *history.Op
}

// MarshalEDN returns the map that results.edn shows.
func (e Element) MarshalEDN() any {
	var stable, lost any
	switch e.Outcome {
	case Stable:
		stable = e.Latency.Milliseconds()
	case Lost:
		lost = e.Latency.Milliseconds()
	}
	return ednMap("element", e.Value, "outcome", edn.Keyword(e.Outcome), "stable-latency", stable, "lost-latency", lost,
		"known", asAdd(e.Known), "last-absent", taggedOp(e.LastAbsent))
}

// asAdd returns the operation as results.edn shows it. Maelstrom hands a broadcast to
// the checker under the name add.
func asAdd(op *history.Op) any {
	if op == nil || op.F != "broadcast" {
		return taggedOp(op)
	}
	renamed := *op
	renamed.F = "add"
	return taggedOp(&renamed)
}

// SetFull follows every element that was added, by operations whose name is the value of
// add ("broadcast" or "add"), through the operations named read of all clients together. An element is known from the completion
// of its add, or of the first read that shows it, whichever is earlier. It is stable
// if the last read that was invoked shows it, and lost if it was known and is missing
// from a read invoked after the last one that showed it. Reads that completed before
// the add was invoked do not count. A read of nil shows no element.
//
// Sound: nothing is ever removed from the set, so a lost element is proof of an
// error. Incomplete: it misses a node that never gets an element, if the last
// read that was invoked shows it; duplicates within a read; and elements that
// nobody added. The verdict is Unknown if no element is stable and none is lost.
//
// The definition is that of Jepsen's set-full checker
// (https://jepsen-io.github.io/jepsen/jepsen.checker.html#var-set-full).
func SetFull(h *history.History, add string, o Options) (*SetFullResult, error) {
	s, err := newSetHistory(h, add)
	if err != nil {
		return nil, err
	}
	r := &SetFullResult{AttemptCount: len(s.elements), Lost: []any{}, NeverRead: []any{}, Stale: []any{}}
	var stable, stale []Element
	var stableLatencies, lostLatencies []time.Duration
	var lost evidence
	slices.SortStableFunc(s.elements, func(a, b setElement) int { return edn.Compare(a.value, b.value) })
	for i := range s.elements {
		e := s.fate(&s.elements[i])
		switch e.Outcome {
		case Stable:
			r.StableCount++
			stable = append(stable, e)
			stableLatencies = append(stableLatencies, e.Latency)
			if e.Latency > 0 {
				stale = append(stale, e)
				r.Stale = append(r.Stale, e.Value)
			}
		case Lost:
			r.Lost = append(r.Lost, e.Value)
			lostLatencies = append(lostLatencies, e.Latency)
			lost.add(explainLost(h, e, namesOf(o)), e.Value, h.Completion(e.LastAbsent))
		case NeverRead:
			r.NeverRead = append(r.NeverRead, e.Value)
		}
	}
	slices.SortStableFunc(stale, func(a, b Element) int { return cmp.Compare(a.Latency, b.Latency) })
	slices.Reverse(stale) // of equal latencies, Jepsen shows the largest element first
	r.WorstStale = stale[:min(len(stale), 8)]
	r.StableLatencies = QuantilesOf(stableLatencies)
	r.Median = medianOf(stable)
	r.LostLatencies = QuantilesOf(lostLatencies)

	r.Summary = fmt.Sprintf("%s: %d stable, %d lost, %d never read", count(r.AttemptCount, "value", "values"), r.StableCount, len(r.Lost), len(r.NeverRead))
	switch {
	case len(r.Lost) > 0:
		r.Valid = Invalid
		r.Findings = []Finding{lost.finding("lost", fmt.Sprintf("%d of %s lost", len(r.Lost), count(r.AttemptCount, "value was", "values were")))}
	case r.StableCount == 0:
		r.Findings = []Finding{{Check: "stable", Summary: "no value was ever read after it was added, so nothing can be said"}}
	default:
		r.Valid = Valid
	}
	return r, nil
}

// medianOf returns the first element that took as long as the median; nil for none.
func medianOf(stable []Element) *Element {
	if len(stable) == 0 {
		return nil
	}
	latencies := make([]time.Duration, len(stable))
	for i, e := range stable {
		latencies[i] = e.Latency
	}
	slices.Sort(latencies)
	median := latencies[len(latencies)/2]
	return &stable[slices.IndexFunc(stable, func(e Element) bool { return e.Latency == median })]
}

// setHistory indexes a history by element, so that the outcome of an element is found
// without looking at every read.
type setHistory struct {
	elements []setElement
	reads    []setRead // the latest invoked first
	// latest[i] is the index of the last completion among reads[i:].
	latest []int
}

type setElement struct {
	value   any
	add     *history.Op // its invocation
	known   *history.Op
	present []int32 // ranks in reads, ascending
}

type setRead struct {
	invocation, completion *history.Op
}

func newSetHistory(h *history.History, add string) (*setHistory, error) {
	s := &setHistory{}
	index := map[any]int{}
	for i := range h.Ops {
		op := &h.Ops[i]
		if !op.Client() {
			continue
		}
		switch {
		case op.F == add && op.Type == history.Invoke:
			key := mapKey(op.Value)
			at, again := index[key]
			if !again {
				at = len(s.elements)
				s.elements = append(s.elements, setElement{})
				index[key] = at
			}
			s.elements[at] = setElement{value: op.Value, add: op}
		case op.F == add && op.Type == history.OK:
			if at, ok := index[mapKey(op.Value)]; ok && s.elements[at].known == nil {
				s.elements[at].known = op
			}
		case op.F == "read" && op.Type == history.OK:
			values, ok := sequence(op.Value)
			if !ok {
				return nil, &ShapeError{*op, setShape}
			}
			s.reads = append(s.reads, setRead{h.Invocation(op), op})
			for _, v := range values {
				if at, ok := index[mapKey(v)]; ok && s.elements[at].known == nil {
					s.elements[at].known = op
				}
			}
		}
	}
	slices.SortFunc(s.reads, func(a, b setRead) int { return cmp.Compare(b.invocation.Index, a.invocation.Index) })
	s.latest = make([]int, len(s.reads)+1)
	for rank := len(s.reads) - 1; rank >= 0; rank-- {
		s.latest[rank] = max(s.latest[rank+1], s.reads[rank].completion.Index)
	}
	for rank, read := range s.reads {
		values, _ := sequence(read.completion.Value)
		for _, v := range values {
			at, ok := index[mapKey(v)]
			if !ok {
				continue
			}
			e := &s.elements[at]
			if n := len(e.present); read.completion.Index > e.add.Index && (n == 0 || e.present[n-1] != int32(rank)) {
				e.present = append(e.present, int32(rank))
			}
		}
	}
	return s, nil
}

const setShape = "a vector of the elements that the node has"

func (s *setHistory) fate(e *setElement) Element {
	out := Element{Value: e.value, Outcome: NeverRead, Known: e.known}
	if len(e.present) > 0 {
		out.lastPresent = s.reads[e.present[0]].invocation
	}
	present := e.present
	for rank := 0; rank < len(s.reads) && s.latest[rank] > e.add.Index; rank++ {
		if len(present) > 0 && present[0] == int32(rank) {
			present = present[1:]
		} else if s.reads[rank].completion.Index > e.add.Index {
			out.LastAbsent = s.reads[rank].invocation
			break
		}
	}
	shows, lacks := out.lastPresent, out.LastAbsent
	switch {
	case shows != nil && (lacks == nil || lacks.Index < shows.Index):
		out.Outcome = Stable
		out.Latency = untilJustAfter(lacks, e.known)
	case e.known != nil && lacks != nil && (shows == nil || shows.Index < lacks.Index) && e.known.Index < lacks.Index:
		out.Outcome = Lost
		out.Latency = untilJustAfter(shows, e.known)
	}
	return out
}

// untilJustAfter is the time from when an element was known to just after op was
// invoked, in whole milliseconds, at least 0.
func untilJustAfter(op, known *history.Op) time.Duration {
	if op == nil {
		return 0
	}
	return max(op.Time+1-known.Time, 0).Truncate(time.Millisecond)
}

func explainLost(h *history.History, e Element, who names) string {
	how := "a read showed"
	if e.Known.F != "read" {
		how = fmt.Sprintf("%s got an acknowledgement of", who.process(e.Known.Process))
	}
	absent := h.Completion(e.LastAbsent)
	return fmt.Sprintf("%s %s at %.3f s, but the read of %s lacks it",
		how, edn.Brief(e.Value, shown), e.Known.Time.Seconds(), who.op(absent))
}
