// Package verdict is the way from a test to its verdict: run, records, checks,
// verdict. The commands that test, explore, shrink, replay and check all take it, so
// that "passed" means the same everywhere; they differ in what they keep and print.
//
// Run begins with a test, Judge with the records of a run.
package verdict

import (
	"errors"
	"fmt"
	"strings"

	"glomers/checkers"
	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/nemesis"
	"glomers/internal/runner"
	"glomers/internal/spec"
	"glomers/stages"
)

// Outcome is the overall result of a run.
type Outcome int

// The outcomes. A run whose records do not suffice for a verdict, such as one that
// ended early, is Unknown: it neither passed nor failed.
const (
	Unknown Outcome = iota
	Pass
	Fail
)

func (o Outcome) String() string { return [...]string{"UNKNOWN", "PASS", "FAIL"}[o] }

// Records are what a run leaves to be judged by.
type Records struct {
	History *history.History
	Traffic *Traffic // nil if messages were not recorded
	Racy    []string // nodes whose logs hold a report of Go's race detector

	// Strays are answers that matched no request; known for a live run only.
	Strays runner.Strays
	// Partitions say how much each partition cut; known for a live run only.
	Partitions []nemesis.Partition

	// Incomplete says why the records are not those of a whole run; empty for a
	// whole one.
	Incomplete string
}

// Traffic adds up the messages of a run.
type Traffic struct {
	Events   int64 // events of the journal
	net      journal.Stats
	delivery *checkers.Delivery // of broadcast values; nil for other workloads
}

// NewTraffic returns the traffic of a run without messages.
func NewTraffic(o checkers.Options) *Traffic {
	t := &Traffic{}
	if o.Workload == "broadcast" && o.Strict && len(o.Nodes) > 0 {
		t.delivery = checkers.NewDelivery(len(o.Nodes))
	}
	return t
}

// TrafficOf returns the traffic of a run of which only the statistics are known.
func TrafficOf(net *journal.Stats) *Traffic {
	if net == nil {
		return nil
	}
	return &Traffic{net: *net}
}

// Add takes the next event of the journal.
func (t *Traffic) Add(e journal.Event) {
	t.Events++
	t.net.Add(e)
	if t.delivery != nil {
		t.delivery.Add(e)
	}
}

// Source is where a finding comes from.
type Source string

// The sources of findings.
const (
	Official Source = "official" // Maelstrom's checks
	Strict   Source = "strict"   // what Maelstrom's checks cannot see
	Limited  Source = "limit"    // a figure that the challenge limits
	Race     Source = "race"     // Go's race detector
)

// Finding is one thing that is wrong with a run.
type Finding struct {
	// Kind identifies what is wrong: lost, duplicated, G1c, stats, availability,
	// data-race, or the title of a limit, such as "messages per operation".
	Kind    string   `json:"kind"`
	Source  Source   `json:"source"`
	Summary string   `json:"summary"`           // one sentence
	Details []string `json:"details,omitempty"` // examples

	About []any `json:"about,omitempty"` // the value or key of the first detail
	Proof []int `json:"proof,omitempty"` // see checkers.Finding

	Examples []checkers.Evidence `json:"-"` // see checkers.Finding
}

// Limit is a criterion of a stage beside the figure of a run.
type Limit struct {
	stages.Criterion
	Figure   float64
	Measured bool // false if the run does not have the figure
	Met      bool
}

// Verdict is the judgement on a run, with its reasons.
type Verdict struct {
	Outcome    Outcome
	Results    *checkers.Results // nil if the checks cannot read the records; Incomplete says why
	Limits     []Limit
	Findings   []Finding // why it is not a pass; none for an incomplete run
	Incomplete string    // see Records
	Racy       []string  // see Records
	Strays     runner.Strays
	Partitions []nemesis.Partition
	Silent     []checkers.Silence // nodes that stopped answering; none if answers went astray
}

// Question is what is asked about the records of a run.
type Question struct {
	Check     checkers.Options
	Limits    []stages.Criterion
	RacesFail bool // a data race is a failure, rather than a remark
}

// Ask returns the question that a test asks of its run, with the limits of its stage;
// stage may be nil. The limits are for a network without further faults, so that hard mode
// has none.
func Ask(t *spec.Test, stage *stages.Stage) Question {
	q := Question{Check: t.CheckOptions(), RacesFail: t.Race}
	if stage != nil && !t.Hard {
		q.Limits = stage.Criteria
	}
	return q
}

// Judge reaches the verdict on a run from its records alone.
func Judge(r Records, q Question) (*Verdict, error) {
	var net *journal.Stats
	if r.Traffic != nil {
		stats := r.Traffic.net
		net = &stats
	}
	results, err := checkers.Check(r.History, net, q.Check)
	if err != nil {
		return nil, err
	}
	if r.Traffic != nil && r.Traffic.delivery != nil && results.Strict != nil {
		d := r.Traffic.delivery.Result()
		results.Strict.Delivery = &d
	}
	v := &Verdict{Results: results, Incomplete: r.Incomplete, Racy: r.Racy, Strays: r.Strays, Partitions: r.Partitions}
	if r.Strays.Count == 0 {
		v.Silent = checkers.Silences(r.History, q.Check)
	}
	for _, c := range q.Limits {
		figure, measured := c.Measure(results)
		v.Limits = append(v.Limits, Limit{c, figure, measured, c.Met(results)})
	}
	if v.Incomplete != "" {
		return v, nil // what seems wrong may only not have happened yet
	}
	v.collect(q)
	v.Outcome = v.outcome(q)
	return v, nil
}

// collect joins what the checks found.
func (v *Verdict) collect(q Question) {
	add := func(source Source, findings []checkers.Finding) {
		for _, f := range findings {
			v.Findings = append(v.Findings, Finding{f.Check, source, f.Summary, f.Details, f.About, f.Proof, f.Examples})
		}
	}
	add(Official, v.Results.Findings)
	if s := v.Results.Strict; s != nil {
		add(Strict, s.Errors)
	}
	for _, l := range v.Limits {
		if l.Met {
			continue
		}
		summary := fmt.Sprintf("%s: not measured, expected less than %s", l.Title, withUnit(fmt.Sprint(l.Limit), l.Unit))
		if l.Measured {
			summary = fmt.Sprintf("%s: %s, expected less than %s", l.Title, withUnit(checkers.Figure(l.Figure), l.Unit), withUnit(fmt.Sprint(l.Limit), l.Unit))
		}
		v.Findings = append(v.Findings, Finding{Kind: l.Title, Source: Limited, Summary: strings.TrimSpace(summary), About: v.typical(l.Title)})
	}
	if q.RacesFail && len(v.Racy) > 0 {
		v.Findings = append(v.Findings, Finding{Kind: "data-race", Source: Race, Summary: "data races on " + strings.Join(v.Racy, ", ")})
	}
}

func withUnit(figure, unit string) string { return strings.TrimSpace(figure + " " + unit) }

// typical returns a value whose way through the network shows what a figure comes from:
// for a maximum the one that took longest, else one that took as long as the median.
func (v *Verdict) typical(title string) []any {
	set, ok := v.Results.Workload.(*checkers.SetFullResult)
	switch {
	case !ok:
	case strings.HasPrefix(title, "max") && len(set.WorstStale) > 0:
		return []any{set.WorstStale[0].Value}
	case set.Median != nil:
		return []any{set.Median.Value}
	}
	return nil
}

func (v *Verdict) outcome(q Question) Outcome {
	r := v.Results
	strict := checkers.Valid
	if r.Strict != nil {
		strict = r.Strict.Valid
	}
	switch {
	case r.Valid == checkers.Invalid || strict == checkers.Invalid:
		return Fail
	case r.Valid == checkers.Unknown:
		return Unknown
	case q.RacesFail && len(v.Racy) > 0:
		return Fail
	}
	for _, l := range v.Limits {
		switch {
		case l.Met:
		case r.Availability.Stalled > 0: // the runner may be to blame for the figure
			return Unknown
		default:
			return Fail
		}
	}
	if strict != checkers.Valid {
		return Unknown
	}
	return Pass
}

// EDN returns the entries of results.edn that Maelstrom does not have.
func (v *Verdict) EDN() edn.Map {
	m := edn.Map{entry("passed", v.Outcome == Pass)}
	if v.Incomplete != "" {
		m = append(m, entry("incomplete", v.Incomplete))
	}
	if len(v.Limits) == 0 {
		return m
	}
	criteria := edn.List{}
	for _, l := range v.Limits {
		c := edn.Map{entry("title", l.Title), entry("limit", l.Limit), entry("met?", l.Met)}
		if l.Measured {
			c = append(c, entry("figure", l.Figure))
		}
		criteria = append(criteria, c)
	}
	return append(m, entry("criteria", criteria))
}

func entry(key string, value any) edn.Entry { return edn.Entry{Key: edn.Keyword(key), Value: value} }

// shapeFinding returns the finding of an error of Judge that is the node's fault: an
// answer whose value is not what the workload defines.
func shapeFinding(err error) (Finding, bool) {
	var shape *checkers.ShapeError
	if !errors.As(err, &shape) {
		return Finding{}, false
	}
	return Finding{Kind: "an answer of the wrong shape", Source: Official, Summary: err.Error()}, true
}
