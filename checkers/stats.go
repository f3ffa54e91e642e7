package checkers

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"glomers/checkers/brief"
	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// Counts are the numbers of completed operations of clients, by outcome.
type Counts struct {
	Valid     Validity `json:"valid?"` // of one function: whether any succeeded
	Count     int      `json:"count"`
	OKCount   int      `json:"ok-count"`
	FailCount int      `json:"fail-count"`
	InfoCount int      `json:"info-count"`
}

func (c *Counts) add(t history.Type) {
	c.Count++
	switch t {
	case history.OK:
		c.OKCount++
	case history.Fail:
		c.FailCount++
	case history.Info:
		c.InfoCount++
	}
	c.Valid = validIf(c.OKCount > 0)
}

// Stats are the counts of all operations together and of each function.
type Stats struct {
	Counts
	ByF ByF `json:"by-f"`

	errors map[errorKind]*errorCount
	first  map[string]int // the index of the first completion of each function that was not ok
}

// errorKind groups errors that differ only in their texts, such as in the key they
// name.
type errorKind struct {
	f    string
	as   history.Type // fail or info
	name string       // such as net-timeout or precondition-failed
}

// errorCount is how often a kind of error occurred.
type errorCount struct {
	n     int
	first string // the text of the first one
	vary  bool   // the texts are not all the same
	at    int    // the index of the first one
}

func (s *Stats) addError(op *history.Op) {
	name, text := errorText(op.Error)
	kind := errorKind{op.F, op.Type, name}
	e := s.errors[kind]
	if e == nil {
		e = &errorCount{first: text, at: op.Index}
		s.errors[kind] = e
	}
	e.n++
	e.vary = e.vary || text != e.first
}

// ByF holds the counts of each function, such as read.
type ByF map[string]*Counts

// MarshalEDN returns a map with keywords for keys, in order.
func (b ByF) MarshalEDN() any {
	m := edn.Map{}
	for _, f := range slices.Sorted(maps.Keys(b)) {
		m = append(m, edn.Entry{Key: edn.Keyword(f), Value: edn.Marshal(*b[f])})
	}
	return m
}

// StatsOf counts the completed operations of clients. A function that never
// succeeded makes the run invalid, except for kafka's crash, which never can, and
// debug-topic-partitions. If nothing completed the verdict is Unknown, where Jepsen's is
// true. The operations that strict mode adds do not count.
func StatsOf(h *history.History) Stats {
	s := Stats{ByF: ByF{}, errors: map[errorKind]*errorCount{}, first: map[string]int{}}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Type == history.Invoke || !op.Client() || op.StrictOnly() {
			continue
		}
		s.Counts.add(op.Type)
		if s.ByF[op.F] == nil {
			s.ByF[op.F] = &Counts{}
		}
		s.ByF[op.F].add(op.Type)
		if _, known := s.first[op.F]; !known && op.Type != history.OK {
			s.first[op.F] = op.Index
		}
		if op.Error != nil {
			s.addError(op)
		}
	}
	var verdicts []Validity
	for _, f := range slices.Sorted(maps.Keys(s.ByF)) {
		if !mayNeverSucceed(f) {
			verdicts = append(verdicts, s.ByF[f].Valid)
		}
	}
	s.Valid = Worst(verdicts...)
	return s
}

// mayNeverSucceed reports whether a run is valid in which no operation of that name
// succeeded.
func mayNeverSucceed(f string) bool { return f == "crash" || f == "debug-topic-partitions" }

// errorText returns the name of an error and, where there is one, its text. A text
// explains, at its end as well: it may be longer than a value.
func errorText(v any) (name, text string) {
	if pair, ok := v.([]any); ok && len(pair) == 2 {
		return brief.Text(fmt.Sprint(pair[0]), shown), brief.Text(fmt.Sprint(pair[1]), 4*shown)
	}
	return brief.Text(fmt.Sprint(v), shown), ""
}

func (s *Stats) findings() []Finding {
	if s.Valid == Unknown {
		return []Finding{{Check: "stats", Summary: "no operation completed, so nothing can be said"}}
	}
	var out []Finding
	for _, f := range slices.Sorted(maps.Keys(s.ByF)) {
		if c := s.ByF[f]; c.Valid != Valid && !mayNeverSucceed(f) {
			details, examples := s.errorsOf(f)
			out = append(out, Finding{
				Check:    "stats",
				Summary:  fmt.Sprintf("no %s succeeded: of %d, %d failed and %d had an unknown outcome", f, c.Count, c.FailCount, c.InfoCount),
				Details:  details,
				Proof:    []int{s.first[f]},
				Examples: examples,
			})
		}
	}
	return out
}

// errorsOf lists the three most frequent kinds of error of a function, or of all
// functions if f is empty, and the first operation that ended with each.
func (s *Stats) errorsOf(f string) (out []string, examples []Evidence) {
	var kinds []errorKind
	for kind := range s.errors {
		if f == "" || kind.f == f {
			kinds = append(kinds, kind)
		}
	}
	slices.SortFunc(kinds, func(a, b errorKind) int {
		return cmp.Or(cmp.Compare(s.errors[b].n, s.errors[a].n), cmp.Compare(a.f, b.f), cmp.Compare(a.name, b.name), cmp.Compare(a.as, b.as))
	})
	for i, kind := range kinds {
		if i == 3 {
			out = append(out, "and "+count(len(kinds)-i, "other kind of error", "other kinds of error"))
			break
		}
		e := s.errors[kind]
		text := fmt.Sprintf("%d × %s %s: %s", e.n, kind.f, kind.as, kind.name)
		switch {
		case e.first == "":
		case e.vary:
			text += ", such as: " + e.first
		default:
			text += ": " + e.first
		}
		out = append(out, text)
		examples = append(examples, Evidence{Proof: []int{e.at}})
	}
	return out, examples
}

// Errors lists the three most frequent kinds of error that clients got, most frequent
// first, such as "2 × txn fail: precondition-failed: 3 is not 4", and how many more kinds
// there are.
func (s *Stats) Errors() []string {
	errors, _ := s.errorsOf("")
	return errors
}

// AvailabilityResult is the fraction of the invoked operations that succeeded, from 0 to
// 1; it is 1 for none.
type AvailabilityResult struct {
	Valid      Validity `json:"valid?"`
	OKFraction float32  `json:"ok-fraction"`

	Stalled        time.Duration `json:"-"` // for how long the runner itself made no progress, see history.RunnerStall
	WithoutCrashes float32       `json:"-"` // OKFraction, leaving out kafka's crash operations, which never succeed

	first *history.Op // the first completion that was not ok, crashes aside; nil if there is none
}

// Availability compares the fraction of the invoked operations that succeeded with
// least, the lowest acceptable one from 0 to 1; nil accepts any. It counts, and so misses
// nothing. As in Maelstrom the fraction is a float32: 9 of 10 are less than a least of
// 0.9. Too low a fraction is Unknown rather than Invalid if the runner itself stalled,
// because requests of the nodes may have timed out through no fault of theirs.
func Availability(h *history.History, least *float64) AvailabilityResult {
	ok, invoked, crashes := 0, 0, 0
	stalled := time.Duration(0)
	var first *history.Op
	for i := range h.Ops {
		op := &h.Ops[i]
		if !op.Client() && op.F == history.RunnerStall {
			ms, _ := op.Value.(int64)
			stalled += time.Duration(ms) * time.Millisecond
		}
		if op.StrictOnly() {
			continue
		}
		switch op.Type {
		case history.OK:
			ok++
		case history.Invoke:
			invoked++
			if op.F == "crash" {
				crashes++
			}
		case history.Fail, history.Info:
			if first == nil && op.Client() && op.F != "crash" {
				first = op
			}
		}
	}
	r := AvailabilityResult{Valid: Valid, OKFraction: 1, WithoutCrashes: 1, Stalled: stalled, first: first}
	if invoked > 0 {
		r.OKFraction = float32(float64(ok) / float64(invoked))
	}
	if invoked > crashes {
		r.WithoutCrashes = float32(float64(ok) / float64(invoked-crashes))
	}
	switch {
	case least == nil:
	case invoked == 0:
		r.Valid = Unknown
	case float64(r.OKFraction) < *least:
		r.Valid = Invalid
		if stalled > 0 {
			r.Valid = Unknown
		}
	}
	return r
}

func (r AvailabilityResult) findings(least *float64) []Finding {
	if r.Valid == Valid {
		return nil
	}
	if r.Valid == Unknown && r.Stalled == 0 {
		return []Finding{{Check: "availability", Summary: "no operation was invoked, so nothing can be said"}}
	}
	f := Finding{
		Check:   "availability",
		Summary: fmt.Sprintf("only %s of the operations succeeded, expected at least %v", r.fractionBelow(*least), *least),
	}
	if r.Stalled > 0 {
		f.Summary += fmt.Sprintf("; but the runner itself made no progress for %v, so this may not be the nodes' fault: run the test again", r.Stalled)
	}
	if r.first != nil {
		f.Proof = []int{r.first.Index}
	}
	return []Finding{f}
}

// fractionBelow writes OKFraction with four decimals, or with more where rounding would
// hide that it is less than the limit: Maelstrom computes it with 32 bits, in which 9 of 10
// is 0.8999999762.
func (r AvailabilityResult) fractionBelow(least float64) string {
	if text := fmt.Sprintf("%.4f", r.OKFraction); math.Round(float64(r.OKFraction)*1e4)/1e4 < least {
		return text
	}
	return strconv.FormatFloat(float64(r.OKFraction), 'g', 10, 64)
}
