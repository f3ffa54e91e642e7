package checkers

import (
	"fmt"
	"sort"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// SetFullResult is what became of every element of a set.
type SetFullResult struct {
	Valid           Validity  `json:"valid?"`
	AttemptCount    int       `json:"attempt-count"`
	StableCount     int       `json:"stable-count"`
	LostCount       int       `json:"lost-count"`
	Lost            edn.List  `json:"lost"`
	NeverReadCount  int       `json:"never-read-count"`
	NeverRead       edn.List  `json:"never-read"`
	StaleCount      int       `json:"stale-count"`
	Stale           edn.List  `json:"stale"`
	WorstStale      []Element `json:"worst-stale"`
	StableLatencies edn.Map   `json:"stable-latencies,omitempty"` // quantile → ms
	LostLatencies   edn.Map   `json:"lost-latencies,omitempty"`   // quantile → ms
	DuplicatedCount int       `json:"duplicated-count"`
	Duplicated      edn.Map   `json:"duplicated"`
}

// Element is the fate of one element.
type Element struct {
	Element       any         `json:"element"`
	Outcome       edn.Keyword `json:"outcome"` // stable, lost or never-read
	StableLatency any         `json:"stable-latency"`
	LostLatency   any         `json:"lost-latency"`
	Known         any         `json:"known"`
	LastAbsent    any         `json:"last-absent"`

	known, lastPresent, lastAbsent *history.Op
	latency                        int64
}

// SetFull follows every element that was added, by operations named add, through
// the reads of all clients together. An element is known from the completion
// of its add, or of the first read that shows it. It is stable if the
// latest-invoked read of those that show or lack it shows it, and lost if it
// was known and is missing from a read invoked after the last one that showed
// it.
//
// A lost element is proof of an error. What this check can miss: a node that
// never gets an element, as long as the last read that was invoked shows it;
// duplicates within a read, for which the fields exist but are never filled;
// and elements that nobody added.
//
// The definition is that of Jepsen's set-full checker.
func SetFull(h *history.History, add string) (Verdict, error) {
	s, err := newSetHistory(h, add)
	if err != nil {
		return Verdict{}, err
	}
	r := SetFullResult{
		AttemptCount: len(s.elements), Lost: edn.List{}, NeverRead: edn.List{}, Stale: edn.List{},
		WorstStale: []Element{}, Duplicated: edn.Map{},
	}
	var stale []Element
	var stableLatencies, lostLatencies []int64
	var lost []string
	var lacks []int // the read that lacks the first one
	sort.SliceStable(s.elements, func(i, j int) bool { return edn.Compare(s.elements[i].value, s.elements[j].value) < 0 })
	for i := range s.elements {
		e := s.fate(&s.elements[i])
		switch e.Outcome {
		case "stable":
			r.StableCount++
			stableLatencies = append(stableLatencies, e.latency)
			if e.latency > 0 {
				stale = append(stale, e)
				r.Stale = append(r.Stale, e.Element)
			}
		case "lost":
			r.Lost = append(r.Lost, e.Element)
			lostLatencies = append(lostLatencies, e.latency)
			if lost == nil {
				lacks = []int{h.Completion(e.lastAbsent).Index}
			}
			lost = append(lost, s.explainLost(h, e))
		default:
			r.NeverRead = append(r.NeverRead, e.Element)
		}
	}
	r.LostCount, r.NeverReadCount, r.StaleCount = len(r.Lost), len(r.NeverRead), len(stale)
	sort.SliceStable(stale, func(i, j int) bool { return stale[i].latency < stale[j].latency })
	for i := len(stale) - 1; i >= 0 && len(r.WorstStale) < 8; i-- {
		r.WorstStale = append(r.WorstStale, stale[i])
	}
	r.StableLatencies = quantiles(stableLatencies)
	r.LostLatencies = quantiles(lostLatencies)

	v := Verdict{Summary: fmt.Sprintf("%d values: %d stable, %d lost, %d never read", r.AttemptCount, r.StableCount, r.LostCount, r.NeverReadCount)}
	switch {
	case r.LostCount > 0:
		r.Valid = Invalid
		v.Findings = []Finding{{
			Check: "lost", Summary: fmt.Sprintf("%d of %d values were lost", r.LostCount, r.AttemptCount),
			Details: firstFew(lost), About: []any{r.Lost[0]}, Proof: lacks,
		}}
	case r.StableCount == 0:
		r.Valid = Unknown
		v.Findings = []Finding{{Check: "stable", Summary: "no value was ever read after it was added, so nothing can be said"}}
	}
	v.Valid, v.Fields = r.Valid, r
	return v, nil
}

// setHistory indexes a history by element so that the fate of each is found
// without looking at the reads that have nothing to say about it.
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
				return nil, &ShapeError{*op, "a vector of the elements that the node has"}
			}
			s.reads = append(s.reads, setRead{h.Invocation(op), op})
			for _, v := range values {
				if at, ok := index[mapKey(v)]; ok && s.elements[at].known == nil {
					s.elements[at].known = op
				}
			}
		}
	}
	sort.Slice(s.reads, func(i, j int) bool { return s.reads[i].invocation.Index > s.reads[j].invocation.Index })
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

func (s *setHistory) fate(e *setElement) Element {
	out := Element{Element: e.value, Outcome: "never-read", known: e.known}
	if len(e.present) > 0 {
		out.lastPresent = s.reads[e.present[0]].invocation
	}
	present := e.present
	for rank := 0; rank < len(s.reads) && s.latest[rank] > e.add.Index; rank++ {
		if len(present) > 0 && present[0] == int32(rank) {
			present = present[1:]
		} else if s.reads[rank].completion.Index > e.add.Index {
			out.lastAbsent = s.reads[rank].invocation
			break
		}
	}
	present1, absent := out.lastPresent, out.lastAbsent
	switch {
	case present1 != nil && (absent == nil || absent.Index < present1.Index):
		out.Outcome = "stable"
		out.latency = latencyMS(absent, e.known)
		out.StableLatency = out.latency
	case e.known != nil && absent != nil && (present1 == nil || present1.Index < absent.Index) && e.known.Index < absent.Index:
		out.Outcome = "lost"
		out.latency = latencyMS(present1, e.known)
		out.LostLatency = out.latency
	}
	out.Known, out.LastAbsent = asAdd(out.known), taggedOp(out.lastAbsent)
	return out
}

// asAdd is the operation as the official checker sees it, which knows broadcast
// under the name add.
func asAdd(op *history.Op) any {
	if op == nil || op.F != "broadcast" {
		return taggedOp(op)
	}
	renamed := *op
	renamed.F = "add"
	return taggedOp(&renamed)
}

// latencyMS is the time from when an element was known to just after op was
// invoked, in whole milliseconds, at least 0.
func latencyMS(op, known *history.Op) int64 {
	if op == nil {
		return 0
	}
	return max(int64(op.Time)+1-int64(known.Time), 0) / 1e6
}

func (s *setHistory) explainLost(h *history.History, e Element) string {
	how := "a read showed"
	if e.known.F != "read" {
		how = fmt.Sprintf("process %d got an acknowledgement of", e.known.Process)
	}
	absent := h.Completion(e.lastAbsent)
	return fmt.Sprintf("%s %s at %.3f s, but the read of process %d at %.3f s lacks it",
		how, edn.String(e.Element), e.known.Time.Seconds(), absent.Process, absent.Time.Seconds())
}

var points = []any{int64(0), 0.5, 0.95, 0.99, int64(1)}

// quantiles returns a map from 0, 0.5, 0.95, 0.99 and 1 to the value at that
// quantile, nil for no values.
func quantiles(values []int64) edn.Map {
	if len(values) == 0 {
		return nil
	}
	sort.Slice(values, func(i, j int) bool { return values[i] < values[j] })
	var m edn.Map
	for _, p := range points {
		f, ok := p.(float64)
		if !ok {
			f = float64(p.(int64))
		}
		m = append(m, edn.Entry{Key: p, Value: values[min(int(f*float64(len(values))), len(values)-1)]})
	}
	return m
}

// taggedOp is an operation as results.edn shows it.
func taggedOp(op *history.Op) any {
	if op == nil {
		return nil
	}
	return edn.Tagged{Tag: "jepsen.history.Op", Value: op.MarshalEDN()}
}

// mapKey returns a Go map key that is equal for equal EDN values.
func mapKey(v any) any {
	switch v.(type) {
	case int64, string, bool, float64, edn.Keyword, nil:
		return v
	}
	return canonicalKey(edn.Canonical(v))
}

type canonicalKey string

// sequence returns the elements of a vector or list; nil counts as empty.
func sequence(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case edn.List:
		return v, true
	case nil:
		return nil, true
	}
	return nil, false
}
