package checkers

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// UniqueIDsResult counts the requests for an id, the ids that clients got, and the ids
// that they got more than once.
type UniqueIDsResult struct {
	Verdict
	AttemptedCount    int
	AcknowledgedCount int
	DuplicatedCount   int
	Duplicated        []DuplicatedID // the 48 most frequent ones, ordered by id
	Lowest, Highest   any            // by edn.Compare, null left out; nil if there is none
}

// DuplicatedID is an id that was generated more than once.
type DuplicatedID struct {
	ID    any
	Count int
}

// MarshalEDN returns the map that results.edn shows.
func (r *UniqueIDsResult) MarshalEDN() any {
	duplicated := edn.Map{}
	for _, d := range r.Duplicated {
		duplicated = append(duplicated, edn.Entry{Key: d.ID, Value: int64(d.Count)})
	}
	return ednMap("valid?", r.Valid.MarshalEDN(),
		"attempted-count", int64(r.AttemptedCount), "acknowledged-count", int64(r.AcknowledgedCount), "duplicated-count", int64(r.DuplicatedCount),
		"duplicated", duplicated, "range", []any{r.Lowest, r.Highest})
}

// UniqueIDs checks that no id was generated twice. It is sound and complete for
// the ids that clients received.
func UniqueIDs(h *history.History, o Options) (*UniqueIDsResult, error) {
	r := &UniqueIDsResult{}
	who := namesOf(o)
	type id struct {
		value any
		count int
		first *history.Op
	}
	ids := map[any]*id{}
	var order []*id
	var duplicated evidence
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.F != "generate" || !op.Client() {
			continue
		}
		switch op.Type {
		case history.Invoke:
			r.AttemptedCount++
		case history.OK:
			r.AcknowledgedCount++
			key := mapKey(op.Value)
			seen := ids[key]
			if seen == nil {
				seen = &id{value: op.Value, first: op}
				ids[key] = seen
				order = append(order, seen)
			}
			if seen.count++; seen.count == 2 {
				duplicated.add(fmt.Sprintf("%s got %s at %.3f s, %s got it again at %.3f s", who.process(seen.first.Process),
					edn.Brief(op.Value, shown), seen.first.Time.Seconds(), who.process(op.Process), op.Time.Seconds()), op.Value, seen.first, op)
			}
		}
	}
	for _, id := range order {
		if id.count > 1 {
			r.Duplicated = append(r.Duplicated, DuplicatedID{id.value, id.count})
		}
		switch {
		case id.value == nil: // outside of the range, as in Jepsen
		case r.Lowest == nil:
			r.Lowest, r.Highest = id.value, id.value
		case edn.Compare(id.value, r.Lowest) < 0:
			r.Lowest = id.value
		case edn.Compare(id.value, r.Highest) > 0:
			r.Highest = id.value
		}
	}
	r.DuplicatedCount = len(r.Duplicated)
	r.Duplicated = mostFrequent(r.Duplicated, 48)
	r.Summary = fmt.Sprintf("%s, %d duplicated", count(r.AcknowledgedCount, "id", "ids"), r.DuplicatedCount)
	switch {
	case r.DuplicatedCount > 0:
		r.Valid = Invalid
		f := duplicated.finding("duplicated", count(r.DuplicatedCount, "id was", "ids were")+" generated more than once")
		if i := slices.IndexFunc(order, func(id *id) bool { return id.count > 1 && rounded(id.value) }); i >= 0 {
			f.Details = append(f.Details, fmt.Sprintf("%s is a number that a float64 holds, beyond 2^53, where a float64 cannot hold every whole number: different ids were rounded to it. "+
				"The Reply of Maelstrom's Go library passes every number in a body through a float64; send such ids as strings", edn.ToJSON(order[i].value)))
		}
		r.Findings = []Finding{f}
	case r.AcknowledgedCount > 0:
		r.Valid = Valid
	}
	return r, nil
}

// rounded reports whether an id looks like a whole number beyond 2^53 that was printed
// from a float64: the shortest digits that identify the float64, then zeros. Few whole
// numbers of that size have this form by chance.
func rounded(id any) bool {
	text := string(edn.ToJSON(id))
	f, err := strconv.ParseFloat(text, 64)
	return err == nil && math.Abs(f) > 1<<53 && strconv.FormatFloat(f, 'f', -1, 64) == text
}

// mostFrequent keeps n ids, those with the largest counts and of equal counts the
// largest ids, and orders them by id.
func mostFrequent(ids []DuplicatedID, n int) []DuplicatedID {
	slices.SortStableFunc(ids, func(a, b DuplicatedID) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), edn.Compare(b.ID, a.ID))
	})
	ids = ids[:min(n, len(ids))]
	slices.SortFunc(ids, func(a, b DuplicatedID) int { return edn.Compare(a.ID, b.ID) })
	return ids
}
