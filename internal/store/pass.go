package store

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Pass is a stage that a program passed with the challenge's own options. It is
// kept beside the last of the runs that the stage consists of.
type Pass struct {
	Stage   string             `json:"stage"`
	When    time.Time          `json:"when"`
	Program string             `json:"program"` // see spec.Host
	Engine  string             `json:"engine"`
	Target  []string           `json:"target"`  // what names the program in the command: its path, or --bin and its path; and its arguments
	Strict  bool               `json:"strict"`  // all runs passed the strict checks, too
	Figures map[string]float64 `json:"figures"` // that medals limit, by title: the worst of all runs
}

// WritePass keeps a pass in the directory of a run.
func WritePass(dir string, p Pass) error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", PassJSON, err)
	}
	return os.WriteFile(filepath.Join(dir, PassJSON), append(text, '\n'), 0o666)
}

// Passes returns the passes among the runs below root, the real Maelstrom's
// included, from the oldest to the newest. A file that cannot be read is none.
func Passes(root string) []Pass {
	var passes []Pass
	for _, runs := range []string{root, filepath.Join(root, "maelstrom", "store")} {
		paths, _ := filepath.Glob(filepath.Join(runs, "*", "2*", PassJSON)) // runs are named by their times: not the links
		for _, path := range paths {
			var p Pass
			text, err := os.ReadFile(path)
			if err == nil && json.Unmarshal(text, &p) == nil {
				passes = append(passes, p)
			}
		}
	}
	slices.SortStableFunc(passes, func(a, b Pass) int { return a.When.Compare(b.When) })
	return passes
}
