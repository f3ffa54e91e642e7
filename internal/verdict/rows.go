package verdict

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"glomers/checkers"
	"glomers/internal/spec"
	"glomers/internal/store"
)

// State says whether a row of a verdict is as it should be.
type State int

// The states.
const (
	Good State = iota
	Bad
	Doubtful
	Figure // measured, and not judged
)

func (s State) String() string { return [...]string{"good", "bad", "unknown", "figure"}[s] }

// Row is a line of a verdict: a check, a limit or a figure, in words for people.
type Row struct {
	Name, Value string
	Limit       string // what is expected, or more about the value; may be empty
	State       State
}

func stateOf(v checkers.Validity) State {
	return [...]State{checkers.Valid: Good, checkers.Unknown: Doubtful, checkers.Invalid: Bad}[v]
}

// Rows are the lines of the verdict: the checks, the limits and the figures. Those of
// an incomplete run are shown, and not judged.
func (v *Verdict) Rows(t *spec.Test) []Row {
	if v.Results == nil {
		return []Row{{t.Workload, "unknown", "", Doubtful}}
	}
	rows := append(v.checkRows(t), v.limitRows()...)
	rows = append(rows, v.figureRows()...)
	if v.Incomplete != "" {
		for i := range rows {
			if rows[i].State != Figure {
				rows[i].State = Doubtful
			}
		}
		rows[0].Value, rows[0].Limit = "unknown", "" // a value that has not arrived yet is not lost
	}
	return rows
}

// checkRows are the lines of the checks.
func (v *Verdict) checkRows(t *spec.Test) []Row {
	res := v.Results
	word := map[checkers.Validity]string{checkers.Valid: "valid", checkers.Unknown: "unknown", checkers.Invalid: "invalid"}
	workload := "workload"
	if t != nil {
		workload = t.Workload
	}
	own := res.Workload.Common()
	rows := []Row{
		{workload, word[own.Valid], own.Summary, stateOf(own.Valid)},
		{"operations", fmt.Sprintf("%d ok of %d", res.Stats.OKCount, res.Stats.Count), "every kind must succeed at least once", stateOf(res.Stats.Valid)},
	}
	crashes := ""
	if res.Stats.ByF["crash"] != nil {
		crashes = fmt.Sprintf("%.4f without the clients' own crashes", res.Availability.WithoutCrashes)
	}
	switch fraction := fmt.Sprintf("%.4f", res.Availability.OKFraction); {
	case t != nil && t.Availability != nil:
		limit := fmt.Sprintf("≥ %g", *t.Availability)
		if crashes != "" {
			limit += "; " + crashes
		}
		rows = append(rows, Row{"availability", fraction, limit, stateOf(res.Availability.Valid)})
	case crashes != "":
		rows = append(rows, Row{"availability", fraction, crashes, Figure})
	}
	if s := res.Strict; s != nil {
		limit := "what the official checks cannot see"
		if s.Valid == checkers.Invalid && res.Valid == checkers.Valid {
			limit = "the official verdict would have been a pass"
		}
		if n := len(s.Skipped); n > 0 {
			limit = count(n, "check") + " did not run, see below"
		}
		found := "nothing found"
		if n := len(s.Errors); n > 0 {
			found = count(n, "kind") + " of error"
		}
		rows = append(rows, Row{"strict", found, limit, stateOf(s.Valid)})
	}
	if t != nil && t.Race {
		rows = append(rows, v.raceRow())
	}
	return rows
}

// raceRow is the line of a program that was built with the race detector.
func (v *Verdict) raceRow() Row {
	if len(v.Racy) == 0 {
		return Row{"data races", "none found", "by Go's race detector", Good}
	}
	return Row{"data races", "on " + strings.Join(v.Racy, ", "), "Go's race detector reports them in the nodes' logs", Bad}
}

// limitRows are the lines of the stage's limits.
func (v *Verdict) limitRows() []Row {
	var rows []Row
	for _, l := range v.Limits {
		value, st := "not measured", Bad
		if l.Measured {
			value = strings.TrimSpace(checkers.Figure(l.Figure) + " " + l.Unit)
		}
		switch {
		case l.Met:
			st = Good
		case v.Results.Availability.Stalled > 0:
			st = Doubtful
		}
		rows = append(rows, Row{l.Title, value, strings.TrimSpace(fmt.Sprintf("< %g %s", l.Criterion.Limit, l.Unit)), st})
	}
	return rows
}

// figureRows are the lines of what is measured and not limited.
func (v *Verdict) figureRows() []Row {
	res := v.Results
	var rows []Row
	limited := slices.ContainsFunc(v.Limits, func(l Limit) bool { return l.Title == "messages per operation" })
	if res.Net != nil && res.Net.Servers.MsgsPerOp != nil && !limited {
		rows = append(rows, Row{"messages per operation", checkers.Figure(float64(*res.Net.Servers.MsgsPerOp)), "between servers", Figure})
	}
	if res.Strict != nil && res.Strict.Delivery != nil {
		rows = append(rows, Row{"delivery to all nodes", res.Strict.Delivery.String(), "", Figure})
	}
	for _, f := range slices.Sorted(maps.Keys(res.Latency)) {
		rows = append(rows, Row{f + " latency", res.Latency[f].String(), "", Figure})
	}
	return rows
}

// Warnings are what disturbed the run, or kept a check from running. dir is that of
// the run, for the paths of logs.
func (v *Verdict) Warnings(dir string) []string {
	var warnings []string
	for _, node := range v.Racy {
		warnings = append(warnings, fmt.Sprintf("node %s has a data race: see %s", node, filepath.Join(dir, store.NodeLogs, node+".log")))
	}
	if v.Results == nil {
		return warnings
	}
	if d := v.Results.Availability.Stalled; d > 0 {
		warnings = append(warnings, fmt.Sprintf("the runner itself made no progress for %v, so the run is disturbed: what was late may not have been late in the nodes", d))
	}
	if s := v.Results.Strict; s != nil {
		warnings = append(warnings, skippedChecks(s.Skipped)...)
	}
	return warnings
}

// skippedChecks says which checks of strict mode did not run, those with one reason
// together.
func skippedChecks(skipped []checkers.SkippedCheck) (out []string) {
	checks := map[string][]string{}
	var reasons []string
	for _, s := range skipped {
		if checks[s.Reason] == nil {
			reasons = append(reasons, s.Reason)
		}
		checks[s.Reason] = append(checks[s.Reason], s.Check)
	}
	for _, r := range reasons {
		was := "was"
		if len(checks[r]) > 1 {
			was = "were"
		}
		out = append(out, fmt.Sprintf("strict: %s %s not checked: %s", strings.Join(checks[r], "; "), was, r))
	}
	return out
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
