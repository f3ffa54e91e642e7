package checkers

import (
	"fmt"
	"sort"

	"glomers/checkers/brief"
	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// EchoResult lists the operations whose answer was not an echo.
type EchoResult struct {
	Valid  Validity `json:"valid?"`
	Errors edn.List `json:"errors"`
}

// Echo checks that every completed echo brought back what was sent. It misses
// nothing and has no false alarms, except that an operation whose outcome is
// unknown counts as wrong, as in Maelstrom.
func Echo(h *history.History) Verdict {
	r := EchoResult{Errors: edn.List{}}
	var findings []string
	for i := range h.Ops {
		invoke := &h.Ops[i]
		if invoke.Type != history.Invoke || !invoke.Client() {
			continue
		}
		var answer, echo any
		done := h.Completion(invoke)
		if done != nil {
			answer = done.Value
			if body, ok := answer.(edn.Map); ok {
				var ok bool
				if echo, ok = body.Get(edn.Keyword("echo")); !ok {
					echo, _ = body.Get("echo") // of JSON
				}
			}
		}
		if !edn.Equal(invoke.Value, echo) {
			r.Errors = append(r.Errors, []any{"Expected a message with :echo", invoke.Value, "But received", answer})
			findings = append(findings, fmt.Sprintf("at %.3f s process %d sent %s and got %s",
				invoke.Time.Seconds(), invoke.Process, edn.String(invoke.Value), answerText(done)))
		}
	}
	r.Valid = validIf(len(r.Errors) == 0)
	v := Verdict{Valid: r.Valid, Fields: r, Summary: fmt.Sprintf("%d wrong answers", len(findings))}
	if r.Valid != Valid {
		v.Findings = []Finding{{Check: "echo", Summary: fmt.Sprintf("%d answers were not the echo of what was sent", len(findings)), Details: firstFew(findings)}}
	}
	return v
}

// answerText is what a client got, in words.
func answerText(done *history.Op) string {
	switch {
	case done == nil:
		return "no answer"
	case done.Type != history.OK && done.Error != nil:
		return "no echo: " + brief.Text(errorText(done.Error), shown)
	}
	return edn.Brief(done.Value, shown)
}

// firstFew keeps a list of details short.
func firstFew(details []string) []string {
	const few = 5
	if len(details) <= few {
		return details
	}
	return append(details[:few:few], fmt.Sprintf("and %d more", len(details)-few))
}

// UniqueIDsResult counts generated ids.
type UniqueIDsResult struct {
	Valid             Validity `json:"valid?"`
	AttemptedCount    int      `json:"attempted-count"`
	AcknowledgedCount int      `json:"acknowledged-count"`
	DuplicatedCount   int      `json:"duplicated-count"`
	Duplicated        edn.Map  `json:"duplicated"` // the 48 most frequent ones
	Range             []any    `json:"range"`      // lowest and highest
}

// UniqueIDs checks that no id was generated twice.
func UniqueIDs(h *history.History) Verdict {
	r := UniqueIDsResult{Duplicated: edn.Map{}}
	count := map[string]int{}
	var order []any // distinct ids in the order of their first appearance
	first := map[string]*history.Op{}
	var lines []string
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.F != "generate" {
			continue
		}
		switch op.Type {
		case history.Invoke:
			r.AttemptedCount++
		case history.OK:
			r.AcknowledgedCount++
			key := edn.Canonical(op.Value)
			if count[key]++; count[key] == 1 {
				order = append(order, op.Value)
				first[key] = op
			} else if count[key] == 2 {
				lines = append(lines, fmt.Sprintf("process %d got %s at %.3f s, process %d got it again at %.3f s",
					first[key].Process, edn.String(op.Value), first[key].Time.Seconds(), op.Process, op.Time.Seconds()))
			}
		}
	}
	var duplicates edn.Map
	for _, id := range order {
		if n := count[edn.Canonical(id)]; n > 1 {
			duplicates = append(duplicates, edn.Entry{Key: id, Value: int64(n)})
		}
		if r.Range == nil {
			r.Range = []any{id, id}
		}
		if edn.Compare(id, r.Range[0]) < 0 {
			r.Range[0] = id
		}
		if edn.Compare(id, r.Range[1]) > 0 {
			r.Range[1] = id
		}
	}
	r.DuplicatedCount = len(duplicates)
	r.Duplicated = mostFrequent(duplicates, 48)
	r.Valid = validIf(r.DuplicatedCount == 0)
	v := Verdict{Valid: r.Valid, Fields: r.marshal(), Summary: fmt.Sprintf("%d ids, %d duplicated", r.AcknowledgedCount, r.DuplicatedCount)}
	if r.Valid != Valid {
		v.Findings = []Finding{{Check: "duplicated", Summary: fmt.Sprintf("%d ids were generated more than once", r.DuplicatedCount), Details: firstFew(lines)}}
	}
	return v
}

func (r UniqueIDsResult) marshal() edn.Map {
	m := edn.Marshal(r).(edn.Map)
	m[len(m)-1].Value = r.Range // a vector, not a list
	if r.Range == nil {
		m[len(m)-1].Value = []any{nil, nil}
	}
	return m
}

// mostFrequent keeps n entries: the largest counts, and of equal counts the
// largest ids.
func mostFrequent(m edn.Map, n int) edn.Map {
	m = append(edn.Map{}, m...)
	sort.SliceStable(m, func(i, j int) bool {
		a, b := m[i].Value.(int64), m[j].Value.(int64)
		if a != b {
			return a > b
		}
		return edn.Compare(m[i].Key, m[j].Key) > 0
	})
	m = m[:min(n, len(m))]
	edn.SortMap(m)
	return m
}
