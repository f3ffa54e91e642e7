package checkers

import (
	"fmt"
	"sort"
	"strings"
	"time"

	"glomers/checkers/brief"
	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// Counts are the completed operations of clients by outcome.
type Counts struct {
	Valid     Validity `json:"valid?"`
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

// Stats are the counts of all operations and of each function by itself.
type Stats struct {
	Counts
	ByF ByF `json:"by-f"`

	errors map[string]int // how often each error came up
}

// ByF are counts by the name of the operation.
type ByF map[string]*Counts

// MarshalEDN returns a map with keywords for keys, in order.
func (b ByF) MarshalEDN() any {
	m := edn.Map{}
	for f, c := range b {
		m = append(m, edn.Entry{Key: edn.Keyword(f), Value: edn.Marshal(*c)})
	}
	edn.SortMap(m)
	return m
}

// StatsOf counts operations. A function that never succeeded makes the run
// invalid, save kafka's crash, which never can. If nothing completed the verdict is
// Unknown, where Jepsen's checker would say that it is valid.
func StatsOf(h *history.History) Stats {
	s := Stats{ByF: ByF{}, errors: map[string]int{}}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Type == history.Invoke || !op.Client() {
			continue
		}
		s.Counts.add(op.Type)
		if s.ByF[op.F] == nil {
			s.ByF[op.F] = &Counts{}
		}
		s.ByF[op.F].add(op.Type)
		if op.Error != nil {
			s.errors[op.F+" "+op.Type.String()+": "+brief.Text(errorText(op.Error), shown)]++
		}
	}
	s.Valid = Unknown
	for f, c := range s.ByF { // the order does not show
		if f != "crash" && s.Valid != Invalid {
			s.Valid = c.Valid
		}
	}
	return s
}

func errorText(v any) string {
	if pair, ok := v.([]any); ok && len(pair) == 2 {
		return fmt.Sprintf("%v: %v", pair[0], pair[1])
	}
	return fmt.Sprint(v)
}

func (s *Stats) findings() []Finding {
	if s.Valid == Unknown {
		return []Finding{{Check: "stats", Summary: "no operation completed, so nothing can be said"}}
	}
	var out []Finding
	for _, f := range sortedNames(s.ByF) {
		if c := s.ByF[f]; c.Valid != Valid && f != "crash" {
			out = append(out, Finding{
				Check:   "stats",
				Summary: fmt.Sprintf("not one %s succeeded: of %d, %d failed and %d have an unknown outcome", f, c.Count, c.FailCount, c.InfoCount),
				Details: s.errorsOf(f),
			})
		}
	}
	return out
}

// errorsOf lists the most frequent errors of a function, of all functions if f
// is empty.
func (s *Stats) errorsOf(f string) []string {
	var texts []string
	for text := range s.errors {
		if f == "" || strings.HasPrefix(text, f+" ") {
			texts = append(texts, text)
		}
	}
	sort.Slice(texts, func(i, j int) bool {
		a, b := texts[i], texts[j]
		if s.errors[a] != s.errors[b] {
			return s.errors[a] > s.errors[b]
		}
		return a < b
	})
	var out []string
	for i, text := range texts {
		if i == 3 {
			out = append(out, fmt.Sprintf("and %d other kinds of error", len(texts)-i))
			break
		}
		out = append(out, fmt.Sprintf("%d × %s", s.errors[text], text))
	}
	return out
}

// Errors lists the most frequent errors that clients got, most frequent first.
func (s *Stats) Errors() []string { return s.errorsOf("") }

func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// AvailabilityResult is the fraction of operations that succeeded.
type AvailabilityResult struct {
	Valid      Validity `json:"valid?"`
	OKFraction float32  `json:"ok-fraction"`

	Stalled        time.Duration `json:"-"` // for how long the runner itself made no progress, see history.RunnerStall
	WithoutCrashes float32       `json:"-"` // OKFraction without kafka's crash operations, which fail by design
}

// Availability compares the fraction of the invoked operations that succeeded
// with the least that is expected, if anything is. Too few of them are Unknown
// rather than Invalid if the runner itself stalled: nodes may have given up on
// each other, or on a service, meanwhile.
func Availability(h *history.History, least *float64) AvailabilityResult {
	ok, invoked, crashes := 0, 0, 0
	stalled := time.Duration(0)
	for i := range h.Ops {
		if op := &h.Ops[i]; !op.Client() && op.F == history.RunnerStall {
			ms, _ := op.Value.(int64)
			stalled += time.Duration(ms) * time.Millisecond
		}
		switch h.Ops[i].Type {
		case history.OK:
			ok++
		case history.Invoke:
			invoked++
			if h.Ops[i].F == "crash" {
				crashes++
			}
		}
	}
	r := AvailabilityResult{OKFraction: 1, WithoutCrashes: 1, Stalled: stalled}
	if invoked > 0 {
		r.OKFraction = float32(float64(ok) / float64(invoked))
	}
	if invoked > crashes {
		r.WithoutCrashes = float32(float64(ok) / float64(invoked-crashes))
	}
	if least != nil {
		r.Valid = validIf(float64(r.OKFraction) >= *least)
		if r.Valid == Invalid && stalled > 0 {
			r.Valid = Unknown
		}
	}
	return r
}

func (r AvailabilityResult) findings(least *float64) []Finding {
	if r.Valid == Valid {
		return nil
	}
	f := Finding{
		Check:   "availability",
		Summary: fmt.Sprintf("only %.4f of the operations succeeded, expected at least %v", r.OKFraction, *least),
	}
	if r.Stalled > 0 {
		f.Summary += fmt.Sprintf("; but the runner itself made no progress for %v, so this may not be the nodes' fault: run the test again", r.Stalled)
	}
	return []Finding{f}
}
