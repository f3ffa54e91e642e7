// Package trial runs simulated tests in memory, where a run leaves nothing behind
// but its verdict: a test with many seeds (Explore), or smaller and smaller versions
// of a test that fails (Shrink).
package trial

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"math"
	"slices"
	"sort"
	"strings"

	"glomers/checkers"
	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/spec"
	"glomers/internal/verdict"
)

// Test is a test, and how to run and judge it.
type Test struct {
	Spec     spec.Test
	Question verdict.Question
	Engine   func(spec.Host) verdict.Engine   // makes the engine of each run
	Vary     Variation                        // with the seed
	Figures  func(*checkers.Results) []Figure // what to summarize; may be nil
}

// Figure is a number that was measured in a run. It is finite.
type Figure struct {
	Name  string  `json:"name"`
	Unit  string  `json:"unit,omitempty"`
	Value float64 `json:"value"`
}

// Outcome is the result of a run.
type Outcome struct {
	Seed     uint64   `json:"seed"`
	Options  []Option `json:"options,omitempty"`  // that the seed varied
	Failures []string `json:"failures,omitempty"` // kinds of failure, in order; none for a pass
	Details  string   `json:"details,omitempty"`  // of the first failure
	Repeat   string   `json:"repeat,omitempty"`   // the command that repeats a failure and keeps the run
	Figures  []Figure `json:"figures"`
	Ops      int      `json:"records"` // of the history
	Hash     string   `json:"sha256"`  // of history and messages
}

// Passed reports whether nothing was wrong.
func (o Outcome) Passed() bool { return len(o.Failures) == 0 }

// digest hashes the records of a run as they are made.
type digest struct {
	ops  int
	line []byte
	sum  hash.Hash
}

func (d *digest) RecordOp(op history.Op) {
	d.ops++
	d.line = edn.Append(d.line[:0], op.MarshalEDN())
	d.sum.Write(d.line)
}

func (d *digest) Record(e journal.Event) {
	d.line = fmt.Appendf(d.line[:0], "%c %d %d ", e.Kind, e.Time, e.Message.ID)
	if e.Kind == journal.Send {
		d.line = e.Message.Append(d.line)
	}
	d.sum.Write(d.line)
}

func (*digest) Flush() error { return nil }

// Run runs a test with a seed. A node that crashes or breaks the protocol is a
// failure like any other; the error is that of a run that could not be judged for
// another reason, such as the end of the context.
func Run(ctx context.Context, t Test, seed uint64) (Outcome, error) {
	varied, options := t.Vary.Vary(t.Spec, seed)
	t.Spec = varied
	t.Spec.Seed = seed
	d := &digest{sum: sha256.New()}
	v, err := verdict.Run(ctx, &t.Spec, t.Question, t.Engine(t.Spec.Host), verdict.Observation{Keep: d})
	o := Outcome{Seed: seed, Options: options, Ops: d.ops, Hash: hex.EncodeToString(d.sum.Sum(nil))}
	if err != nil {
		finding, ok := verdict.Blame(err)
		if ok && ctx.Err() == nil {
			o.fail(finding)
			return o, nil
		}
		return o, err
	}
	if t.Figures != nil {
		o.Figures = finite(t.Figures(v.Results))
	}
	o.judge(v)
	return o, nil
}

// judge adds the failures of a verdict. A run that neither passed nor shows an error
// fails as well: the reasons are then what kept checks from running.
func (o *Outcome) judge(v *verdict.Verdict) {
	for _, f := range v.Findings {
		o.fail(f)
	}
	if v.Outcome != verdict.Pass && len(o.Failures) == 0 {
		o.fail(verdict.Finding{Kind: "no verdict", Summary: strings.Join(v.Warnings(""), "; ")})
	}
}

// finite leaves out what is not a number, such as 0/0: it was not measured.
func finite(figures []Figure) []Figure {
	return slices.DeleteFunc(figures, func(f Figure) bool { return math.IsNaN(f.Value) || math.IsInf(f.Value, 0) })
}

// fail adds a kind of failure.
func (o *Outcome) fail(f verdict.Finding) {
	if slices.Contains(o.Failures, f.Kind) {
		return
	}
	if len(o.Failures) == 0 {
		o.Details = f.Summary
	}
	o.Failures = append(o.Failures, f.Kind)
}

// Summary adds up the outcomes of many runs.
type Summary struct {
	Runs     int
	Passed   int
	Failures []Failure // by kind, most frequent first
	Figures  []Distribution
}

// Failure is a kind of failure.
type Failure struct {
	Kind    string   `json:"kind"`
	Count   int      `json:"count"`
	Seed    uint64   `json:"seed"`              // the smallest that shows it
	Options []Option `json:"options,omitempty"` // that this seed varied
	Details string   `json:"details"`
	Repeat  string   `json:"repeat"` // the command that repeats this seed
}

// Distribution summarizes a figure over many runs.
type Distribution struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit,omitempty"`
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	P99    float64 `json:"p99"`
	Max    float64 `json:"max"`
}

// Collect adds up outcomes, in any order.
func Collect(outcomes []Outcome) Summary {
	sort.Slice(outcomes, func(i, j int) bool { return outcomes[i].Seed < outcomes[j].Seed })
	s := Summary{Runs: len(outcomes)}
	failures := map[string]*Failure{}
	values := map[string][]float64{}
	var names []Figure
	for _, o := range outcomes {
		if o.Passed() {
			s.Passed++
		}
		for i, kind := range o.Failures {
			f := failures[kind]
			if f == nil {
				f = &Failure{Kind: kind, Seed: o.Seed, Options: o.Options, Repeat: o.Repeat}
				failures[kind] = f
			}
			if f.Count++; f.Details == "" && i == 0 {
				f.Details = o.Details
			}
		}
		for _, f := range o.Figures {
			if values[f.Name] == nil {
				names = append(names, f)
			}
			values[f.Name] = append(values[f.Name], f.Value)
		}
	}
	for _, f := range failures { // sorted below
		s.Failures = append(s.Failures, *f)
	}
	sort.Slice(s.Failures, func(i, j int) bool {
		a, b := s.Failures[i], s.Failures[j]
		if a.Count != b.Count {
			return a.Count > b.Count
		}
		return a.Kind < b.Kind
	})
	for _, f := range names {
		v := values[f.Name]
		sort.Float64s(v)
		s.Figures = append(s.Figures, Distribution{f.Name, f.Unit, v[0], checkers.Quantile(v, 0.5), checkers.Quantile(v, 0.99), v[len(v)-1]})
	}
	return s
}
