package cli

import (
	"slices"

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

func newAttempt(stage *stages.Stage, target []string, root string, runs int) *attempt {
	return &attempt{stage: stage, root: root, left: runs, pass: store.Pass{Stage: stage.ID, Target: target, Strict: true, Figures: map[string]float64{}}}
}

// add takes the verdict of the next run, which is kept in dir. After the last one, if
// all passed, it records the pass there and returns the standing; otherwise nil.
func (a *attempt) add(t *spec.Test, v *verdict.Verdict, dir string) (*standing.Standing, error) {
	a.left--
	a.lost = a.lost || v.Outcome != verdict.Pass
	a.pass.Strict = a.pass.Strict && t.Strict
	a.pass.Program, a.pass.Engine, a.pass.When = t.Program, t.Engine, t.Start
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
	s.Pass = a.pass
	s.Commands = tryCommands(&s, a.root)
	return &s, nil
}

// tryCommands returns the command lines by which a program may earn what it lacks for the
// next medal. Seeds of hard mode are explored, which needs simulated nodes.
func tryCommands(s *standing.Standing, root string) []string {
	var lines []string
	for _, try := range s.Try {
		command, flags := try[0], try[1:]
		if s.Pass.Target == nil || command == "explore" && !simulates(s.Pass.Engine) { // recorded by an older version, or not possible
			continue
		}
		if root != defaultStore {
			flags = append(slices.Clone(flags), "--store", root)
		}
		target := s.Pass.Target
		at := slices.Index(target, "--")
		if at < 0 {
			at = len(target)
		}
		lines = append(lines, commandLine(slices.Concat([]string{command, s.Pass.Stage}, target[:at], flags, target[at:])))
	}
	return lines
}
