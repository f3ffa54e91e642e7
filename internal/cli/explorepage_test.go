package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"glomers/internal/recorded"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/internal/trial"
)

// TestExplorationPage: a failure links to the report of a run that the store keeps,
// if it is one of the same program by the same command.
func TestExplorationPage(t *testing.T) {
	root := t.TempDir()
	const command = "glomers test 3d ./my/3d --seed 4"
	keep := func(command, program string) string {
		run, err := store.Create(root, &spec.Test{Workload: "broadcast", Command: command, Host: spec.Host{Program: program}, Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(run.Dir, recorded.ReportName), nil, 0o666); err != nil {
			t.Fatal(err)
		}
		return filepath.Base(run.Dir)
	}
	keep(command, "another program")
	want := keep(command, "abc")
	keep("glomers test 3d --seed 4", "abc")

	x := trial.Exploration{
		Tests: []spec.Test{{Stage: "3d", Workload: "broadcast", Host: spec.Host{Program: "abc"}}}, First: 3, Count: 2,
		Outcomes: []trial.Outcome{
			{Seed: 3, Figures: []trial.Figure{{Name: "messages per operation", Value: 20}}},
			{Seed: 4, Failures: []string{"lost"}, Details: "a value was lost", Repeat: command, Figures: []trial.Figure{{Name: "messages per operation", Value: 10}}},
		},
	}
	page := explorationPage(&x, trial.Collect(x.Outcomes), false, "glomers explore 3d", root)
	if page.Title != "stage 3d · Efficient Broadcast, Part I" || page.Last != 4 || page.Passed != 1 || page.Runs != 2 {
		t.Errorf("the page is %+v", page)
	}
	if f := page.Failures; len(f) != 1 || f[0].Report != "../../broadcast/"+want+"/report.html" || f[0].Seed != 4 {
		t.Errorf("the failures are %+v, expected a link to the run %s", f, want)
	}
	if s := page.Figures; len(s) != 1 || s[0].Limit != 30 || len(s[0].Values) != 2 || s[0].Values[0] != 10 {
		t.Errorf("the figures are %+v, expected 10 and 20 under the limit 30", s)
	}
	dir, err := writeExploration(page, root, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, store.ExploreHTML))
	if err != nil || !strings.Contains(string(text), "a value was lost") {
		t.Errorf("the page on disk lacks the failure (%v)", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "../../broadcast", want, recorded.ReportName)); err != nil {
		t.Errorf("the link leads nowhere: %v", err)
	}
}
