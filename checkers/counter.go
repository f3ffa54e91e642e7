package checkers

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// CounterResult compares the final reads of a counter with the sums that they
// may show.
type CounterResult struct {
	Verdict
	Errors     []*history.Op // the final reads that are wrong
	FinalReads []int64
	Acceptable []Range // the sums that a final read may show, ascending and disjoint
}

// MarshalEDN returns the map that results.edn shows.
func (r *CounterResult) MarshalEDN() any {
	var errors any // nil for none
	if len(r.Errors) > 0 {
		list := edn.List{}
		for _, op := range r.Errors {
			list = append(list, taggedOp(op))
		}
		errors = list
	}
	acceptable := edn.List{}
	for _, a := range r.Acceptable {
		acceptable = append(acceptable, []any{a.Low, a.High})
	}
	return ednMap("valid?", r.Valid.MarshalEDN(), "errors", errors, "final-reads", edn.Marshal(r.FinalReads), "acceptable", acceptable)
}

// Counter checks that every final read is the sum of all acknowledged adds and of
// some of those whose outcome is unknown.
//
// Sound: additions are never undone, so a final read outside that set proves an
// error. Incomplete: it misses nodes whose final read failed, and everything before
// the final reads. The verdict is Unknown if the history ends before any final read
// completed. If all of them failed it is Valid, as in Maelstrom; strict mode
// reports those nodes.
func Counter(h *history.History, o Options) (*CounterResult, error) {
	acceptable, err := acceptableSums(h)
	if err != nil {
		return nil, err
	}
	r := &CounterResult{FinalReads: []int64{}, Acceptable: acceptable}
	who := namesOf(o)
	var wrong evidence
	tried := false
	for i := range h.Ops {
		op := &h.Ops[i]
		if !op.Client() || !op.Final {
			continue
		}
		tried = tried || op.Type != history.Invoke
		if op.Type != history.OK {
			continue
		}
		value, ok := op.Value.(int64)
		if !ok {
			return nil, &ShapeError{*op, "an integer, the value of the counter"}
		}
		r.FinalReads = append(r.FinalReads, value)
		if !contains(acceptable, value) {
			r.Errors = append(r.Errors, op)
			wrong.add(fmt.Sprintf("%s read %d at %.3f s", who.process(op.Process), value, op.Time.Seconds()), nil, op)
		}
	}
	var ranges []string
	for _, a := range acceptable {
		ranges = append(ranges, a.String())
	}
	possible := strings.Join(ranges, " or ")
	r.Summary = fmt.Sprintf("%s, possible sums: %s", count(len(r.FinalReads), "final read", "final reads"), possible)
	switch {
	case len(r.Errors) > 0:
		r.Valid = Invalid
		r.Findings = []Finding{wrong.finding("final-reads",
			fmt.Sprintf("%d of %s not a possible sum; possible: %s", len(r.Errors), count(len(r.FinalReads), "final read is", "final reads are"), possible))}
	case !tried:
		r.Findings = []Finding{{Check: "no-final-read", Summary: "the history has no final read, so nothing can be said about the value of the counter"}}
	default:
		r.Valid = Valid
	}
	return r, nil
}

// acceptableSums returns every sum of all acknowledged adds and any subset of those
// whose outcome is unknown, as ascending ranges.
func acceptableSums(h *history.History) ([]Range, error) {
	sum := int64(0)
	var unknown []int64
	for i := range h.Ops {
		op := &h.Ops[i]
		if !op.Client() || op.F != "add" || op.Type == history.Fail {
			continue
		}
		if op.Type == history.Invoke && h.Completion(op) != nil {
			continue
		}
		delta, ok := op.Value.(int64)
		if !ok {
			return nil, &ShapeError{*op, "an integer, the number that was added"}
		}
		if op.Type == history.OK {
			sum += delta
		} else {
			unknown = append(unknown, delta)
		}
	}
	acceptable := []Range{{sum, sum}}
	for _, delta := range unknown {
		acceptable = withShift(acceptable, delta)
	}
	return acceptable, nil
}

// Range is a closed range of integers.
type Range struct{ Low, High int64 }

func (r Range) String() string {
	if r.Low == r.High {
		return fmt.Sprint(r.Low)
	}
	return fmt.Sprintf("%d to %d", r.Low, r.High)
}

// withShift returns the union of ranges and the ranges moved by delta, merged.
func withShift(ranges []Range, delta int64) []Range {
	all := make([]Range, 0, 2*len(ranges))
	for _, r := range ranges {
		all = append(all, r, Range{r.Low + delta, r.High + delta})
	}
	slices.SortFunc(all, func(a, b Range) int { return cmp.Compare(a.Low, b.Low) })
	merged := all[:1]
	for _, r := range all[1:] {
		if last := &merged[len(merged)-1]; r.Low <= last.High+1 {
			last.High = max(last.High, r.High)
		} else {
			merged = append(merged, r)
		}
	}
	return merged
}

func contains(ranges []Range, n int64) bool {
	i, _ := slices.BinarySearchFunc(ranges, n, func(r Range, n int64) int { return cmp.Compare(r.High, n) })
	return i < len(ranges) && ranges[i].Low <= n
}
