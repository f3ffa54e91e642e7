package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"glomers/internal/store"
	"glomers/internal/trial"
	"glomers/stages"
)

// shrink makes a failing test smaller.
func (a *app) shrink() *cobra.Command {
	f := &testFlags{}
	tries := 0
	cmd := &cobra.Command{
		Use:   "shrink STAGE [PACKAGE] --seed N [flags] [-- NODE ARGUMENTS]",
		Short: "Make a test that fails as small as it gets while it still fails",
		Long: "Take a simulated test that fails with --seed, and leave out of it what is not needed to make it fail in\n" +
			"the same way: faults, time, operations, workers, nodes, latency. The smallest test is then run and kept;\n" +
			"glomers replay tells what happens in it.",
		Example: "  glomers shrink 5b ./my/5b --seed 173",
		Args:    stageArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.seed == "" {
				return errors.New("expected --seed, that of a run that fails; glomers explore finds one")
			}
			return a.shrinkTest(cmd, f, args, tries)
		},
	}
	f.register(cmd.Flags())
	f.registerHard(cmd.Flags())
	cmd.Flags().IntVar(&tries, "tries", 12, "how many seeds to try for each smaller test")
	return cmd
}

// step is a way to make a test smaller: an option, and its next smaller values.
type step struct {
	flag    string
	value   func(store.Test) string
	smaller func(store.Test) []store.Test
}

func with(t store.Test, change func(*store.Test)) store.Test {
	t.Nemesis = slices.Clone(t.Nemesis)
	change(&t)
	return t
}

// steps are tried in this order, again and again, until none helps.
var steps = []step{
	{"nemesis", func(t store.Test) string { return strings.Join(t.Nemesis, ",") }, func(t store.Test) (out []store.Test) {
		for i := range t.Nemesis {
			out = append(out, with(t, func(t *store.Test) { t.Nemesis = slices.Delete(t.Nemesis, i, i+1) }))
		}
		return out
	}},
	{"time-limit", func(t store.Test) string { return strconv.Itoa(int(t.TimeLimit)) }, func(t store.Test) (out []store.Test) {
		for _, seconds := range smallerNumbers(int(t.TimeLimit), 1) {
			out = append(out, with(t, func(t *store.Test) { t.TimeLimit = float64(seconds) }))
		}
		return out
	}},
	{"rate", func(t store.Test) string { return strconv.FormatFloat(t.Rate, 'f', -1, 64) }, func(t store.Test) (out []store.Test) {
		for _, rate := range smallerNumbers(int(t.Rate), 1) {
			out = append(out, with(t, func(t *store.Test) { t.Rate = float64(rate) }))
		}
		return out
	}},
	{"node-count", func(t store.Test) string { return strconv.Itoa(len(t.Nodes)) }, func(t store.Test) (out []store.Test) {
		perNode := t.Concurrency / len(t.Nodes)
		for _, nodes := range smallerNumbers(len(t.Nodes), 1) {
			out = append(out, with(t, func(t *store.Test) { t.Nodes, t.Concurrency = t.Nodes[:nodes], max(perNode, 1)*nodes }))
		}
		return out
	}},
	{"concurrency", func(t store.Test) string { return strconv.Itoa(t.Concurrency) }, func(t store.Test) (out []store.Test) {
		for _, workers := range smallerNumbers(t.Concurrency, 1) {
			out = append(out, with(t, func(t *store.Test) { t.Concurrency = workers }))
		}
		return out
	}},
	{"latency", func(t store.Test) string { return strconv.Itoa(int(t.LatencyMS)) }, func(t store.Test) []store.Test {
		if t.LatencyMS == 0 {
			return nil
		}
		return []store.Test{with(t, func(t *store.Test) { t.LatencyMS = 0 })}
	}},
	{"max-txn-length", func(t store.Test) string { return strconv.Itoa(t.MaxTxnLength) }, func(t store.Test) (out []store.Test) {
		if !strings.HasPrefix(t.Workload, "txn-") {
			return nil
		}
		for _, length := range smallerNumbers(t.MaxTxnLength, 1) {
			out = append(out, with(t, func(t *store.Test) { t.MaxTxnLength = length }))
		}
		return out
	}},
}

// smallerNumbers are some of the numbers from least to below n, the smallest
// first.
func smallerNumbers(n, least int) []int {
	var out []int
	for _, m := range []int{least, n / 8, n / 4, n / 2, 3 * n / 4, n - 1} {
		if m >= least && m < n && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	slices.Sort(out)
	return out
}

func (a *app) shrinkTest(cmd *cobra.Command, f *testFlags, args []string, tries int) error {
	ctx := cmd.Context()
	stage, t, err := stageTarget(cmd, f, args)
	if err != nil {
		return err
	}
	plan, err := a.plan(cmd, f, t, stage)
	if err != nil {
		return err
	}
	if plan[0].test.Engine != engineSim {
		return fmt.Errorf("%s needs simulated nodes, and the engine is %s", cmd.CommandPath(), plan[0].test.Engine)
	}
	debug.SetGCPercent(400)
	scratch, err := os.MkdirTemp("", "glomers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	s, err := a.prepare(ctx, t, f, engineSim, scratch)
	if err != nil {
		return err
	}
	defer s.close()

	var original planned
	var first trial.Outcome
	for _, original = range plan {
		if first, err = trial.Run(ctx, a.trialOf(original.test, &original.flags, s, stage), original.test.Seed); err != nil {
			return err
		}
		if !first.Passed() {
			break
		}
	}
	if first.Passed() {
		return fmt.Errorf("seed %d passes, so there is nothing to make smaller; glomers explore finds seeds that fail", original.test.Seed)
	}
	kind := first.Failures[0]
	a.err.printf("seed %d fails: %s, with %d records in the history\n", original.test.Seed, a.err.bold(kind), first.Ops)

	best, ops := original.test, first.Ops
	for again := true; again; {
		again = false
		for _, step := range steps {
			for _, candidate := range step.smaller(best) {
				o, found, err := a.stillFails(ctx, candidate, &original.flags, s, stage, kind, tries)
				if err != nil {
					return err
				}
				if found && o.Ops <= ops {
					a.err.printf("  %-15s %s → %s: still fails, %d records\n", step.flag, orNone(step.value(best)), orNone(step.value(candidate)), o.Ops)
					candidate.Seed = o.Seed
					best, ops, again = candidate, o.Ops, true
					break
				}
			}
		}
	}

	// The command that runs the smallest test.
	words := slices.Clone(a.words)
	words[0] = "test"
	words = withoutFlag(words, "tries")
	for _, step := range steps {
		if v := step.value(best); v != step.value(original.test) || step.flag == "nemesis" {
			words = withFlag(words, step.flag, v)
		}
	}
	best.Official = false
	best.Command = repeat(words, best.Seed)
	a.words = words
	v, err := a.runOne(ctx, &original.flags, best, s, stage)
	if err != nil {
		return err
	}
	a.out.printf("\n  smallest %s\n  trace    glomers replay %s\n", best.Command, v.dir)
	return v.err()
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// trialOf makes a trial of a test.
func (a *app) trialOf(t store.Test, f *testFlags, s *subject, stage *stages.Stage) trial.Test {
	criteria := stage.Criteria
	if t.Hard {
		criteria = nil
	}
	return newTrial(t, f, s, criteria, nil)
}

// stillFails looks for a seed with which a test fails in the same way.
func (a *app) stillFails(ctx context.Context, t store.Test, f *testFlags, s *subject, stage *stages.Stage, kind string, tries int) (trial.Outcome, bool, error) {
	if config(t, f).Validate() != nil {
		return trial.Outcome{}, false, nil
	}
	test := a.trialOf(t, f, s, stage)
	for try := range tries {
		seed := t.Seed
		if try > 0 {
			seed = uint64(try - 1)
		}
		o, err := trial.Run(ctx, test, seed)
		if err != nil {
			return o, false, err
		}
		if slices.Contains(o.Failures, kind) {
			return o, true, nil
		}
	}
	return trial.Outcome{}, false, nil
}

// withoutFlag leaves an option out of a command line.
func withoutFlag(words []string, flag string) []string {
	var out []string
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case word == "--":
			return append(out, words[i:]...)
		case word == "--"+flag:
			i++
		case strings.HasPrefix(word, "--"+flag+"="):
		default:
			out = append(out, word)
		}
	}
	return out
}

// withFlag gives an option a value in a command line.
func withFlag(words []string, flag, value string) []string {
	words = withoutFlag(words, flag)
	at := slices.Index(words, "--")
	if at < 0 {
		at = len(words)
	}
	return slices.Insert(slices.Clone(words), at, "--"+flag, value)
}
