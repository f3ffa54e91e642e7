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
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"glomers/internal/recorded"
	"glomers/internal/runner"
	"glomers/internal/scratch"
	"glomers/internal/sim"
	"glomers/internal/store"
	"glomers/internal/trace"
	"glomers/internal/verdict"
)

// replay runs a recorded run again and shows what happened in it.
func (a *app) replay() *cobra.Command {
	var all, logStderr bool
	var about []string
	var lines int
	var svg, traffic, html string
	cmd := &cobra.Command{
		Use:   "replay [RUN]",
		Short: "Repeat a simulated run, and show what happened, message by message",
		Long: "Repeat the simulated run in a directory of the store (default: store/latest) and make sure that it is the\n" +
			"same. Then show what went wrong, from the first sign of it: the operations and the messages between servers\n" +
			"that have to do with it.\n" +
			"A run of real processes cannot be repeated; it is shown as it was recorded.",
		Example: "  glomers replay\n  glomers replay store/latest --about 17",
		Args:    arguments(0, 1, "at most one run, such as: glomers replay store/latest"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if lines < 0 {
				return fmt.Errorf("--lines is %d, expected 0 or more", lines)
			}
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
			var steps map[string][]trace.Step
			if simulates(r.Test.Engine) {
				if steps, err = a.repeatRun(cmd.Context(), r, logStderr); err != nil {
					return err
				}
			} else {
				a.err.printf("%s the nodes were processes: this is what was recorded, not a repetition\n", a.err.warn("note:"))
			}
			first, last := lines-lines/4, lines/4
			var subject trace.Subject
			switch {
			case all:
			case len(about) > 0:
				for _, v := range about {
					subject.About = append(subject.About, valueOf(v))
				}
			default:
				f, incomplete := a.firstFinding(r)
				subject = trace.Subject{Kind: f.Kind, About: f.About, Proof: f.Proof}
				if incomplete {
					first, last = 0, lines
				}
			}
			if err := drawRun(r, subject, len(about) == 0, svg, traffic); err != nil {
				return err
			}
			if html != "" {
				judged, err := a.judge(r, &checkFlags{}, (*recorded.Run).Show)
				if err != nil {
					return err
				}
				if err := recorded.WriteFile(html, judged.WritePage); err != nil {
					return err
				}
			}
			if err := a.printTrace(r, subject, first, last); err != nil {
				return err
			}
			return a.printSwitches(r, steps, subject, lines)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "show every message")
	cmd.Flags().StringArrayVar(&about, "about", nil, "show what mentions this `value` or key; may be given several times (default: that of the first error)")
	cmd.Flags().IntVar(&lines, "lines", 60, "show at most so many lines, most of them from the beginning; 0 for all")
	cmd.Flags().BoolVar(&logStderr, "log-stderr", false, "show what nodes print on stderr")
	cmd.Flags().StringVar(&svg, "svg", "", "`file` for a diagram of the same messages, with the requests of clients that they belong to, as SVG; without --about, a short run is drawn whole")
	cmd.Flags().StringVar(&traffic, "traffic", "", "`file` for a picture of which nodes talk to each other, and how much, as SVG")
	cmd.Flags().StringVar(&html, "html", "", "`file` for the report of the run, a page for the browser")
	return cmd
}

// repeatRun runs a recorded run again, in a temporary store, and compares the records. If
// goroutines gave way in it, it returns what they did, by node.
func (a *app) repeatRun(ctx context.Context, r *recorded.Run, logStderr bool) (map[string][]trace.Step, error) {
	t := *r.Test
	temp, remove, err := scratch.Dir()
	if err != nil {
		return nil, err
	}
	defer remove()
	solution := target{dir: t.Solution}
	if strings.HasSuffix(t.Solution, ".wasm") {
		solution = target{wasm: t.Solution}
	}
	s, err := a.prepare(ctx, solution, t.Host, temp)
	if err != nil {
		return nil, err
	}
	defer s.close()
	s.trace = t.Yields > 0
	run, err := store.Create(temp, &t)
	if err != nil {
		return nil, err
	}
	_, end, err := a.record(ctx, output{logStderr: logStderr}, &t, s, run, newProgress(a.err))
	switch {
	case runner.IsInterrupt(err):
		return nil, errors.New("interrupted")
	case err != nil && end.Ended == store.Complete: // the records could not be written
		return nil, err
	}
	for _, name := range []string{store.HistoryEDN, store.Journal} {
		recorded, err := hashOf(filepath.Join(r.Dir, name))
		if err != nil {
			return nil, err
		}
		again, err := hashOf(filepath.Join(run.Dir, name))
		if err != nil {
			return nil, err
		}
		if recorded != again {
			return nil, fmt.Errorf("the repetition of %s differs in %s from what was recorded: has the program %s changed since?", r.Dir, name, t.Solution)
		}
	}
	a.err.printf("%s the same run again: seed %d, with %s in the history\n", a.err.good("✓"), t.Seed, count(run.Operations(), "record"))
	if !s.trace {
		return nil, nil
	}
	steps := map[string][]trace.Step{}
	for _, node := range t.Nodes {
		log, err := os.Open(filepath.Join(run.Dir, store.NodeLogs, node+".log"))
		if err != nil {
			return nil, err
		}
		steps[node], err = trace.ReadSteps(log, sim.TraceMark)
		log.Close()
		if err != nil {
			return nil, fmt.Errorf("read the log of node %s: %w", node, err)
		}
	}
	return steps, nil
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

// valueOf is a value that the user typed: a number, or else a string.
func valueOf(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	return text
}

// firstFinding prints and returns the first thing that is wrong with a run; the zero
// Finding if nothing is. Of a run that ended early it prints why, and reports that it
// is incomplete.
func (a *app) firstFinding(r *recorded.Run) (f verdict.Finding, incomplete bool) {
	q, _, err := r.Question()
	if err != nil {
		return f, false
	}
	records, err := r.Records(q.Check, nil)
	if err != nil {
		return f, false
	}
	if records.Incomplete != "" {
		a.out.printf("%s\n\n", a.out.bad(records.Incomplete))
		return f, true
	}
	v, err := verdict.Judge(records, q)
	if err != nil || len(v.Findings) == 0 {
		return f, false
	}
	f = v.Findings[0]
	if f.Source == verdict.Limited { // the summary begins with the kind
		a.out.printf("%s\n", a.out.bad(f.Summary))
	} else {
		a.out.printf("%s %s\n", a.out.bad(f.Kind+":"), f.Summary)
	}
	if len(f.Details) > 0 {
		a.out.printf("  %s\n", strings.ReplaceAll(f.Details[0], "\n", "\n  "))
	}
	a.out.printf("\n")
	return f, false
}

// printTrace prints the first and the last lines of the story of a subject.
func (a *app) printTrace(r *recorded.Run, subject trace.Subject, first, last int) error {
	h, _, err := r.Store.History(nil)
	if err != nil {
		return err
	}
	t := trace.New(h, nodesOf(r), subject)
	if _, err := r.Store.Messages(t.Add); err != nil {
		return err
	}
	for _, l := range t.Lines(first, last) {
		a.out.printf("%s\n", l)
	}
	if conclusion := t.Conclusion(); len(conclusion) > 0 {
		a.out.printf("\n  %s\n", strings.Join(conclusion, "\n  "))
	}
	return nil
}

// printSwitches prints where goroutines gave way and what others did before they
// continued: only what concerns the subject, and at most so many lines.
func (a *app) printSwitches(r *recorded.Run, steps map[string][]trace.Step, subject trace.Subject, most int) error {
	if steps == nil {
		return nil
	}
	switches := trace.NewSwitches(subject)
	if _, err := r.Store.Messages(switches.Add); err != nil {
		return err
	}
	var lines []string
	for _, node := range r.Test.Nodes {
		lines = append(lines, switches.Lines(node, steps[node])...)
	}
	if len(lines) == 0 {
		return nil
	}
	a.out.printf("\n  goroutines that gave way, and what others did before they went on:\n")
	shown := len(lines)
	if most > 0 {
		shown = min(shown, most)
	}
	for _, l := range lines[:shown] {
		a.out.printf("%s\n", l)
	}
	if left := len(lines) - shown; left > 0 {
		a.out.printf("  (%d more lines: --lines 0)\n", left)
	}
	return nil
}
