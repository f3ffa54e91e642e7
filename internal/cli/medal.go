package cli

import (
	"glomers/internal/spec"
	"glomers/internal/standing"
	"glomers/internal/store"
	"glomers/internal/verdict"
	"glomers/stages"
)

// attempt is a stage that is run with the challenge's own options, in one run or in
// several, all of which must pass.
type attempt struct {
	stage *stages.Stage
	root  string // of the store
	left  int    // runs
	pass  store.Pass
	lost  bool // a run did not pass
}

func newAttempt(stage *stages.Stage, root string, runs int) *attempt {
	return &attempt{stage: stage, root: root, left: runs, pass: store.Pass{Stage: stage.ID, Strict: true, Figures: map[string]float64{}}}
}

// add takes the verdict of the next run, which is kept in dir. After the last one, if
// all passed, it records the pass there and returns the standing; otherwise nil.
func (a *attempt) add(t *spec.Test, v *verdict.Verdict, dir string) (*standing.Standing, error) {
	a.left--
	a.lost = a.lost || v.Outcome != verdict.Pass
	a.pass.Strict = a.pass.Strict && t.Strict
	a.pass.Program, a.pass.When = t.Program, t.Start
	for title, figure := range a.stage.Measure(v.Results) { // unordered: each figure by itself
		if known, ok := a.pass.Figures[title]; !ok || figure > known {
			a.pass.Figures[title] = figure
		}
	}
	if a.left > 0 || a.lost {
		return nil, nil
	}
	if err := store.WritePass(dir, a.pass); err != nil {
		return nil, err
	}
	r, err := standing.RecordOf(a.root, a.pass, store.Passes(a.root))
	if err != nil {
		return nil, err
	}
	s := standing.Of(a.stage, r)
	return &s, nil
}
