package cli

import (
	"strings"
	"testing"
	"time"

	"glomers/checkers"
	"glomers/checkers/journal"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/internal/verdict"
	"glomers/stages"
)

// TestAttempt checks that a stage of two runs is passed when both are, with the worse
// figures of the two.
func TestAttempt(t *testing.T) {
	stage, err := stages.Find("6b")
	if err != nil {
		t.Fatal(err)
	}
	run := func(o verdict.Outcome, msgsPerOp float32) *verdict.Verdict {
		net := &checkers.NetResult{Stats: journal.Stats{Servers: journal.Traffic{MsgsPerOp: &msgsPerOp}}}
		return &verdict.Verdict{Outcome: o, Results: &checkers.Results{Net: net}}
	}
	test := &spec.Test{Judgement: spec.Judgement{Strict: true}, Host: spec.Host{Program: "abc", Engine: engineNative}, Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	for _, c := range []struct {
		first, second *verdict.Verdict
		medal, next   string // empty for none
	}{
		{run(verdict.Pass, 1), run(verdict.Fail, 1), "", ""},
		{run(verdict.Fail, 1), run(verdict.Pass, 1), "", ""},
		{run(verdict.Pass, 1), run(verdict.Unknown, 1), "", ""},
		{run(verdict.Pass, 3), run(verdict.Pass, 1), "bronze", "silver: messages per operation < 1.8 (now 3)"},
		{run(verdict.Pass, 0.5), run(verdict.Pass, 0.4), "gold", "diamond: 100 seeds of hard mode (so far 0)"},
	} {
		root := t.TempDir()
		tally := newAttempt(&stage, []string{"./my 6b", "--", "-x"}, root, 2)
		if s, err := tally.add(test, c.first, t.TempDir()); s != nil || err != nil {
			t.Fatalf("after the first of two runs there is the standing %v, error %v", s, err)
		}
		run, err := store.Create(root, &spec.Test{Workload: "txn-rw-register", Start: test.Start})
		if err != nil {
			t.Fatal(err)
		}
		s, err := tally.add(test, c.second, run.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if passes := len(store.Passes(root)); (s == nil) != (c.medal == "") || passes != len(c.medal)/max(len(c.medal), 1) {
			t.Errorf("%v, then %v: standing %v, and the store has %d passes", c.first.Outcome, c.second.Outcome, s, passes)
		}
		if s != nil && s.Medal == "gold" {
			want := "glomers explore 6b './my 6b' --hard --seeds 100 --store " + root + " -- -x"
			if got := strings.Join(s.Commands, "\n"); got != want {
				t.Errorf("the commands for diamond are %q, expected %q", got, want)
			}
		}
		if s != nil && (s.Medal != c.medal || s.NextStep() != c.next) {
			t.Errorf("earned %s, next %s; expected %s, next %s", s.Medal, s.NextStep(), c.medal, c.next)
		}
	}
}
