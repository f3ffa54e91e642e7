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

// Record is what is known of a program as the solution of a stage. The zero Record
// is that of a program that was never tested.
type Record struct {
	Passed    bool               // the stage, with the challenge's own options
	Figures   map[string]float64 // of that run, by the title of the criterion; without those that were not measured
	Strict    bool               // such a run passed the strict checks, too
	HardSeeds int                // how many seeds of hard mode passed
	HardFails []uint64           // the seeds of hard mode that failed
}

// Measure returns the figures of a run that the medals of the stage limit, by the
// title of the criterion.
func (s Stage) Measure(r *checkers.Results) map[string]float64 {
	figures := map[string]float64{}
	for _, m := range s.Medals() {
		for _, c := range m.Criteria {
			if v, ok := c.Measure(r); ok {
				figures[c.Title] = v
			}
		}
	}
	return figures
}

// Lack is one thing that a program lacks for a medal.
type Lack struct {
	Text string // in a few words
	// Try is the command by which the program may earn it as it is, or learn why it does
	// not: a subcommand of glomers and its flags. It is nil if only another program can.
	Try []string
}

// Missing lists what a program lacks for the medal; nothing if it has earned it.
func (m Medal) Missing(r Record) []Lack {
	if !r.Passed {
		return []Lack{{"a pass with the challenge's own options", []string{"test"}}}
	}
	var missing []Lack
	for _, c := range m.Criteria {
		v, measured := r.Figures[c.Title]
		if measured && v < c.Limit {
			continue
		}
		have := "not measured"
		if measured {
			have = strings.TrimSpace("now " + checkers.Figure(v) + " " + c.Unit)
		}
		missing = append(missing, Lack{Text: fmt.Sprintf("%s (%s)", c, have)})
	}
	if m.Strict && !r.Strict {
		missing = append(missing, Lack{"a pass with --strict", []string{"test", "--strict"}})
	}
	switch {
	case m.Hard == 0:
	case len(r.HardFails) > 0:
		missing = append(missing, Lack{
			fmt.Sprintf("%d seeds of hard mode (seed %d fails)", m.Hard, r.HardFails[0]),
			[]string{"explore", "--hard", "--seed", fmt.Sprint(r.HardFails[0]), "--seeds", "1"},
		})
	case r.HardSeeds < m.Hard:
		missing = append(missing, Lack{
			fmt.Sprintf("%d seeds of hard mode (so far %d)", m.Hard, r.HardSeeds),
			[]string{"explore", "--hard", "--seeds", fmt.Sprint(m.Hard)},
		})
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
func (s Stage) Best(r Record) (best Medal, earned bool, next []Lack) {
	for _, m := range s.Medals() {
		if next = m.Missing(r); len(next) > 0 {
			return best, earned, next
		}
		best, earned = m, true
	}
	return best, earned, nil
}

// efficient has the limits for silver and gold. Gold is near the bounds that the
// write-ups of the stages derive. In stage 4 that is the bound of designs that
// survive the hard mode, 0.53, and what it takes to gossip; the rest of the margin
// is for the share of additions, which differs from run to run.
var efficient = map[string]struct{ silver, gold []Criterion }{
	"2":  {[]Criterion{msgsPerOp(1)}, []Criterion{msgsPerOp(0.001)}},
	"3b": {[]Criterion{msgsPerOp(5)}, []Criterion{msgsPerOp(3)}},
	"3c": {[]Criterion{msgsPerOp(12)}, []Criterion{msgsPerOp(6)}},
	"3d": {broadcastLimits(15, 400, 600), broadcastLimits(4, 350, 450)},
	"3e": {broadcastLimits(3, 1000, 2000), broadcastLimits(0.6, 1000, 2000)},
	"4":  {[]Criterion{msgsPerOp(4)}, []Criterion{msgsPerOp(0.65)}},
	"5b": {[]Criterion{msgsPerOp(8)}, []Criterion{msgsPerOp(3.2)}},
	"5c": {[]Criterion{msgsPerOp(1.6)}, []Criterion{msgsPerOp(0.8)}},
	"6b": {[]Criterion{msgsPerOp(1.8)}, []Criterion{msgsPerOp(0.6)}},
	"6c": {[]Criterion{msgsPerOp(1.8)}, []Criterion{msgsPerOp(0.6)}},
}
