package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"glomers/checkers"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/internal/trial"
	"glomers/internal/verdict"
	"glomers/stages"
)

// explore runs a stage with many seeds.
func (a *app) explore() *cobra.Command {
	f := &testFlags{}
	var seeds uint64
	var jobs int
	vary := true
	cmd := &cobra.Command{
		Use:   "explore STAGE [PACKAGE] [flags] [-- NODE ARGUMENTS]",
		Short: "Run a stage with many seeds, to find the schedule in which it fails",
		Long: "Simulate a stage with many seeds, from --seed (0) on, and tell how many passed, how the figures are\n" +
			"distributed, and for each kind of failure the smallest seed that shows it. Runs are not kept: the\n" +
			"command at the end repeats one and keeps it. With --hard the store remembers which seeds this program\n" +
			"passed, as the medals gold and diamond ask for.",
		Example: "  glomers explore 3c ./my/3c --seeds 1000",
		Args:    stageArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if jobs < 1 {
				return fmt.Errorf("--jobs is %d, expected at least 1", jobs)
			}
			if seeds < 1 {
				return errors.New("--seeds is 0, expected at least 1")
			}
			if !f.seeded {
				f.Seed = 0
			}
			if last := f.Seed + (seeds - 1); last < f.Seed {
				return fmt.Errorf("--seed %d and --seeds %d go beyond the largest seed, %d", f.Seed, seeds, uint64(math.MaxUint64))
			}
			return a.exploreSeeds(cmd, f, args, seeds, jobs, vary)
		},
	}
	f.register(cmd.Flags())
	f.registerHard(cmd.Flags())
	f.output.register(cmd.Flags())
	cmd.Flags().Uint64Var(&seeds, "seeds", 100, "how many seeds to run")
	cmd.Flags().BoolVar(&vary, "vary", true, "vary with the seed what differs between machines: the CPU cost of a message and, where the stage has a latency, that")
	cmd.Flags().IntVar(&jobs, "jobs", runtime.NumCPU(), "how many runs at a time")
	group(cmd)
	return cmd
}

// simulation is a stage that is ready for trials.
type simulation struct {
	stage   *stages.Stage
	tests   []trial.Test
	subject *subject
	hard    bool // the stage's hard mode as it is, without options that change it
}

func (s *simulation) close() { s.subject.close() }

// simulate prepares a stage for trials: its tests, and what they run.
func (a *app) simulate(cmd *cobra.Command, f *testFlags, args []string) (*simulation, error) {
	stage, t, err := stageTarget(cmd, f, args)
	if err != nil {
		return nil, err
	}
	plan, err := a.plan(cmd, f, t, stage)
	if err != nil {
		return nil, err
	}
	if err := needSim(cmd, plan); err != nil {
		return nil, err
	}
	// Compiled code makes the collector of the host wait: let it run less often.
	debug.SetGCPercent(400)
	scratch, err := os.MkdirTemp("", "glomers-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	s := &simulation{stage: stage, hard: f.Hard && !reshaped(cmd, "hard")}
	if s.subject, err = a.prepare(cmd.Context(), t, plan[0].Host, scratch); err != nil {
		return nil, err
	}
	for _, test := range plan {
		s.tests = append(s.tests, trial.Test{
			Spec:     test,
			Question: verdict.Ask(&test, stage),
			Engine:   func(h spec.Host) verdict.Engine { return s.subject.engine(h, noFiles{}, quiet, false) },
			Figures:  figures(stage),
		})
	}
	return s, nil
}

// quiet is the run log of runs that are not kept.
var quiet = slog.New(slog.DiscardHandler)

// figures are the limited ones of a stage, and those that every stage has.
func figures(stage *stages.Stage) func(*checkers.Results) []trial.Figure {
	return func(r *checkers.Results) []trial.Figure {
		var out []trial.Figure
		if r.Net != nil && r.Net.Servers.MsgsPerOp != nil {
			out = append(out, trial.Figure{Name: "messages per operation", Value: float64(*r.Net.Servers.MsgsPerOp)})
		}
		for _, c := range stage.Criteria {
			if v, ok := c.Measure(r); ok && !slices.ContainsFunc(out, func(f trial.Figure) bool { return f.Name == c.Title }) {
				out = append(out, trial.Figure{Name: c.Title, Unit: c.Unit, Value: v})
			}
		}
		for f, q := range r.Latency { // sorted below
			out = append(out, trial.Figure{Name: f + " latency, median", Unit: "ms", Value: q.Median.Seconds() * 1000}, trial.Figure{Name: f + " latency, 99%", Unit: "ms", Value: q.P99.Seconds() * 1000})
		}
		out = append(out, trial.Figure{Name: "availability", Value: float64(r.Availability.WithoutCrashes)})
		slices.SortStableFunc(out, func(a, b trial.Figure) int { return strings.Compare(a.Name, b.Name) })
		return out
	}
}

func (a *app) exploreSeeds(cmd *cobra.Command, f *testFlags, args []string, seeds uint64, jobs int, vary bool) error {
	s, err := a.simulate(cmd, f, args)
	if err != nil {
		return err
	}
	defer s.close()
	if vary {
		for i := range s.tests {
			s.tests[i].Vary = variation(s.stage, cmd.Flags().Changed)
		}
	}
	test := &s.tests[0].Spec
	first := test.Seed
	a.err.printf("%s  seeds %d to %d  %s\n", a.err.bold(fmt.Sprintf("stage %s · %s", s.stage.ID, s.stage.Title)), first, first+(seeds-1), a.err.dim(verdict.Config(test).String()))
	bar := newCounter(a.err, int64(min(seeds, math.MaxInt64)))
	failed := 0
	ctx := cmd.Context()
	outcomes, err := trial.Explore(ctx, first, seeds, jobs, func(ctx context.Context, seed uint64) (trial.Outcome, error) {
		return runAll(ctx, s.tests, seed)
	}, func(o trial.Outcome) {
		if !o.Passed() {
			failed++
		}
		bar.add(fmt.Sprintf("%d failed", failed))
	})
	bar.finish()
	if err != nil {
		return err
	}
	summary := trial.Collect(outcomes)
	var known *store.HardMode
	if s.hard {
		if known, err = s.recordHardMode(f.store, outcomes); err != nil {
			return err
		}
	}
	a.printSummary(summary, known, f.json, ctx.Err() != nil)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted after %d of %d seeds", summary.Runs, seeds)
	case summary.Passed < summary.Runs:
		return errFailed
	}
	return nil
}

// variation is what explore varies of a stage's tests: all that the user did not set.
// The cost of a message goes from half of the usual one to ten times it; in the stages
// that limit latencies to four times it, since a design with a hub, whose load is that
// of all nodes together, is to stay within its means. The latency is never longer than
// the stage's, which the limits are for.
func variation(stage *stages.Stage, set func(string) bool) trial.Variation {
	v := trial.Variation{LeastCPUCost: defaultCPUCost / 2, MostCPUCost: 10 * defaultCPUCost, LeastLatency: 0.8}
	if len(stage.Criteria) > 0 {
		v.MostCPUCost = 4 * defaultCPUCost
	}
	if set("cpu-cost") {
		v.MostCPUCost = 0
	}
	if set("latency") {
		v.LeastLatency = 0
	}
	return v
}

// recordHardMode adds the outcomes of seeds to what the store knows of the program in
// the stage's hard mode.
func (s *simulation) recordHardMode(root string, outcomes []trial.Outcome) (*store.HardMode, error) {
	passed := map[uint64]bool{}
	for _, o := range outcomes {
		passed[o.Seed] = o.Passed()
	}
	known, err := store.AddHardMode(root, s.stage.ID, s.subject.sum, passed)
	return &known, err
}

// runAll runs all tests of a stage with one seed: the outcome is that of the
// first that fails.
func runAll(ctx context.Context, tests []trial.Test, seed uint64) (trial.Outcome, error) {
	var all trial.Outcome
	for i, t := range tests {
		o, err := trial.Run(ctx, t, seed)
		if err != nil {
			return o, err
		}
		if i == 0 || !o.Passed() {
			all = o
		}
		if !o.Passed() {
			break
		}
	}
	return all, nil
}

func (a *app) printSummary(s trial.Summary, known *store.HardMode, asJSON, partial bool) {
	if asJSON {
		text, err := json.MarshalIndent(struct {
			Runs     int                  `json:"runs"`
			Passed   int                  `json:"passed"`
			Partial  bool                 `json:"partial,omitempty"`
			Failures []trial.Failure      `json:"failures"`
			Figures  []trial.Distribution `json:"figures"`
			Known    *store.HardMode      `json:"hard-mode,omitempty"` // of this program, in all
		}{s.Runs, s.Passed, partial, append([]trial.Failure{}, s.Failures...), append([]trial.Distribution{}, s.Figures...), known}, "", "  ")
		if err == nil {
			a.out.printf("%s\n", text)
		}
		return
	}
	t := a.out
	if len(s.Figures) > 0 {
		t.printf("\n")
		w := t.newTable()
		w.AppendHeader(table.Row{"", "least", "median", "99%", "most", ""})
		for _, f := range s.Figures {
			w.AppendRow(table.Row{f.Name, number(f.Min), number(f.Median), number(f.P99), number(f.Max), f.Unit})
		}
		w.Render()
	}
	if len(s.Failures) > 0 {
		t.printf("\n")
		for _, f := range s.Failures {
			t.printf("  %s %s in %d of %d runs, first with seed %d\n", t.bad("✗"), t.bold(f.Kind), f.Count, s.Runs, f.Seed)
			if f.Details != "" && f.Details != f.Kind {
				t.printf("    %s\n", f.Details)
			}
			t.printf("    %s\n", a.asTest(f))
		}
	}
	word := t.good(t.bold("PASS"))
	switch {
	case s.Passed < s.Runs:
		word = t.bad(t.bold("FAIL"))
	case partial:
		word = t.warn(t.bold("UNKNOWN"))
	}
	t.printf("\n  %s  %d of %d seeds passed\n", word, s.Passed, s.Runs)
	if known != nil {
		t.printf("  medals   of this program, %s of hard mode passed so far, and %d failed\n", count(known.Count(), "seed"), len(known.Failed))
	}
}

// asTest is the command that runs one of the seeds and keeps the run.
func (a *app) asTest(f trial.Failure) string {
	words := append([]string{"test"}, a.words[1:]...)
	words = withoutFlag(withoutFlag(words, "seeds"), "jobs")
	at := len(words)
	if i := slices.Index(words, "--"); i >= 0 {
		at = i
	}
	before := slices.DeleteFunc(slices.Clone(words[:at]), func(w string) bool { return w == "--vary" || strings.HasPrefix(w, "--vary=") })
	words = append(before, words[at:]...)
	for _, o := range f.Options {
		words = withFlag(words, o.Name, o.Value)
	}
	return repeat(words, f.Seed)
}
