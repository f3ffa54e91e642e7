package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"glomers/internal/recorded"
	"glomers/internal/runner"
	"glomers/internal/scratch"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/internal/verdict"
	"glomers/internal/workload"
	"glomers/stages"
)

// maelstrom is the command that takes the place of Maelstrom's.
func (a *app) maelstrom() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "maelstrom",
		Short: "Stand in for Maelstrom's own command line",
	}
	parent(cmd)
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
	choiceVar(test.Flags(), &f.Workload, "workload", "w", "lin-kv", workload.Names(), "what to test: "+strings.Join(workload.Names(), ", "))
	f.register(test.Flags())
	f.registerRun(test.Flags())
	group(test)
	cmd.AddCommand(interruptible(test))
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
	f.registerRun(cmd.Flags())
	f.registerHard(cmd.Flags())
	group(cmd)
	return cmd
}

// runTests runs the tests that the flags describe and prints the verdicts.
func (a *app) runTests(cmd *cobra.Command, f *testFlags, t target, stage *stages.Stage) error {
	plan, err := a.plan(cmd.Context(), cmd, f, t, stage)
	if err != nil {
		return err
	}
	if f.testCount < 1 {
		return &spec.BoundError{Option: "test-count", Value: f.testCount, Want: "at least 1"}
	}
	if f.leaveDB {
		a.err.printf("%s --leave-db-running has no effect: nodes cannot outlive their stdin\n", a.err.warn("note:"))
	}

	build, remove, err := scratch.Dir()
	if err != nil {
		return err
	}
	defer remove()
	words := t.words(f)
	a.nameEngine(t, f, plan[0].Engine)
	subject, err := a.prepare(cmd.Context(), t, plan[0].Host, build)
	if err != nil {
		return err
	}
	defer subject.close()
	worst := error(nil)
	for count := range f.testCount {
		var tally *attempt
		if plan[0].Official {
			tally = newAttempt(stage, words, f.store, len(plan))
		}
		for _, test := range plan {
			test.Program = subject.sum
			test.Seed += uint64(count) // wraps to 0 after the largest seed
			test.Command = repeat(a.words, test.Seed)
			if test.Engine == engineMaelstrom { // which has no option for a seed
				test.Seed, test.Command = 0, commandLine(a.words)
			}
			verdict, err := a.runOne(cmd.Context(), f.output, &test, subject, stage, tally)
			if err != nil {
				return err
			}
			if err := verdictError(verdict); worst == nil || errors.Is(err, errFailed) {
				worst = err
			}
		}
		if worst != nil { // as Jepsen does, a series ends with the first failure
			return worst
		}
	}
	return nil
}

// runOne runs one test, keeps it and prints its verdict. It counts for the attempt,
// which is nil where no medal can be earned.
func (a *app) runOne(ctx context.Context, o output, t *spec.Test, s *subject, stage *stages.Stage, tally *attempt) (*verdict.Verdict, error) {
	t.Start = time.Now()
	if t.Engine == engineMaelstrom {
		return a.runMaelstrom(ctx, o, t, s.bin, stage, tally)
	}
	run, err := store.Create(o.store, t)
	if err != nil {
		return nil, err
	}
	if a.follow != nil {
		a.follow.began(run.Dir)
	}
	a.err.printf("%s  seed %d  %s\n", a.err.bold(recorded.Title(t, stage)), t.Seed, a.err.dim(conditions(t)))
	records, end, err := a.record(ctx, o, t, s, run, newProgress(a.err))
	if err != nil {
		return nil, a.aborted(err, run, t.Command)
	}
	records.Racy = store.RacyNodes(run.Dir) // with any engine
	v, err := verdict.Judge(records, verdict.Ask(t, stage))
	if err != nil {
		return nil, fmt.Errorf("%w; the run is kept in %s", err, run.Dir)
	}
	r := &report{Verdict: v, history: records.History, dir: run.Dir, pages: run.Dir, test: t, stage: stage, end: end}
	if err := store.WriteResults(run.Dir, v.Results, r.extra()); err != nil {
		return nil, err
	}
	if tally != nil {
		if r.standing, err = tally.add(t, v, run.Dir); err != nil {
			return nil, err
		}
	}
	r.page = a.writeFiles(run.Dir, func(run *recorded.Run) (*recorded.Judged, error) {
		return &recorded.Judged{Run: run, Verdict: v, Question: verdict.Ask(t, stage), Records: records, End: end}, nil
	})
	a.print(r, o.json)
	return v, nil
}

// writeFiles writes what there is to look at into the directory of a run and returns
// the path of the report; empty, after a warning, if that failed: a verdict does not
// depend on it.
func (a *app) writeFiles(dir string, judge func(*recorded.Run) (*recorded.Judged, error)) string {
	write := func() error {
		run, err := recorded.Open(dir)
		if err != nil {
			return err
		}
		judged, err := judge(run)
		if err != nil {
			return err
		}
		return judged.WriteFiles()
	}
	if err := write(); err != nil {
		a.err.printf("%s the run has no report: %s\n", a.err.warn("warning:"), plain(err))
		return ""
	}
	return filepath.Join(dir, recorded.ReportName)
}

// record runs a test into a run of the store, and ends the run with the record of
// how it ended.
func (a *app) record(ctx context.Context, o output, t *spec.Test, s *subject, run *store.Run, bar *progress) (verdict.Records, *store.End, error) {
	log := a.logger(o, run.LogWriter())
	show := bar.update
	if a.follow != nil {
		show = a.follow.progress
	}
	records, err := verdict.Record(ctx, t, s.engine(t.Host, run, log, o.logStderr), verdict.Observation{
		Keep: run, Log: log, LogSend: o.logNetSend, LogRecv: o.logNetRecv, Progress: show,
	})
	bar.finish()
	how, reason := store.Complete, ""
	switch {
	case runner.IsInterrupt(err):
		how = store.Interrupted
	case err != nil:
		how, reason = store.Aborted, err.Error()
	}
	notice(run, records)
	end, endErr := run.Finish(how, reason)
	if err == nil {
		err = endErr
	}
	return records, &end, err
}

// aborted explains why a run was aborted, and how to repeat it.
func (a *app) aborted(err error, run *store.Run, command string) error {
	kept := fmt.Sprintf("the %d operations until then are kept in %s", run.Operations(), run.Dir)
	if runner.IsInterrupt(err) {
		return fmt.Errorf("interrupted; %s", kept)
	}
	page := ""
	if run.Operations() > 0 {
		page = a.writeFiles(run.Dir, func(run *recorded.Run) (*recorded.Judged, error) {
			return a.judge(run, &checkFlags{}, (*recorded.Run).Show)
		})
	}
	if page != "" {
		kept += "; its report is " + page
	}
	return fmt.Errorf("%w\n%s; repeat it with: %s", err, kept, command)
}

// logger writes the run log, and shows on the terminal what the user asked for.
func (a *app) logger(o output, file io.Writer) *slog.Logger {
	w := file
	if o.logStderr || o.logNetSend || o.logNetRecv {
		w = io.MultiWriter(file, terminalWriter{a.err})
	}
	if o.loggingJSON {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
