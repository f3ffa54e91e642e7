package web

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"glomers/checkers"
	"glomers/checkers/edn"
)

// section is a part of what is known of a run.
type section struct {
	Title string
	Rows  []row
}

type row struct{ Name, Value string }

// maxRows bounds a section: results have a row for each kind of operation, and hostile
// ones as many as they like.
const maxRows = 200

// sectionsOf lists what is known of a run in names and values.
func sectionsOf(r *run) []section {
	var out []section
	add := func(title string, rows []row) {
		if len(rows) > maxRows {
			rows = append(rows[:maxRows:maxRows], row{"…", fmt.Sprintf("%d more", len(rows)-maxRows)})
		}
		if len(rows) > 0 {
			out = append(out, section{title, rows})
		}
	}
	var limits []row
	for _, c := range r.Criteria {
		figure := "not measured"
		if c.Measured {
			figure = checkers.Figure(c.Figure)
		}
		word := "met"
		if !c.Met {
			word = "not met"
		}
		limits = append(limits, row{fmt.Sprintf("%s < %s", c.Title, checkers.Figure(c.Limit)), figure + ", " + word})
	}
	add("Limits", limits)
	part := func(key string) any { return value(r.Results, key) }
	add("Verdict", append(validRow("all checks", part("valid?")), validRow("check of "+r.Workload, value(r.Results, "workload", "valid?"))...))
	add("Latency in ms", latencyRows(part("latency")))
	add("Operations", flat("", part("stats")))
	add("Availability", flat("", part("availability")))
	add("Messages", flat("", part("net")))
	add("Findings of the workload's check", flat("", part("workload")))
	add("Strict checks", flat("", part("strict")))
	add("Options", optionRows(r))
	return out
}

// validRow shows what a check came to.
func validRow(name string, v any) []row {
	if text := validText(v); text != "" {
		return []row{{name, text}}
	}
	return nil
}

// validText is the value of :valid? in a word.
func validText(v any) string {
	switch v {
	case true:
		return "valid"
	case false:
		return "invalid"
	case nil:
		return ""
	}
	return "unknown"
}

// scalar writes a plain value; false for one that has parts, or none.
func scalar(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "", false
	case bool:
		return map[bool]string{true: "yes", false: "no"}[v], true
	case string:
		return edn.Brief(v, 200), true
	case edn.Keyword:
		return string(v), true
	case int64:
		return fmt.Sprint(v), true
	}
	if f, ok := float(v); ok {
		return checkers.Figure(f), true
	}
	return "", false
}

// flat lists the plain values of a map and of the maps in it; of a list it says how
// long it is.
func flat(prefix string, v any) []row {
	m, ok := v.(edn.Map)
	if !ok {
		return nil
	}
	var rows []row
	for _, e := range m {
		name := edn.Brief(e.Key, 60)
		if key, ok := e.Key.(edn.Keyword); ok {
			name = strings.ReplaceAll(string(key), "-", " ")
		}
		name = strings.TrimPrefix(strings.TrimSpace(prefix+" "+name), "by f ")
		if strings.HasSuffix(name, "valid?") {
			rows = append(rows, validRow(strings.TrimSpace(strings.TrimSuffix(name, "valid?")+" check"), e.Value)...)
			continue
		}
		if text, ok := scalar(e.Value); ok {
			rows = append(rows, row{name, text})
			continue
		}
		switch v := e.Value.(type) {
		case edn.Map:
			if strings.Count(name, " ") < 12 { // hostile results may be deep
				rows = append(rows, flat(name, v)...)
			}
		case []any:
			rows = append(rows, listRow(name, v))
		case edn.List:
			rows = append(rows, listRow(name, v))
		case edn.Set:
			rows = append(rows, listRow(name, v))
		}
	}
	return rows
}

// listRow shows the beginning of a list.
func listRow(name string, list []any) row {
	if len(list) == 0 {
		return row{name, "none"}
	}
	return row{name, fmt.Sprintf("%d: %s", len(list), edn.Brief(list, 120))}
}

func latencyRows(v any) []row {
	m, ok := v.(edn.Map)
	if !ok {
		return nil
	}
	var rows []row
	for _, e := range m {
		points, ok := e.Value.(edn.Map)
		if !ok {
			continue
		}
		name, _ := scalar(e.Key)
		for _, p := range points {
			label := map[string]string{"0": "least", "0.5": "median", "0.95": "95%", "0.99": "99%", "1": "most"}[edn.Brief(p.Key, 10)]
			if text, ok := scalar(p.Value); ok && label != "" {
				rows = append(rows, row{name + " " + label, text})
			}
		}
	}
	return rows
}

func optionRows(r *run) []row {
	rows := []row{{"workload", r.Workload}, {"engine", r.Engine()}, {"started", r.When.Local().Format(time.DateTime)}}
	if r.Foreign {
		return rows
	}
	t := &r.Test
	add := func(name string, v any) {
		if text := fmt.Sprint(v); text != "" && text != "[]" && text != "0" && text != "false" {
			rows = append(rows, row{name, text})
		}
	}
	add("solution", strings.Join(append([]string{t.Solution}, t.Args...), " "))
	rows = append(rows, row{"seed", fmt.Sprint(t.Seed)})
	add("nodes", len(t.Nodes))
	add("workers", t.Concurrency)
	add("rate, operations a second", t.Rate)
	add("time limit, s", t.TimeLimit)
	add("latency, ms", t.LatencyMS)
	add("nemesis", strings.Join(t.Nemesis, ", "))
	if t.Workload == "broadcast" {
		add("topology", t.Topology)
	}
	if strings.HasPrefix(t.Workload, "txn") {
		add("consistency models", strings.Join(t.ConsistencyModels, ", "))
	}
	if t.Availability != nil {
		add("availability, at least", *t.Availability)
	}
	add("strict", t.Strict)
	add("hard mode", t.Hard)
	add("race detector", t.Race)
	if t.CPUCost > 0 {
		add("CPU cost of a message", time.Duration(t.CPUCost))
	}
	add("program", t.Program[:min(len(t.Program), 16)])
	return rows
}

// paired is a section of two runs side by side.
type paired struct {
	Title string
	Rows  []pairedRow
}

type pairedRow struct{ Name, A, B string }

// Differs reports whether the runs have different values.
func (r pairedRow) Differs() bool { return r.A != r.B }

// pairUp joins the sections of two runs by their titles and rows by their names, in
// the order of the first run, and what only the second one has after it.
func pairUp(a, b []section) []paired {
	var out []paired
	for _, s := range slices.Concat(a, b) {
		at := slices.IndexFunc(out, func(p paired) bool { return p.Title == s.Title })
		if at >= 0 {
			continue
		}
		p := paired{Title: s.Title}
		rows := func(all []section) []row {
			if i := slices.IndexFunc(all, func(x section) bool { return x.Title == s.Title }); i >= 0 {
				return all[i].Rows
			}
			return nil
		}
		left, right := rows(a), rows(b)
		seen := map[string]int{}
		for _, r := range left {
			seen[r.Name] = len(p.Rows)
			p.Rows = append(p.Rows, pairedRow{r.Name, r.Value, ""})
		}
		for _, r := range right {
			if i, ok := seen[r.Name]; ok {
				p.Rows[i].B = r.Value
			} else {
				p.Rows = append(p.Rows, pairedRow{r.Name, "", r.Value})
			}
		}
		out = append(out, p)
	}
	return out
}
