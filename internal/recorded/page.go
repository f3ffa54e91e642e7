package recorded

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"glomers/checkers"
	"glomers/checkers/edn"
	"glomers/internal/report/page"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/internal/verdict"
	"glomers/stages"
)

// WritePage writes report.html. It reads the journal from disk.
func (j *Judged) WritePage(w io.Writer) error { return page.Write(w, j.page()) }

// page gathers what the page shows.
func (j *Judged) page() *page.Run {
	p := &page.Run{
		Title: j.Title(), Outcome: j.Outcome.String(), Why: j.Incomplete, Notes: j.Notes(),
		Results: j.Results, History: j.Records.History, Facts: j.facts(),
	}
	t := j.Test
	if t == nil {
		o := &j.Question.Check
		t = &spec.Test{Workload: o.Workload, Nodes: o.Nodes}
		t.Availability, t.Concurrency = o.Availability, o.Concurrency
	}
	p.Nodes, p.Concurrency, p.Kafka = t.Nodes, t.Concurrency, j.kafka()
	for _, r := range j.Rows(t) {
		p.Rows = append(p.Rows, page.Row{Name: r.Name, Value: r.Value, Limit: r.Limit, State: r.State.String()})
	}
	for i := range j.Findings {
		p.Findings = append(p.Findings, j.finding(&j.Findings[i]))
	}
	if j.Store != nil {
		p.Messages = j.Store.Messages
		if logs := filepath.Join(j.Dir, store.NodeLogs); isDir(logs) {
			p.Logs = os.DirFS(logs)
		}
	}
	return p
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Title names the run: by its stage, or else by its workload.
func (j *Judged) Title() string {
	if j.Test == nil {
		return j.Question.Check.Workload
	}
	return Title(j.Test, j.Stage)
}

// Title names a test: by its stage, or else by its workload. stage may be nil.
func Title(t *spec.Test, stage *stages.Stage) string {
	if stage == nil {
		return t.Workload
	}
	name := fmt.Sprintf("stage %s · %s", stage.ID, stage.Title)
	if t.Hard {
		name += " · hard mode"
	} else if len(t.Nemesis) > 0 && len(stage.Again) > 0 {
		name += " · with partitions"
	}
	return name
}

// facts say what was run.
func (j *Judged) facts() []page.Fact {
	facts := []page.Fact{{Name: "directory", Value: j.Dir}}
	add := func(name, value string) {
		if value != "" {
			facts = append(facts, page.Fact{Name: name, Value: value})
		}
	}
	t := j.Test
	if t == nil {
		add("judged by", j.From)
		return facts
	}
	add("workload", t.Workload)
	add("solution", t.Solution)
	add("engine", t.Engine)
	add("seed", strconv.FormatUint(t.Seed, 10))
	add("nodes", strings.Join(t.Nodes, " "))
	add("clients", fmt.Sprintf("%d workers, %g operations a second, %g s", t.Concurrency, t.Rate, t.TimeLimit))
	add("latency", fmt.Sprintf("%g ms, %s", t.LatencyMS, t.LatencyDist))
	if len(t.Nemesis) > 0 {
		add("faults", fmt.Sprintf("%s, every %g s", strings.Join(t.Nemesis, ", "), t.NemesisInterval))
	}
	if !t.Start.IsZero() {
		add("started", t.Start.Format("2006-01-02 15:04:05 -0700"))
	}
	add("repeat", t.Command)
	return facts
}

// finding adds to a finding which values and operations each of its examples is
// about.
func (j *Judged) finding(f *verdict.Finding) page.Finding {
	out := page.Finding{Kind: f.Kind, Source: string(f.Source), Summary: f.Summary}
	var proofs []edn.Map
	if f.Source == verdict.Official {
		proofs = j.proofs(f.Kind)
	}
	for i, text := range f.Details {
		if strings.HasPrefix(text, "and ") {
			out.More = text
			continue
		}
		e := page.Example{Text: text}
		if i < len(f.Examples) {
			e.Values, e.Operations = j.values(f.Examples[i].About), f.Examples[i].Proof
		}
		if i < len(proofs) {
			e.Values, e.Cycle = j.about(proofs[i]), j.cycle(proofs[i], text)
		}
		out.Examples = append(out.Examples, e)
	}
	if len(f.Details) == 0 && (len(f.About) > 0 || len(f.Proof) > 0) { // the summary is the example
		out.Examples = []page.Example{{Values: j.values(f.About), Operations: f.Proof}}
	}
	return out
}

// proofs returns what the check of transactions or of kafka knows of the examples of a
// kind of error, in their order.
func (j *Judged) proofs(kind string) []edn.Map {
	var out []edn.Map
	switch r := j.Results.Workload.(type) {
	case *checkers.TxnResult:
		for _, a := range r.Anomalies {
			for _, e := range a.Examples {
				if a.Name == kind {
					out = append(out, e.Fields)
				}
			}
		}
	case *checkers.KafkaResult:
		for _, a := range r.Anomalies {
			for _, e := range a.Examples {
				if a.Name == kind {
					out = append(out, e.Fields)
				}
			}
		}
	}
	return out
}

// about returns what the page follows of a proof: its value, or else its key; of kafka
// the messages with their key.
func (j *Judged) about(proof edn.Map) []string {
	if j.kafka() {
		key, ok := proof.Get(edn.Keyword("key"))
		if !ok {
			return nil
		}
		value, one := proof.Get(edn.Keyword("value"))
		several, _ := proof.Get(edn.Keyword("values"))
		var messages []any
		switch list := several.(type) {
		case []any:
			messages = list
		case edn.Set:
			messages = list
		}
		if one {
			messages = []any{value}
		}
		if len(messages) == 0 {
			return j.values([]any{key})
		}
		var out []string
		for _, m := range messages {
			out = append(out, fmt.Sprintf("key %s msg %s", plain(key), plain(m)))
		}
		return out
	}
	for _, name := range []string{"value", "key"} {
		if v, ok := proof.Get(edn.Keyword(name)); ok && v != nil {
			return []string{plain(v)}
		}
	}
	return nil
}

// kafka reports whether the run is one of kafka, whose findings are about keys.
func (j *Judged) kafka() bool { return j.Question.Check.Workload == "kafka" }

// values are what the page follows of what an example is about.
func (j *Judged) values(about []any) (out []string) {
	for _, v := range about {
		text := plain(v)
		if j.kafka() {
			text = "key " + text
		}
		out = append(out, text)
	}
	return out
}

// plain writes a value as a message has it.
func plain(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return edn.String(v)
}

func opIndex(op edn.Map) (int, bool) {
	v, _ := op.Get(edn.Keyword("index"))
	switch i := v.(type) {
	case int64:
		return int(i), true
	case int:
		return i, true
	}
	return 0, false
}

// cycle reads a cycle of operations, whose explanation ends with a line "T1 < T2: …"
// for each of its edges.
func (j *Judged) cycle(proof edn.Map, text string) []page.Step {
	v, _ := proof.Get(edn.Keyword("cycle"))
	ops, _ := v.([]any)
	v, _ = proof.Get(edn.Keyword("steps"))
	steps, _ := v.([]any)
	lines := strings.Split(text, "\n")
	if len(steps) == 0 || len(ops) != len(steps)+1 || len(lines) != 2*len(steps) {
		return nil
	}
	var out []page.Step
	for i, step := range steps {
		tagged, _ := ops[i].(edn.Tagged)
		op, _ := tagged.Value.(edn.Map)
		index, ok := opIndex(op)
		edge, _ := step.(edn.Map)
		kind, _ := edge.Get(edn.Keyword("type"))
		name, isName := kind.(edn.Keyword)
		if !ok || !isName {
			return nil
		}
		_, label, _ := strings.Cut(lines[i], ": ")
		label, value, _ := strings.Cut(label, "  ")
		_, why, _ := strings.Cut(lines[len(steps)+i], ": ")
		out = append(out, page.Step{Operation: index, Label: label, Value: value, Kind: string(name), Why: why})
	}
	return out
}
