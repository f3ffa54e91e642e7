package cli

import (
	"slices"
	"strings"

	"glomers/checkers/edn"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/internal/verdict"
	"glomers/stages"
)

// standing is the medal that a program has earned in a stage, and what it lacks for
// the next one.
type standing struct {
	Medal   string   `json:"medal,omitempty"` // empty for none
	Next    string   `json:"next,omitempty"`  // the next medal, empty after the last one
	Missing []string `json:"missing,omitempty"`
	rank    int      // 0 without a medal, then 1 for bronze
}

func standingOf(stage *stages.Stage, r stages.Record) standing {
	medals := stage.Medals()
	best, earned, missing := stage.Best(r)
	s := standing{Missing: missing}
	if earned {
		s.Medal = best.Name
		s.rank = 1 + slices.IndexFunc(medals, func(m stages.Medal) bool { return m.Name == best.Name })
	}
	if s.rank < len(medals) {
		s.Next = medals[s.rank].Name
	}
	return s
}

// next says in a line what is missing for the next medal.
func (s standing) next() string { return s.Next + ": " + strings.Join(s.Missing, "; ") }

// edn are the entries for results.edn and --json.
func (s standing) edn() edn.Map {
	m := edn.Map{{Key: edn.Keyword("medal"), Value: s.Medal}}
	if s.Next != "" {
		m = append(m, edn.Entry{Key: edn.Keyword("next-medal"), Value: edn.Map{
			{Key: edn.Keyword("medal"), Value: s.Next}, {Key: edn.Keyword("missing"), Value: edn.Marshal(s.Missing)},
		}})
	}
	return m
}

// bestStandings returns the best standing of any program in each stage that was
// passed, by the id of the stage. Of equal ones the newest counts.
func bestStandings(root string, passes []store.Pass) (map[string]standing, error) {
	best := map[string]standing{}
	for _, p := range passes {
		stage, err := stages.Find(p.Stage)
		if err != nil {
			continue // of a later version of the workbook
		}
		r, err := recordOf(root, p, passes)
		if err != nil {
			return nil, err
		}
		if s := standingOf(&stage, r); s.rank >= best[stage.ID].rank {
			best[stage.ID] = s
		}
	}
	return best, nil
}

// recordOf is what is known of a program that passed: the figures of that pass, and
// all that the store knows of strict passes and of hard mode.
func recordOf(root string, p store.Pass, passes []store.Pass) (stages.Record, error) {
	r := stages.Record{Passed: true, Figures: p.Figures, Strict: p.Strict}
	r.Strict = r.Strict || slices.ContainsFunc(passes, func(other store.Pass) bool {
		return other.Stage == p.Stage && other.Program == p.Program && other.Strict
	})
	hard, err := store.ReadHardMode(root, p.Stage, p.Program)
	r.HardSeeds, r.HardFails = hard.Count(), hard.Failed
	return r, err
}

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
func (a *attempt) add(t *spec.Test, v *verdict.Verdict, dir string) (*standing, error) {
	a.left--
	a.lost = a.lost || v.Outcome != verdict.Pass
	a.pass.Strict = a.pass.Strict && t.Strict
	a.pass.Program, a.pass.When = t.Program, t.Start
	for title, figure := range a.stage.Measure(v.Results) {
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
	r, err := recordOf(a.root, a.pass, store.Passes(a.root))
	if err != nil {
		return nil, err
	}
	s := standingOf(a.stage, r)
	return &s, nil
}
