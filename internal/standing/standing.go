// Package standing says how far a program has come in a stage: the medal that it has
// earned, and what it lacks for the next one, from what the store knows of it.
package standing

import (
	"path/filepath"
	"slices"
	"strings"

	"glomers/checkers/edn"
	"glomers/internal/store"
	"glomers/stages"
)

// Standing is the medal that a program has earned in a stage, and what it lacks for
// the next one.
type Standing struct {
	Medal   string   `json:"medal,omitempty"` // empty for none
	Next    string   `json:"next,omitempty"`  // the next medal, empty after the last one
	Missing []string `json:"missing,omitempty"`
	Rank    int      `json:"-"` // 0 without a medal, then 1 for bronze

	Try      [][]string `json:"-"`                  // see stages.Lack
	Commands []string   `json:"commands,omitempty"` // the same as command lines with the program; whoever knows that adds them
	Pass     store.Pass `json:"-"`                  // of the program
}

// Of returns the standing of a program of which the given is known.
func Of(stage *stages.Stage, r stages.Record) Standing {
	medals := stage.Medals()
	best, earned, missing := stage.Best(r)
	s := Standing{}
	for _, lack := range missing {
		s.Missing = append(s.Missing, lack.Text)
		if lack.Try != nil {
			s.Try = append(s.Try, lack.Try)
		}
	}
	if earned {
		s.Medal = best.Name
		s.Rank = 1 + slices.IndexFunc(medals, func(m stages.Medal) bool { return m.Name == best.Name })
	}
	if s.Rank < len(medals) {
		s.Next = medals[s.Rank].Name
	}
	return s
}

// NextStep says in a line what is missing for the next medal.
func (s Standing) NextStep() string { return s.Next + ": " + strings.Join(s.Missing, "; ") }

// EDN are the entries for --json.
func (s Standing) EDN() edn.Map {
	m := edn.Map{{Key: edn.Keyword("medal"), Value: s.Medal}}
	if s.Next != "" {
		next := edn.Map{{Key: edn.Keyword("medal"), Value: s.Next}, {Key: edn.Keyword("missing"), Value: edn.Marshal(s.Missing)}}
		if len(s.Commands) > 0 {
			next = append(next, edn.Entry{Key: edn.Keyword("commands"), Value: edn.Marshal(s.Commands)})
		}
		m = append(m, edn.Entry{Key: edn.Keyword("next-medal"), Value: next})
	}
	return m
}

// Split divides passes into those of the learner's programs and those of the workbook's
// own: reference solutions, alternatives and broken ones, recognized by their paths. A
// starter that passes is the learner's.
func Split(passes []store.Pass) (own, workbook []store.Pass) {
	for _, p := range passes {
		if ofWorkbook(p.Target) {
			workbook = append(workbook, p)
		} else {
			own = append(own, p)
		}
	}
	return own, workbook
}

// ofWorkbook reports whether what names a program in a command is a path of the workbook.
func ofWorkbook(target []string) bool {
	if len(target) == 0 || strings.HasPrefix(target[0], "-") {
		return false
	}
	dir, err := filepath.Abs(target[0])
	if err != nil {
		return false
	}
	parts := strings.Split(filepath.ToSlash(dir), "/")
	for _, stage := range stages.All() {
		at := slices.Index(parts, stage.Dir)
		if at < 1 || parts[at-1] != "stages" {
			continue
		}
		below := parts[at+1:]
		return len(below) == 0 || slices.Contains([]string{"main.go", "alternatives", "broken"}, below[0])
	}
	return false
}

// Best returns the best standing of any program in each stage that was passed, by the
// id of the stage. Of equal ones the newest counts.
func Best(root string, passes []store.Pass) (map[string]Standing, error) {
	best := map[string]Standing{}
	for _, p := range passes {
		stage, err := stages.Find(p.Stage)
		if err != nil {
			continue // of a later version of the workbook
		}
		r, err := RecordOf(root, p, passes)
		if err != nil {
			return nil, err
		}
		s := Of(&stage, r)
		s.Pass = p
		if s.Rank >= best[stage.ID].Rank {
			best[stage.ID] = s
		}
	}
	return best, nil
}

// RecordOf is what is known of a program that passed: the figures of that pass, and
// all that the store knows of strict passes and of hard mode.
func RecordOf(root string, p store.Pass, passes []store.Pass) (stages.Record, error) {
	r := stages.Record{Passed: true, Figures: p.Figures, Strict: p.Strict}
	r.Strict = r.Strict || slices.ContainsFunc(passes, func(other store.Pass) bool {
		return other.Stage == p.Stage && other.Program == p.Program && other.Strict
	})
	hard, err := store.ReadHardMode(root, p.Stage, p.Program)
	r.HardSeeds, r.HardFails = hard.Count(), hard.Failed
	return r, err
}
