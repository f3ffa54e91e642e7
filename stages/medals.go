package stages

import (
	"fmt"
	"strings"

	"glomers/checkers"
)

// Medal is a grade of a solution. Each asks for all that the one before asks for,
// and more.
type Medal struct {
	Name     string      // bronze, silver, gold or diamond
	Criteria []Criterion // on the run with the challenge's own options
	Strict   bool        // that run passes the strict checks
	Hard     int         // so many seeds of hard mode pass
}

// String says what the medal asks for beyond the challenge itself.
func (m Medal) String() string {
	var parts []string
	for _, c := range m.Criteria {
		parts = append(parts, c.String())
	}
	if m.Strict {
		parts = append(parts, "valid under --strict")
	}
	if m.Hard > 0 {
		parts = append(parts, fmt.Sprintf("%d seeds of hard mode", m.Hard))
	}
	if len(parts) == 0 {
		return "the challenge itself"
	}
	return strings.Join(parts, ", ")
}

// Record is what is known of a solution: the results of a run with the
// challenge's own options that passed, and how many seeds of hard mode did,
// without one that failed.
type Record struct {
	Results   *checkers.Results // nil if no such run passed
	HardSeeds int
}

// Missing lists what a solution lacks for the medal, each in a few words; nothing
// if it has earned it.
func (m Medal) Missing(r Record) []string {
	if r.Results == nil {
		return []string{"a run with the challenge's own options that passes"}
	}
	var missing []string
	for _, c := range m.Criteria {
		if c.Met(r.Results) {
			continue
		}
		have := "not measured"
		if v, ok := c.Measure(r.Results); ok {
			have = strings.TrimSpace("now " + checkers.Figure(v) + " " + c.Unit)
		}
		missing = append(missing, fmt.Sprintf("%s (%s)", c, have))
	}
	if m.Strict && (r.Results.Strict == nil || r.Results.Strict.Valid != checkers.Valid) {
		missing = append(missing, "a pass with --strict")
	}
	if r.HardSeeds < m.Hard {
		missing = append(missing, fmt.Sprintf("%d seeds of hard mode (explore --hard --seeds %d; so far %d)", m.Hard, m.Hard, r.HardSeeds))
	}
	return missing
}

// Medals returns the medals of the stage, from bronze to diamond. A single node
// sends nothing to other nodes, so that there is nothing to save: there silver is
// for strict checks and gold for hard mode.
func (s Stage) Medals() []Medal {
	silver, gold := Medal{Name: "silver", Strict: true}, Medal{Name: "gold", Strict: true, Hard: 10}
	if limits, ok := efficient[s.ID]; ok {
		silver = Medal{Name: "silver", Criteria: limits.silver}
		gold = Medal{Name: "gold", Criteria: limits.gold, Strict: true}
	}
	diamond := gold
	diamond.Name, diamond.Hard = "diamond", 100
	return []Medal{{Name: "bronze"}, silver, gold, diamond}
}

// Best returns the best medal that a record has earned, and false for none, with
// what is missing for the next one.
func (s Stage) Best(r Record) (best Medal, earned bool, next []string) {
	for _, m := range s.Medals() {
		if next = m.Missing(r); len(next) > 0 {
			return best, earned, next
		}
		best, earned = m, true
	}
	return best, earned, nil
}

// efficient has the limits for silver and gold. Gold is near the bounds that the
// write-ups of the stages derive.
var efficient = map[string]struct{ silver, gold []Criterion }{
	"2":  {[]Criterion{msgsPerOp(1)}, []Criterion{msgsPerOp(0.001)}},
	"3b": {[]Criterion{msgsPerOp(5)}, []Criterion{msgsPerOp(3)}},
	"3c": {[]Criterion{msgsPerOp(12)}, []Criterion{msgsPerOp(6)}},
	"3d": {broadcastLimits(15, 400, 600), broadcastLimits(4, 350, 450)},
	"3e": {broadcastLimits(3, 1000, 2000), broadcastLimits(0.6, 1000, 2000)},
	"4":  {[]Criterion{msgsPerOp(4)}, []Criterion{msgsPerOp(0.6)}},
	"5b": {[]Criterion{msgsPerOp(8)}, []Criterion{msgsPerOp(3.2)}},
	"5c": {[]Criterion{msgsPerOp(1.6)}, []Criterion{msgsPerOp(0.8)}},
	"6b": {[]Criterion{msgsPerOp(1.8)}, []Criterion{msgsPerOp(0.6)}},
	"6c": {[]Criterion{msgsPerOp(1.8)}, []Criterion{msgsPerOp(0.6)}},
}
