package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"glomers/internal/recorded"
	"glomers/internal/runner"
	"glomers/internal/store"
	"glomers/internal/trace"
	"glomers/internal/verdict"
)

// replay runs a recorded run again and tells what happened in it.
func (a *app) replay() *cobra.Command {
	var all, logStderr bool
	var about []string
	var lines int
	var svg, traffic string
	cmd := &cobra.Command{
		Use:   "replay [RUN]",
		Short: "Repeat a simulated run, and tell what happened, message by message",
		Long: "Repeat the simulated run in a directory of the store (default: store/latest) and make sure that it is the\n" +
			"same. Then print its operations and the messages between servers that have to do with what went wrong.\n" +
			"A run of real processes cannot be repeated; of that, what was recorded is told.",
		Example: "  glomers replay\n  glomers replay store/latest --about 17",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := filepath.Join("store", "latest")
			if len(args) == 1 {
				path = args[0]
			}
			r, err := recorded.Open(path)
			if err != nil {
				return err
			}
			if r.Test == nil {
				return fmt.Errorf("%s has no %s, so it is not a run of glomers; glomers check can read it", path, store.TestJSON)
			}
			if simulates(r.Test.Engine) {
				if err := a.repeatRun(cmd.Context(), r, logStderr); err != nil {
					return err
				}
			} else {
				a.err.printf("%s the nodes were processes: this is what was recorded, not a repetition\n", a.err.warn("note:"))
			}
			var values []any
			var proof []int
			switch {
			case all:
			case len(about) > 0:
				for _, v := range about {
					values = append(values, v)
				}
			default:
				f := a.firstFinding(r)
				values, proof = f.About, f.Proof
			}
			if err := drawRun(r, values, svg, traffic); err != nil {
				return err
			}
			return a.printTrace(r, values, proof, lines)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show every message")
	cmd.Flags().StringArrayVar(&about, "about", nil, "show what mentions this `value` or key; may be given several times (default: that of the first error)")
	cmd.Flags().IntVar(&lines, "lines", 120, "show at most so many lines, the last ones; 0 for all")
	cmd.Flags().BoolVar(&logStderr, "log-stderr", false, "show what nodes print on stderr")
	cmd.Flags().StringVar(&svg, "svg", "", "`file` for a diagram of the same messages, and those of clients, as SVG")
	cmd.Flags().StringVar(&traffic, "traffic", "", "`file` for a picture of which nodes talk to each other, and how much, as SVG")
	return cmd
}

// repeatRun runs a recorded run again, in a store that is thrown away, and
// compares the records.
func (a *app) repeatRun(ctx context.Context, r *recorded.Run, logStderr bool) error {
	t := *r.Test
	scratch, err := os.MkdirTemp("", "glomers-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	solution := target{dir: t.Solution}
	if strings.HasSuffix(t.Solution, ".wasm") {
		solution = target{wasm: t.Solution}
	}
	s, err := a.prepare(ctx, solution, t.Host, scratch)
	if err != nil {
		return err
	}
	defer s.close()
	run, err := store.Create(scratch, &t)
	if err != nil {
		return err
	}
	_, end, err := a.record(ctx, output{logStderr: logStderr}, &t, s, run, newProgress(a.err))
	switch {
	case runner.IsInterrupt(err):
		return errors.New("interrupted")
	case err != nil && end.Ended == store.Complete: // the records could not be written
		return err
	}
	for _, name := range []string{store.HistoryEDN, store.Journal} {
		recorded, err := hashOf(filepath.Join(r.Dir, name))
		if err != nil {
			return err
		}
		again, err := hashOf(filepath.Join(run.Dir, name))
		if err != nil {
			return err
		}
		if recorded != again {
			return fmt.Errorf("the repetition of %s differs in %s from what was recorded: has the program %s changed since?", r.Dir, name, t.Solution)
		}
	}
	a.err.printf("%s the same run again: seed %d, %d operations\n", a.err.good("✓"), t.Seed, run.Operations())
	return nil
}

func hashOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// firstFinding prints and returns the first thing that is wrong with a run; the zero
// Finding if nothing is known to be wrong, as for a run that ended early.
func (a *app) firstFinding(r *recorded.Run) verdict.Finding {
	q, _, err := r.Question()
	if err != nil {
		return verdict.Finding{}
	}
	records, err := r.Records(q.Check, nil)
	if err != nil {
		return verdict.Finding{}
	}
	v, err := verdict.Judge(records, q)
	if err != nil || len(v.Findings) == 0 {
		return verdict.Finding{}
	}
	f := v.Findings[0]
	a.out.printf("%s %s\n", a.out.bad(f.Kind+":"), f.Summary)
	if len(f.Details) > 0 {
		a.out.printf("  %s\n", strings.ReplaceAll(f.Details[0], "\n", "\n  "))
	}
	a.out.printf("\n")
	return f
}

func (a *app) printTrace(r *recorded.Run, about []any, proof []int, most int) error {
	h, _, err := r.Store.History(nil)
	if err != nil {
		return err
	}
	t := trace.New(about)
	t.AddHistory(h, proof)
	if _, err := r.Store.Messages(t.Add); err != nil {
		return err
	}
	lines, left := t.Lines(most)
	if left > 0 {
		a.out.printf("%s\n", a.out.dim(fmt.Sprintf("(%d lines before these: --lines 0 shows all)", left)))
	}
	for _, l := range lines {
		a.out.printf("%s\n", l)
	}
	return nil
}
