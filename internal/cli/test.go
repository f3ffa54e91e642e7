package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"glomers/checkers"
	"glomers/checkers/edn"
	"glomers/internal/nemesis"
	"glomers/internal/runner"
	"glomers/internal/store"
	"glomers/stages"
)

func parseModels(s string) ([]string, error) {
	models := splitList(s)
	if len(models) == 0 {
		return nil, errors.New("--consistency-models is empty, expected at least one model")
	}
	if err := checkers.ValidateModels(models); err != nil {
		return nil, fmt.Errorf("--consistency-models: %w", err)
	}
	return models, nil
}

// maelstrom is the command that stands in for Maelstrom's.
func (a *app) maelstrom() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "maelstrom",
		Short: "Stand in for Maelstrom's own command line",
	}
	f := &testFlags{}
	test := &cobra.Command{
		Use:   "test -w WORKLOAD --bin PATH [flags] [-- NODE ARGUMENTS]",
		Short: "Run a test with Maelstrom's options",
		Long: "Run a test. The options are those of Maelstrom's test command, with the same names, defaults and\n" +
			"meaning; arguments that are not options go to the node.",
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case f.bin == "" && f.wasm == "":
				return errors.New("expected --bin PATH, the executable to test")
			case f.bin != "" && f.wasm != "":
				return fmt.Errorf("both --bin %s and --wasm %s are given; expected one of them", f.bin, f.wasm)
			}
			return a.runTests(cmd, f, target{bin: f.bin, wasm: f.wasm, args: args}, nil)
		},
	}
	test.Flags().StringVarP(&f.workload, "workload", "w", "lin-kv", "what to test: "+strings.Join(checkers.Workloads(), ", "))
	f.register(test.Flags())
	cmd.AddCommand(test)
	return cmd
}

// testStage runs a stage of the workbook.
func (a *app) testStage() *cobra.Command {
	f := &testFlags{}
	cmd := &cobra.Command{
		Use:   "test STAGE [PACKAGE] [flags] [-- NODE ARGUMENTS]",
		Short: "Run a stage against a solution",
		Long: "Run a stage of the workbook against a Go package, an executable (--bin) or, if neither is given, the\n" +
			"stage's reference solution. The challenge's own options apply; any of Maelstrom's test options can be\n" +
			"given to change the test.",
		Example: "  glomers test 3c ./my/3c\n  glomers test 3c --bin ./node.py -- --verbose",
		Args:    stageArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			stage, t, err := stageTarget(cmd, f, args)
			if err != nil {
				return err
			}
			return a.runTests(cmd, f, t, stage)
		},
	}
	f.register(cmd.Flags())
	f.registerHard(cmd.Flags())
	return cmd
}

// stageTarget reads the arguments STAGE [PACKAGE] [-- NODE ARGUMENTS].
func stageTarget(cmd *cobra.Command, f *testFlags, args []string) (*stages.Stage, target, error) {
	t := target{bin: f.bin, wasm: f.wasm}
	if n := cmd.ArgsLenAtDash(); n >= 0 {
		args, t.args = args[:n], args[n:]
	}
	stage, err := stages.Find(args[0])
	if err != nil {
		return nil, t, err
	}
	switch {
	case f.bin != "" && f.wasm != "":
		return nil, t, fmt.Errorf("both --bin %s and --wasm %s are given; expected one of them", f.bin, f.wasm)
	case len(args) == 2 && f.bin != "":
		return nil, t, fmt.Errorf("both the Go package %s and --bin %s are given; expected one of them", args[1], f.bin)
	case len(args) == 2 && f.wasm != "":
		return nil, t, fmt.Errorf("both the Go package %s and --wasm %s are given; expected one of them", args[1], f.wasm)
	case len(args) == 2:
		t.dir = args[1]
	case f.bin+f.wasm == "":
		if t.dir, err = referenceDir(stage); err != nil {
			return nil, t, err
		}
	}
	return &stage, t, nil
}

// stageArgs checks their number.
func stageArgs(cmd *cobra.Command, args []string) error {
	if n := cmd.ArgsLenAtDash(); n >= 0 {
		args = args[:n]
	}
	if len(args) < 1 || len(args) > 2 {
		return fmt.Errorf("expected a stage and at most one Go package, such as: %s 3c ./my/3c (arguments for the node go after --)", cmd.CommandPath())
	}
	return nil
}

// referenceDir finds the source of a stage's reference solution: below the
// current directory or one of its parents.
func referenceDir(s stages.Stage) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		candidate := filepath.Join(dir, "stages", s.Dir)
		if _, err := os.Stat(filepath.Join(candidate, "main.go")); err == nil {
			return candidate, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("the reference solution of stage %s is not here: run this within the workbook, or name your own solution: glomers test %s ./my/%s", s.ID, s.ID, s.ID)
		}
		dir = parent
	}
}

// planned is a test with the options that it came from.
type planned struct {
	test  store.Test
	flags testFlags
}

// plan turns the options into the tests that they describe: for a stage all its
// runs, otherwise one.
func (a *app) plan(cmd *cobra.Command, f *testFlags, t target, stage *stages.Stage) ([]planned, error) {
	official := stage != nil
	for _, name := range shaping {
		official = official && !cmd.Flags().Changed(name)
	}
	engine, err := t.chooseEngine(f)
	if err != nil {
		return nil, err
	}
	variants := [][]string{nil}
	switch {
	case stage == nil:
	case f.hard:
		f.workload, f.strict = stage.Workload, true
		variants[0] = stage.Hard.Flags
	default:
		f.workload = stage.Workload
		if !cmd.Flags().Changed("nemesis") {
			variants = append(variants, stage.Again...)
		}
	}
	var plan []planned
	for _, variant := range variants {
		if stage != nil {
			if err := applyDefaults(cmd, append(append([]string{}, stage.Flags...), variant...)); err != nil {
				return nil, err
			}
		}
		set := func(name string) bool {
			return cmd.Flags().Changed(name) || stage != nil && name == "node-count" && f.nodes == "" && f.node == nil && f.nodesFile == ""
		}
		test, err := f.test(set)
		if err != nil {
			return nil, err
		}
		if len(plan) > 0 {
			test.Seed = plan[0].test.Seed
		}
		if err := checkFaults(test.Nemesis, engine); err != nil {
			return nil, err
		}
		test.Engine, test.Solution, test.Args, test.Official, test.Hard = engine, t.String(), t.args, official, f.hard
		if engine == engineSim {
			test.CPUCost, test.NodeMemory = f.cpuCost.String(), f.nodeMemory
		}
		if stage != nil {
			test.Stage = stage.ID
		}
		plan = append(plan, planned{test, *f})
	}
	return plan, nil
}

// checkFaults reports faults that an engine cannot inject.
func checkFaults(faults []string, engine string) error {
	for _, fault := range faults {
		switch {
		case engine == engineMaelstrom && fault != nemesis.FaultPartition:
			return fmt.Errorf("--nemesis %s: Maelstrom itself knows only the fault partition", fault)
		case engine == engineProcess && fault == nemesis.FaultClock:
			return errors.New("--nemesis clock needs --engine sim: processes share the clock of this machine")
		}
	}
	return nil
}

// runTests runs the tests that the options describe and prints the verdicts.
func (a *app) runTests(cmd *cobra.Command, f *testFlags, t target, stage *stages.Stage) error {
	plan, err := a.plan(cmd, f, t, stage)
	if err != nil {
		return err
	}
	if f.leaveDB {
		a.err.printf("%s --leave-db-running has no effect: nodes cannot outlive their stdin\n", a.err.warn("note:"))
	}

	build, err := os.MkdirTemp("", "glomers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(build)
	subject, err := a.prepare(cmd.Context(), t, f, plan[0].test.Engine, build)
	if err != nil {
		return err
	}
	defer subject.close()
	worst := error(nil)
	for count := range f.testCount {
		for _, p := range plan {
			test := p.test
			test.Seed += uint64(count)
			test.Command = repeat(a.words, test.Seed)
			verdict, err := a.runOne(cmd.Context(), &p.flags, test, subject, stage)
			if err != nil {
				return err
			}
			if err := verdict.err(); worst == nil || errors.Is(err, errFailed) {
				worst = err
			}
		}
		if worst != nil { // as Jepsen does, a series ends with the first failure
			return worst
		}
	}
	return nil
}

// runOne runs one test, keeps it and prints its verdict.
func (a *app) runOne(ctx context.Context, f *testFlags, t store.Test, s *subject, stage *stages.Stage) (*verdict, error) {
	if t.Engine == engineMaelstrom {
		return a.runMaelstrom(ctx, f, t, s.bin, stage)
	}
	t.Start = time.Now()
	run, err := store.Create(f.store, t)
	if err != nil {
		return nil, err
	}
	c := config(t, f)
	a.err.printf("%s  seed %d  %s\n", a.err.bold(title(t, stage)), t.Seed, a.err.dim(c.String()))

	log := a.logger(f, run.LogWriter())
	bar := newProgress(a.err)
	_, err = runner.Run(ctx, c, s.engine(f, t.Args, run, log), run, log, bar.update)
	bar.finish()
	if closeErr := run.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return nil, a.aborted(err, run, t.Command)
	}

	h, err := run.History()
	if err != nil {
		return nil, err
	}
	results, err := checkers.Check(h, run.Net(), t.CheckOptions())
	if err != nil {
		return nil, fmt.Errorf("%w; the run is kept in %s", err, run.Dir)
	}
	recorded := store.Recorded{Dir: run.Dir}
	if err := recorded.MeasureDelivery(t.CheckOptions(), results); err != nil {
		return nil, err
	}
	v := newVerdict(run.Dir, &t, results, stage)
	v.racesFail, v.pages = f.race, run.Dir
	v.history, v.journal = run.Hashes()
	if err := run.WriteResults(results, v.extra()); err != nil {
		return nil, err
	}
	a.print(v, f.json)
	return v, nil
}

// aborted explains a run that did not come to its end, and how to repeat it.
func (a *app) aborted(err error, run *store.Run, command string) error {
	kept := fmt.Sprintf("the %d operations until then are kept in %s", run.Operations(), run.Dir)
	if runner.IsInterrupt(err) {
		return fmt.Errorf("interrupted; %s", kept)
	}
	return fmt.Errorf("%w\n%s; repeat it with: %s", err, kept, command)
}

// logger writes the run log, and shows on the terminal what the user asked for.
func (a *app) logger(f *testFlags, file io.Writer) *slog.Logger {
	w := file
	if f.logStderr || f.logNetSend || f.logNetRecv {
		w = io.MultiWriter(file, terminalWriter{a.err})
	}
	if f.loggingJSON {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}

type terminalWriter struct{ t *terminal }

func (w terminalWriter) Write(p []byte) (int, error) {
	w.t.printf("%s", p)
	return len(p), nil
}

func title(t store.Test, stage *stages.Stage) string {
	if stage == nil {
		return t.Workload
	}
	name := fmt.Sprintf("stage %s · %s", stage.ID, stage.Title)
	if t.Hard {
		name += " · hard mode"
	} else if len(t.Nemesis) > 0 && len(stage.Again) > 0 {
		name += " · with partitions"
	}
	return name
}

// verdict is the outcome of a run with the limits of its stage.
type verdict struct {
	dir     string
	pages   string // directory of the drawings, empty if they are not kept
	test    *store.Test
	results *checkers.Results
	stage   *stages.Stage
	notes   []string

	history, journal string // hashes of the records, empty where they are not known

	racy      []string // nodes with data races
	racesFail bool
}

func newVerdict(dir string, t *store.Test, r *checkers.Results, stage *stages.Stage) *verdict {
	if stage != nil && t != nil && t.Hard { // the limits are for a network without faults
		hard := *stage
		hard.Criteria = nil
		stage = &hard
	}
	v := &verdict{dir: dir, test: t, results: r, stage: stage}
	if d := r.Availability.Stalled; d > 0 {
		v.notes = append(v.notes, fmt.Sprintf("the runner itself made no progress for %v, so the run is disturbed: what was late may not have been late in the nodes", d))
	}
	v.racy = store.RacyNodes(dir)
	for _, node := range v.racy {
		v.notes = append(v.notes, fmt.Sprintf("node %s has a data race: see %s", node, filepath.Join(dir, store.NodeLogs, node+".log")))
	}
	return v
}

func (v *verdict) passed() bool {
	if v.results.Valid != checkers.Valid || v.racesFail && len(v.racy) > 0 {
		return false
	}
	if s := v.results.Strict; s != nil && s.Valid != checkers.Valid {
		return false
	}
	if v.stage != nil {
		for _, c := range v.stage.Criteria {
			if !c.Met(v.results) {
				return false
			}
		}
	}
	return true
}

// err is the error that gives the verdict its exit code.
func (v *verdict) err() error {
	switch {
	case v.passed():
		return nil
	case v.results.Valid == checkers.Unknown && (v.results.Strict == nil || v.results.Strict.Valid != checkers.Invalid):
		return errUnknown
	}
	return errFailed
}

// extra are the entries of results.edn that Maelstrom does not have.
func (v *verdict) extra() edn.Map {
	key := func(s string) any { return edn.Keyword(s) }
	m := edn.Map{{Key: key("passed"), Value: v.passed()}}
	if v.test != nil {
		m = append(m, edn.Entry{Key: key("seed"), Value: edn.Marshal(v.test.Seed)})
	}
	if v.history != "" {
		m = append(m, edn.Entry{Key: key("history-sha256"), Value: v.history}, edn.Entry{Key: key("journal-sha256"), Value: v.journal})
	}
	if v.stage == nil {
		return m
	}
	m = append(m, edn.Entry{Key: key("stage"), Value: v.stage.ID})
	if len(v.stage.Criteria) == 0 {
		return m
	}
	criteria := edn.List{}
	for _, c := range v.stage.Criteria {
		entry := edn.Map{{Key: key("title"), Value: c.Title}, {Key: key("limit"), Value: c.Limit}, {Key: key("met?"), Value: c.Met(v.results)}}
		if figure, ok := c.Measure(v.results); ok {
			entry = append(entry, edn.Entry{Key: key("figure"), Value: figure})
		}
		criteria = append(criteria, entry)
	}
	return append(m, edn.Entry{Key: key("criteria"), Value: criteria})
}
