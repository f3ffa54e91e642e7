package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"glomers/checkers"
	"glomers/internal/scratch"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/internal/trial"
	"glomers/internal/verdict"
	"glomers/stages"
)

// exploring says which seeds of a stage are run, and how.
type exploring struct {
	seeds uint64
	shard trial.Shard // zero for all seeds
	jobs  int
	vary  bool
}

// explore runs a stage with many seeds.
func (a *app) explore() *cobra.Command {
	f := &testFlags{}
	e := exploring{}
	merge := false
	cmd := &cobra.Command{
		Use:   "explore STAGE [PACKAGE] [flags] [-- NODE ARGUMENTS]",
		Short: "Run a stage with many seeds, to find the schedule in which it fails",
		Long: "Simulate a stage with many seeds, from --seed (0) on, and report how many passed, how the figures are\n" +
			"distributed, and for each kind of failure the smallest seed that shows it. Runs are not kept: the\n" +
			"command at the end repeats one and keeps it. With --hard the store remembers which seeds this program\n" +
			"passed, as the medals gold and diamond ask for. With --shard several machines share the seeds, and\n" +
			"explore --merge FILES joins what they printed with --json.",
		Example: "  glomers explore 3c ./my/3c --seeds 1000\n  glomers explore 3c ./my/3c --seeds 1000 --shard 2/8 --json >2.json\n  glomers explore --merge *.json",
		Args: func(cmd *cobra.Command, args []string) error {
			if merge {
				return mergeArgs(cmd, args)
			}
			return stageArgs(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if merge {
				return a.mergeExplorations(f, args)
			}
			if e.jobs < 1 {
				return fmt.Errorf("--jobs is %d, expected at least 1", e.jobs)
			}
			if e.seeds < 1 {
				return errors.New("--seeds is 0, expected at least 1")
			}
			if e.shard.Of > e.seeds {
				return fmt.Errorf("--shard %v divides %s; expected at most one shard for each", e.shard, count(int(e.seeds), "seed"))
			}
			if !f.seeded {
				f.Seed = 0
			}
			if last := f.Seed + (e.seeds - 1); last < f.Seed {
				return fmt.Errorf("--seed %d and --seeds %d go beyond the largest seed, %d", f.Seed, e.seeds, uint64(math.MaxUint64))
			}
			return a.exploreSeeds(cmd, f, args, e)
		},
	}
	f.register(cmd.Flags())
	f.registerHard(cmd.Flags())
	f.output.register(cmd.Flags())
	cmd.Flags().Uint64Var(&e.seeds, "seeds", 100, "how many seeds to run")
	shardVar(cmd.Flags(), &e.shard)
	cmd.Flags().BoolVar(&merge, "merge", false, "join the results of parts, that explore --json printed, in the `files` that are named")
	cmd.Flags().BoolVar(&e.vary, "vary", true, "vary with the seed what differs between machines: the CPU cost of a message, the latency where the stage has one, and where goroutines give way")
	cmd.Flags().IntVar(&e.jobs, "jobs", runtime.NumCPU(), "how many runs at a time")
	group(cmd)
	return cmd
}

// simulation is a stage that is ready for trials.
type simulation struct {
	stage   *stages.Stage
	tests   []trial.Test
	subject *subject
	hard    bool // the stage's hard mode with its own options only
}

func (s *simulation) close() { s.subject.close() }

// simulate prepares a stage for trials: its tests, and what they run.
func (a *app) simulate(cmd *cobra.Command, f *testFlags, args []string) (*simulation, error) {
	stage, t, err := stageTarget(cmd, f, args)
	if err != nil {
		return nil, err
	}
	plan, err := a.plan(cmd.Context(), cmd, f, t, stage)
	if err != nil {
		return nil, err
	}
	if err := needSim(cmd, plan); err != nil {
		return nil, err
	}
	build, remove, err := scratch.Dir()
	if err != nil {
		return nil, err
	}
	defer remove()
	a.nameEngine(t, f, plan[0].Engine)
	s := &simulation{stage: stage, hard: f.Hard && !reshaped(cmd, "hard")}
	if s.subject, err = a.prepare(cmd.Context(), t, plan[0].Host, build); err != nil {
		return nil, err
	}
	for _, test := range plan {
		test.Program = s.subject.sum
		s.tests = append(s.tests, trial.Test{
			Spec:     test,
			Question: verdict.Ask(&test, stage),
			Engine:   func(h spec.Host) verdict.Engine { return s.subject.engine(h, noFiles{}, quiet, false) },
			Figures:  figures(stage),
		})
	}
	return s, nil
}

// quiet discards the run log, for runs that are not kept.
var quiet = slog.New(slog.DiscardHandler)

// figures returns a function that takes from a result the figures that the stage limits,
// and those that every stage has.
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

func (a *app) exploreSeeds(cmd *cobra.Command, f *testFlags, args []string, e exploring) error {
	s, err := a.simulate(cmd, f, args)
	if err != nil {
		return err
	}
	defer s.close()
	x := trial.Exploration{Format: trial.Format, Version: version(), Command: a.testWords(), Medals: s.hard, First: f.Seed, Count: e.seeds}
	if e.vary {
		x.Vary = variation(s.stage, s.tests[0].Spec.Engine, cmd.Flags().Changed)
	}
	for i := range s.tests {
		s.tests[i].Vary = x.Vary
		x.Tests = append(x.Tests, s.tests[i].Spec)
	}
	seeds := trial.Seeds{First: x.First, Count: x.Count, Step: 1}
	which := fmt.Sprintf("seeds %d to %d", x.First, x.First+(x.Count-1))
	if x.Count == 1 {
		which = fmt.Sprintf("seed %d", x.First)
	}
	if e.shard.Of > 0 {
		seeds, x.Shard = seeds.In(e.shard), e.shard.String()
		which += fmt.Sprintf(", shard %v", e.shard)
	}
	a.err.printf("%s  %s  %s\n", a.err.bold(fmt.Sprintf("stage %s · %s", s.stage.ID, s.stage.Title)), which, a.err.dim(conditions(&x.Tests[0])))
	bar := newCounter(a.err, int64(min(seeds.Count, math.MaxInt64)))
	failed := 0
	x.Outcomes, err = trial.Explore(cmd.Context(), seeds, e.jobs, func(ctx context.Context, seed uint64) (trial.Outcome, error) {
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
	if err := a.reportExploration(&x, f.output); err != nil {
		return err
	}
	switch missing := x.Missing(); {
	case len(missing) > 0:
		return fmt.Errorf("interrupted after %d of %d seeds", len(x.Outcomes), seeds.Count)
	case failed > 0:
		return errFailed
	}
	return nil
}

// reportExploration prints the outcomes of the seeds, and adds those in hard mode to the
// store's record of the program.
func (a *app) reportExploration(x *trial.Exploration, o output) error {
	words := x.Command
	if o.store != defaultStore {
		words = withFlag(words, "store", o.store)
	}
	for i := range x.Outcomes {
		if o := &x.Outcomes[i]; !o.Passed() {
			o.Repeat = repeatOutcome(words, o)
		}
	}
	summary := trial.Collect(x.Outcomes)
	var known *store.HardMode
	var unknown error // the store cannot keep the record: the outcomes are shown all the same
	if x.Medals {
		passed := map[uint64]bool{}
		for _, o := range x.Outcomes {
			passed[o.Seed] = o.Passed()
		}
		t := &x.Tests[0]
		h, err := store.AddHardMode(o.store, t.Stage, t.Program, passed)
		if unknown = err; err == nil {
			known = &h
		}
	}
	missing := x.Missing()
	a.leavePage(explorationPage(x, summary, len(missing) > 0, commandLine(a.words), o.store), o.store)
	if o.json {
		return errors.Join(x.Encode(a.out.w, newDetails(summary, missing, known)), unknown)
	}
	a.printSummary(summary, known, len(missing) > 0)
	return unknown
}

// details are what the JSON of an exploration has beside the outcomes.
type details struct {
	Runs     int                  `json:"runs"`
	Passed   int                  `json:"passed"`
	Partial  bool                 `json:"partial,omitempty"`
	Missing  []trial.Range        `json:"missing,omitempty"`
	Failures []trial.Failure      `json:"failures"`
	Figures  []trial.Distribution `json:"figures"`
	Known    *store.HardMode      `json:"hard-mode,omitempty"` // the store's record of this program, over all explorations
}

func newDetails(s trial.Summary, missing []trial.Range, known *store.HardMode) details {
	return details{s.Runs, s.Passed, len(missing) > 0, missing, append([]trial.Failure{}, s.Failures...), append([]trial.Distribution{}, s.Figures...), known}
}

// variation returns what explore varies in a stage's tests: all that the user did not
// set. The cost of a message is drawn between half and ten times the default. In stages
// that limit latencies it is at most four times the default, so that a design with a
// hub, which handles the messages of all nodes, is not overloaded. The latency is at most
// the stage's, for which the limits are meant. Goroutines give way only with an engine
// that can make them.
func variation(stage *stages.Stage, engine string, set func(string) bool) trial.Variation {
	v := trial.Variation{LeastCPUCost: spec.Duration(defaultCPUCost / 2), MostCPUCost: spec.Duration(10 * defaultCPUCost), LeastLatency: 0.8}
	if len(stage.Criteria) > 0 {
		v.MostCPUCost = spec.Duration(4 * defaultCPUCost)
	}
	if engine == engineNative {
		v.LeastYields, v.MostYields = 0.02, 0.5
	}
	if set("cpu-cost") {
		v.LeastCPUCost, v.MostCPUCost = 0, 0
	}
	if set("latency") {
		v.LeastLatency = 0
	}
	if set("yields") {
		v.LeastYields, v.MostYields = 0, 0
	}
	return v
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

func (a *app) printSummary(s trial.Summary, known *store.HardMode, partial bool) {
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
			t.printf("    %s\n", f.Repeat)
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

// testWords are the words of the command that runs one of the seeds, but for the seed
// and what it varies.
func (a *app) testWords() []string {
	words := append([]string{"test"}, a.words[1:]...)
	for _, flag := range []string{"seed", "seeds", "shard", "jobs", "store"} {
		words = withoutFlag(words, flag)
	}
	for _, flag := range []string{"vary", "json"} {
		words = withoutSwitch(words, flag)
	}
	return words
}

// repeatOutcome returns the command that runs a seed again and keeps the run.
func repeatOutcome(words []string, o *trial.Outcome) string {
	for _, option := range o.Options {
		words = withFlag(words, option.Name, option.Value)
	}
	return repeat(words, o.Seed)
}
