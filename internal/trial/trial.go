// Package trial runs tests in memory, where a run leaves nothing behind but its
// verdict: many seeds of a test, or smaller and smaller versions of one.
package trial

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"sort"
	"strings"

	"glomers/checkers"
	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/nodeio"
	"glomers/internal/runner"
)

// Engine makes the engine of a run.
type Engine func(receive func(journal.Message) error) runner.Engine

// Test is what is tried.
type Test struct {
	Config  runner.Config
	Check   checkers.Options
	Engine  func() Engine
	Limits  func(*checkers.Results) []string // the limits that results miss; may be nil
	Figures func(*checkers.Results) []Figure // what to summarize; may be nil
}

// Figure is a number that a run came to.
type Figure struct {
	Name  string
	Unit  string
	Value float64
}

// Outcome is what became of a run.
type Outcome struct {
	Seed     uint64
	Failures []string // kinds of failure, in order; none for a pass
	Details  string   // of the first failure
	Figures  []Figure
	Ops      int
	Hash     string // of history and messages
}

// Passed reports whether nothing was wrong.
func (o Outcome) Passed() bool { return len(o.Failures) == 0 }

// memory records a run.
type memory struct {
	ops  []history.Op
	net  journal.Stats
	line []byte
	sum  hash.Hash
}

func (m *memory) RecordOp(op history.Op) {
	op.Index = len(m.ops)
	m.ops = append(m.ops, op)
	m.line = edn.Append(m.line[:0], op.MarshalEDN())
	m.sum.Write(m.line)
}

func (m *memory) Record(e journal.Event) {
	m.net.Add(e)
	m.line = fmt.Appendf(m.line[:0], "%c %d %d ", e.Kind, e.Time, e.Message.ID)
	if e.Kind == journal.Send {
		m.line = e.Message.Append(m.line)
	}
	m.sum.Write(m.line)
}

func (*memory) Flush() error { return nil }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// Run runs a test with a seed. The error is that of a run that could not be
// judged for a reason that is not the fault of its nodes, such as the end of the
// context.
func Run(ctx context.Context, t Test, seed uint64) (Outcome, error) {
	t.Config.Seed = seed
	rec := &memory{sum: sha256.New()}
	o := Outcome{Seed: seed}
	_, err := runner.Run(ctx, t.Config, t.Engine(), rec, quiet, nil)
	o.Hash = hex.EncodeToString(rec.sum.Sum(nil))
	o.Ops = len(rec.ops)
	var node *nodeio.Error
	var init *runner.InitError
	switch {
	case runner.IsInterrupt(err):
		return o, err
	case errors.As(err, &node):
		o.Failures, o.Details = []string{"a node " + kindOf(node.Msg)}, node.Error()
		return o, nil
	case errors.As(err, &init):
		o.Failures, o.Details = []string{"init"}, init.Error()
		return o, nil
	case err != nil:
		return o, err
	}
	h, err := history.New(rec.ops)
	if err != nil {
		return o, err
	}
	r, err := checkers.Check(h, &rec.net, t.Check)
	if err != nil {
		var shape *checkers.ShapeError
		if errors.As(err, &shape) {
			o.Failures, o.Details = []string{"an answer of the wrong shape"}, err.Error()
			return o, nil
		}
		return o, err
	}
	o.judge(r, t)
	return o, nil
}

// kindOf takes what differs from run to run out of what a node did.
func kindOf(msg string) string {
	if i := strings.IndexAny(msg, ":;"); i > 0 {
		rest := msg[i:]
		if strings.HasPrefix(rest, ": exit status") {
			return msg
		}
		return msg[:i]
	}
	return msg
}

func (o *Outcome) judge(r *checkers.Results, t Test) {
	if t.Figures != nil {
		o.Figures = t.Figures(r)
	}
	findings := r.Findings
	if r.Strict != nil {
		findings = append(findings[:len(findings):len(findings)], r.Strict.Errors...)
	}
	for _, f := range findings {
		o.fail(f.Check, f.Summary)
	}
	if r.Valid != checkers.Valid && len(o.Failures) == 0 {
		o.fail("valid? "+r.Valid.String(), r.Summary)
	}
	if t.Limits != nil {
		for _, missed := range t.Limits(r) {
			o.fail(missed, missed)
		}
	}
}

func (o *Outcome) fail(kind, details string) {
	for _, known := range o.Failures {
		if known == kind {
			return
		}
	}
	if len(o.Failures) == 0 {
		o.Details = details
	}
	o.Failures = append(o.Failures, kind)
}

// Summary is what became of many runs.
type Summary struct {
	Runs     int
	Passed   int
	Failures []Failure // by kind, most frequent first
	Figures  []Distribution
}

// Failure is a kind of failure.
type Failure struct {
	Kind    string `json:"kind"`
	Count   int    `json:"count"`
	Seed    uint64 `json:"seed"` // the smallest that shows it
	Details string `json:"details"`
}

// Distribution is how a figure came out.
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
				f = &Failure{Kind: kind, Seed: o.Seed}
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
		at := func(fraction float64) float64 { return v[int(fraction*float64(len(v)-1))] }
		s.Figures = append(s.Figures, Distribution{f.Name, f.Unit, v[0], at(0.5), at(0.99), v[len(v)-1]})
	}
	return s
}
