package cli

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"time"

	"glomers/internal/recorded"
	picture "glomers/internal/report"
	"glomers/internal/store"
	"glomers/internal/trial"
	"glomers/stages"
)

// explorationPage gathers what the page of an exploration shows.
func explorationPage(x *trial.Exploration, s trial.Summary, partial bool, command, root string) *picture.Exploration {
	t := &x.Tests[0]
	page := &picture.Exploration{
		Title: t.Workload, Command: command, First: x.First, Last: x.First + (x.Count - 1),
		Runs: s.Runs, Passed: s.Passed, Partial: partial,
	}
	var stage *stages.Stage
	if found, err := stages.Find(t.Stage); err == nil {
		stage = &found
		page.Title = recorded.Title(t, stage)
	}
	for _, f := range s.Failures {
		page.Failures = append(page.Failures, picture.Failing{Kind: f.Kind, Count: f.Count, Seed: f.Seed, Details: f.Details, Command: f.Repeat, Report: keptReport(root, t.Workload, t.Program, f.Repeat)})
	}
	values := map[string][]float64{}
	for _, o := range x.Outcomes {
		for _, f := range o.Figures {
			values[f.Name] = append(values[f.Name], f.Value)
		}
	}
	for _, d := range s.Figures {
		spread := picture.Spread{Name: d.Name, Unit: d.Unit, Values: slices.DeleteFunc(values[d.Name], func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })}
		slices.Sort(spread.Values)
		if stage != nil && !t.Hard {
			for _, c := range stage.Criteria {
				if c.Title == d.Name {
					spread.Limit = c.Limit
				}
			}
		}
		page.Figures = append(page.Figures, spread)
	}
	return page
}

// keptReport returns the address, from the page of an exploration, of the report of a
// run that the store keeps: the newest of the same program by the same command. It is
// empty if there is none.
func keptReport(root, workload, program, command string) string {
	runs, err := filepath.Glob(filepath.Join(root, workload, "2*", recorded.ReportName))
	if err != nil {
		return ""
	}
	slices.Reverse(runs)
	for _, path := range runs {
		if run, err := store.Open(filepath.Dir(path)); err == nil && run.Test != nil && run.Test.Program == program && run.Test.Command == command {
			return "../../" + filepath.ToSlash(filepath.Join(workload, filepath.Base(run.Dir), recorded.ReportName))
		}
	}
	return ""
}

// leavePage writes the page of an exploration into the store, and says where it is. If it
// cannot be written that is only a warning: the outcomes of the seeds are still valid.
func (a *app) leavePage(page *picture.Exploration, root string) {
	dir, err := writeExploration(page, root, time.Now())
	if err != nil {
		a.err.printf("%s there is no page of this exploration: %s\n", a.err.warn("warning:"), plain(err))
		return
	}
	a.err.printf("page     %s\n", filepath.Join(dir, store.ExploreHTML))
}

// writeExploration writes the page of an exploration, and what it shows as JSON, into
// a directory of the store.
func writeExploration(page *picture.Exploration, root string, at time.Time) (string, error) {
	dir, err := store.NewExploration(root, at)
	if err != nil {
		return "", err
	}
	var html bytes.Buffer
	if err := page.WriteHTML(&html); err != nil {
		return "", err
	}
	text, err := json.Marshal(page)
	if err != nil {
		return "", fmt.Errorf("write %s: %w", store.ExploreJSON, err)
	}
	if err := os.WriteFile(filepath.Join(dir, store.ExploreHTML), html.Bytes(), 0o666); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, store.ExploreJSON), append(text, '\n'), 0o666); err != nil {
		return "", err
	}
	return dir, nil
}
