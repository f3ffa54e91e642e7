package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"glomers/checkers"
	"glomers/checkers/edn"
	"glomers/internal/store"
)

// print prints a verdict: for people, or as JSON.
func (a *app) print(v *verdict, asJSON bool) {
	if asJSON {
		m := append(edn.Map{{Key: "dir", Value: v.dir}}, v.extra()...)
		m = append(m, edn.Marshal(*v.results).(edn.Map)...)
		m = append(m, edn.Entry{Key: "findings", Value: edn.Marshal(v.results.Findings)})
		var text json.RawMessage = edn.ToJSON(m)
		indented, err := json.MarshalIndent(text, "", "  ")
		if err != nil {
			indented = text
		}
		a.out.printf("%s\n", indented)
		return
	}
	t := a.out
	rows := v.rows()
	width := 0
	for _, r := range rows {
		width = max(width, len([]rune(r.name)))
	}
	t.printf("\n")
	for _, r := range rows {
		mark, paint := t.good("✓"), t.good
		switch r.state {
		case bad:
			mark, paint = t.bad("✗"), t.bad
		case unknown:
			mark, paint = t.warn("?"), t.warn
		case figure:
			mark, paint = " ", func(s string) string { return s }
		}
		pad := strings.Repeat(" ", width-len([]rune(r.name)))
		t.printf("  %s %s%s  %s", mark, r.name, pad, paint(r.value))
		if r.limit != "" {
			t.printf("  %s", t.dim(r.limit))
		}
		t.printf("\n")
	}
	findings := v.results.Findings
	if v.results.Strict != nil {
		findings = append(findings[:len(findings):len(findings)], v.results.Strict.Errors...)
	}
	for _, f := range findings {
		t.printf("\n  %s %s\n", t.bad(f.Check+":"), f.Summary)
		for _, d := range f.Details {
			t.printf("    %s\n", strings.ReplaceAll(d, "\n", "\n    "))
		}
	}
	if !v.passed() {
		if errors := v.results.Stats.Errors(); len(errors) > 0 && v.results.Stats.Valid == checkers.Valid {
			t.printf("\n  errors that clients got:\n    %s\n", strings.Join(errors, "\n    "))
		}
	}
	for _, note := range v.notes {
		t.printf("\n  %s %s\n", t.warn("warning:"), note)
	}
	word, paint := "PASS", t.good
	switch v.err() {
	case errFailed:
		word, paint = "FAIL", t.bad
	case errUnknown:
		word, paint = "UNKNOWN", t.warn
	}
	t.printf("\n  %s", paint(t.bold(word)))
	if v.stage != nil && v.test != nil && !v.test.Official {
		t.printf("  %s", t.dim("(not the challenge's own options)"))
	}
	t.printf("\n")
	if !v.passed() && v.stage != nil {
		t.printf("  hint     %s\n", v.stage.Hint)
	}
	t.printf("  details  %s\n", v.dir)
	if v.test != nil && v.test.Command != "" && !v.passed() {
		t.printf("  repeat   %s\n", v.test.Command)
	}
	if v.pages != "" {
		for _, p := range v.results.Pages {
			t.printf("  drawing  %s\n", filepath.Join(v.pages, p.Name))
		}
	}
	if logs := filepath.Join(v.dir, store.NodeLogs); !v.passed() && isDir(logs) {
		t.printf("  logs     %s\n", logs)
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

type state int

const (
	good state = iota
	bad
	unknown
	figure // nothing to be good or bad
)

type row struct {
	name, value, limit string
	state              state
}

func stateOf(v checkers.Validity) state {
	return [...]state{checkers.Valid: good, checkers.Unknown: unknown, checkers.Invalid: bad}[v]
}

// rows are the lines of the verdict: the checks, the limits and the figures.
func (v *verdict) rows() []row {
	r := v.results
	word := map[checkers.Validity]string{checkers.Valid: "valid", checkers.Unknown: "unknown", checkers.Invalid: "invalid"}
	workload := "workload"
	if v.test != nil {
		workload = v.test.Workload
	}
	rows := []row{
		{workload, word[r.WorkloadValid], r.Summary, stateOf(r.WorkloadValid)},
		{"operations", fmt.Sprintf("%d ok of %d", r.Stats.OKCount, r.Stats.Count), "every kind must succeed at least once", stateOf(r.Stats.Valid)},
	}
	crashes := ""
	if r.Stats.ByF["crash"] != nil {
		crashes = fmt.Sprintf("%.4f without the clients' own crashes", r.Availability.WithoutCrashes)
	}
	switch fraction := fmt.Sprintf("%.4f", r.Availability.OKFraction); {
	case v.test != nil && v.test.Availability != nil:
		limit := fmt.Sprintf("≥ %g", *v.test.Availability)
		if crashes != "" {
			limit += "; " + crashes
		}
		rows = append(rows, row{"availability", fraction, limit, stateOf(r.Availability.Valid)})
	case crashes != "":
		rows = append(rows, row{"availability", fraction, crashes, figure})
	}
	if s := r.Strict; s != nil {
		limit := "what the official checks cannot see"
		if s.Valid != checkers.Valid && r.Valid == checkers.Valid {
			limit = "the official verdict would have been a pass"
		}
		rows = append(rows, row{"strict", fmt.Sprintf("%d kinds of error", len(s.Errors)), limit, stateOf(s.Valid)})
	}
	limited := map[string]bool{}
	if v.stage != nil {
		for _, c := range v.stage.Criteria {
			limited[c.Title] = true
			value, st := "not measured", bad
			if x, ok := c.Measure(r); ok {
				value = strings.TrimSpace(fmt.Sprintf("%.4g %s", x, c.Unit))
				if c.Met(r) {
					st = good
				}
			}
			rows = append(rows, row{c.Title, value, strings.TrimSpace(fmt.Sprintf("< %g %s", c.Limit, c.Unit)), st})
		}
	}
	if r.Net != nil && r.Net.Servers.MsgsPerOp != nil && !limited["messages per operation"] {
		rows = append(rows, row{"messages per operation", fmt.Sprintf("%.4g", *r.Net.Servers.MsgsPerOp), "between servers", figure})
	}
	if r.Strict != nil && r.Strict.Delivery != nil {
		rows = append(rows, row{"delivery to all nodes", r.Strict.Delivery.String(), "", figure})
	}
	for _, f := range slices.Sorted(maps.Keys(r.Latency)) {
		rows = append(rows, row{f + " latency", r.Latency[f].String(), "", figure})
	}
	return rows
}

// newTable returns a table in the plain style of the command.
func (t *terminal) newTable() table.Writer {
	w := table.NewWriter()
	w.SetOutputMirror(t.w)
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = 0
	w.SetStyle(style)
	return w
}
