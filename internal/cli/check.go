package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"glomers/checkers"
	"glomers/internal/recorded"
	"glomers/internal/spec"
	"glomers/internal/store"
)

// checkFlags are the flags of check: options that the recorded run does not have, or
// that replace those it was recorded with.
type checkFlags struct {
	workload             string
	availability         *float64
	models               []string
	strict               bool
	sequential, realtime bool
	concurrency, nodes   int
	html                 string
	json                 bool
}

// check reads a run from disk and prints its verdict.
func (a *app) check() *cobra.Command {
	f := &checkFlags{}
	cmd := &cobra.Command{
		Use:   "check PATH",
		Short: "Check a recorded run, ours or the real Maelstrom's",
		Long: "Check the run in a directory of the store, or a history file: EDN as Jepsen writes it or JSON lines,\n" +
			"plain or compressed with gzip or zstd. The options of the test are read from test.json, for a run of the real\n" +
			"Maelstrom from jepsen.log and test.jepsen, where there is one; flags override them.\n" +
			"A run that did not come to its end has no verdict: it is unknown, with exit code 2.",
		Example: "  glomers check store/latest\n  glomers check --workload broadcast history.edn.gz",
		Args:    arguments(1, 1, "a run or a history, such as: glomers check store/latest"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.checkRun(args[0], f)
		},
	}
	flags := cmd.Flags()
	choiceVar(flags, &f.workload, "workload", "w", "", checkers.Workloads(), "the `name` of the workload, where the path does not name it: "+strings.Join(checkers.Workloads(), ", "))
	availabilityVar(flags, &f.availability, "the `fraction` of client requests that must succeed: a number from 0 to 1, or total")
	modelsVar(flags, &f.models, "", "consistency `models` to check, separated by commas")
	flags.BoolVar(&f.strict, "strict", false, "look for errors that the official checks cannot see, too; they fail the run")
	flags.BoolVar(&f.sequential, "sequential-keys", false, "txn-rw-register: trust that each key is sequentially consistent, and infer more")
	flags.BoolVar(&f.realtime, "linearizable-keys", false, "txn-rw-register: trust that each key is linearizable, and infer more")
	flags.IntVar(&f.nodes, "node-count", 0, "for --strict, where the run does not record it: the number of nodes")
	flags.IntVar(&f.concurrency, "concurrency", 0, "for --strict, where the run does not record it: the number of workers (default one for each node)")
	flags.StringVar(&f.html, "html", "", "`directory` for drawings of what is wrong: lin-kv draws the attempts to order the operations on a key")
	flags.BoolVar(&f.json, "json", false, "print the results as JSON")
	return cmd
}

func (a *app) checkRun(path string, f *checkFlags) error {
	switch {
	case f.nodes < 0 || f.nodes > maxNodes:
		return &spec.BoundError{Option: "node-count", Value: f.nodes, Want: fmt.Sprintf("1 to %d nodes", maxNodes)}
	case f.concurrency < 0 || f.concurrency > maxConcurrency:
		return &spec.BoundError{Option: "concurrency", Value: f.concurrency, Want: fmt.Sprintf("1 to %d workers", maxConcurrency)}
	}
	r, err := recorded.Open(path)
	if err != nil {
		return err
	}
	judged, err := a.judge(r, f, (*recorded.Run).Judge)
	if err != nil {
		return err
	}
	if f.html != "" {
		if err := store.WritePages(f.html, judged.Results); err != nil {
			return err
		}
	}
	out := &report{Verdict: judged.Verdict, history: judged.Records.History, dir: r.Dir, pages: f.html, test: r.Test, stage: r.Stage, end: judged.End}
	if r.Test == nil {
		out.test = &spec.Test{Workload: judged.Question.Check.Workload}
		out.judgedBy = judged.From
	}
	out.test.Availability = judged.Question.Check.Availability
	if r.Store != nil && r.Store.CutJournal {
		out.warnings = append(out.warnings, "the journal of messages is cut short, so the figures about messages are those of a part of the run")
	}
	a.print(out, f.json)
	return verdictError(judged.Verdict)
}

// apply sets the options that the user gave, and records in from that they are the user's.
func (f *checkFlags) apply(o *checkers.Options, from *recorded.Sources) {
	if f.workload != "" {
		o.Workload, from.Workload = f.workload, "--workload"
	}
	if f.availability != nil {
		o.Availability, from.Availability = f.availability, "--availability"
	}
	if f.models != nil {
		o.ConsistencyModels, from.Models = f.models, "--consistency-models"
	}
	o.Strict = o.Strict || f.strict
	o.SequentialKeys, o.LinearizableKeys = f.sequential, f.realtime
	if f.concurrency > 0 {
		o.Concurrency = f.concurrency
	}
	if f.nodes > 0 {
		o.Nodes = make([]string, f.nodes)
		for i := range o.Nodes {
			o.Nodes[i] = fmt.Sprintf("n%d", i)
		}
		o.Concurrency = max(o.Concurrency, f.nodes)
	}
}
