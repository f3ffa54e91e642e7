package checkers

import (
	"fmt"
	"sort"
	"strings"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// CounterResult compares the final reads of a counter with the sums that they
// may show.
type CounterResult struct {
	Valid      Validity `json:"valid?"`
	Errors     any      `json:"errors"` // the reads that are wrong, nil for none
	FinalReads []int64  `json:"final-reads"`
	Acceptable edn.List `json:"acceptable"` // closed ranges, ascending
}

// Counter checks that every final read is the sum of all acknowledged adds and
// of some of those whose outcome is unknown. A read outside that set is proof
// of an error. It misses nodes whose final read fails, and everything that
// happens before the final reads.
func Counter(h *history.History) (Verdict, error) {
	sum := int64(0)
	var unknown []int64
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.F != "add" || (op.Type != history.OK && op.Type != history.Info) {
			continue
		}
		delta, ok := op.Value.(int64)
		if !ok {
			return Verdict{}, &ShapeError{*op, "an integer, the number that was added"}
		}
		if op.Type == history.OK {
			sum += delta
		} else {
			unknown = append(unknown, delta)
		}
	}
	acceptable := []span{{sum, sum}}
	for _, delta := range unknown {
		acceptable = withShift(acceptable, delta)
	}

	r := CounterResult{FinalReads: []int64{}, Acceptable: edn.List{}}
	var errors edn.List
	var details []string
	for i := range h.Ops {
		op := &h.Ops[i]
		if !op.Final || op.Type != history.OK {
			continue
		}
		value, ok := op.Value.(int64)
		if !ok {
			return Verdict{}, &ShapeError{*op, "an integer, the value of the counter"}
		}
		r.FinalReads = append(r.FinalReads, value)
		if !contains(acceptable, value) {
			errors = append(errors, taggedOp(op))
			details = append(details, fmt.Sprintf("process %d read %d at %.3f s", op.Process, value, op.Time.Seconds()))
		}
	}
	if errors != nil {
		r.Errors = errors
		r.Valid = Invalid
	}
	var ranges []string
	for _, a := range acceptable {
		r.Acceptable = append(r.Acceptable, []any{a.low, a.high})
		ranges = append(ranges, a.String())
	}
	v := Verdict{Valid: r.Valid, Fields: r, Summary: fmt.Sprintf("%d final reads, possible is %s", len(r.FinalReads), strings.Join(ranges, " or "))}
	if r.Valid != Valid {
		v.Findings = []Finding{{
			Check: "final-reads",
			Summary: fmt.Sprintf("%d of %d final reads are not a possible sum; possible is %s",
				len(errors), len(r.FinalReads), strings.Join(ranges, " or ")),
			Details: firstFew(details),
		}}
	}
	return v, nil
}

// span is a closed range of integers.
type span struct{ low, high int64 }

func (s span) String() string {
	if s.low == s.high {
		return fmt.Sprint(s.low)
	}
	return fmt.Sprintf("%d to %d", s.low, s.high)
}

// withShift returns the union of spans and spans moved by delta, merged.
func withShift(spans []span, delta int64) []span {
	all := make([]span, 0, 2*len(spans))
	for _, s := range spans {
		all = append(all, s, span{s.low + delta, s.high + delta})
	}
	sort.Slice(all, func(i, j int) bool { return all[i].low < all[j].low })
	merged := all[:1]
	for _, s := range all[1:] {
		if last := &merged[len(merged)-1]; s.low <= last.high+1 {
			last.high = max(last.high, s.high)
		} else {
			merged = append(merged, s)
		}
	}
	return merged
}

func contains(spans []span, n int64) bool {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].high >= n })
	return i < len(spans) && spans[i].low <= n
}
