package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"glomers/checkers"
	"glomers/checkers/history"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/internal/verdict"
	"glomers/stages"
)

// checkFlags are the flags of check: what the run does not say, or what is asked of
// it instead.
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
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.checkRun(args[0], f)
		},
	}
	flags := cmd.Flags()
	choiceVar(flags, &f.workload, "workload", "w", "", checkers.Workloads(), "the `name` of the workload, where the path does not tell: "+strings.Join(checkers.Workloads(), ", "))
	availabilityVar(flags, &f.availability, "the `fraction` of client requests that must succeed: a number from 0 to 1, or total")
	modelsVar(flags, &f.models, "", "consistency `models` to check, separated by commas")
	flags.BoolVar(&f.strict, "strict", false, "look for errors that the official checks cannot see, too; they fail the run")
	flags.BoolVar(&f.sequential, "sequential-keys", false, "txn-rw-register: trust that each key is sequentially consistent, and infer more")
	flags.BoolVar(&f.realtime, "linearizable-keys", false, "txn-rw-register: trust that each key is linearizable, and infer more")
	flags.IntVar(&f.nodes, "node-count", 0, "for --strict, where the run does not tell: the number of nodes")
	flags.IntVar(&f.concurrency, "concurrency", 0, "for --strict, where the run does not tell: the number of workers (default one for each node)")
	flags.StringVar(&f.html, "html", "", "`directory` for drawings of what is wrong: lin-kv draws the attempts to order the operations on a key")
	flags.BoolVar(&f.json, "json", false, "print the results as JSON")
	return cmd
}

func (a *app) checkRun(path string, f *checkFlags) error {
	r, err := openRun(path)
	if err != nil {
		return err
	}
	var q verdict.Question
	var stage *stages.Stage
	if r.test != nil {
		if s, err := stages.Find(r.test.Stage); err == nil {
			stage = &s
		}
		q = verdict.Ask(r.test, stage)
	}
	from, err := assume(r, &q.Check)
	if err != nil {
		return err
	}
	if err := f.apply(&q.Check, path); err != nil {
		return err
	}
	from.override(f)
	bar := newProgress(a.err)
	records, err := r.records(q.Check, bar.reading)
	bar.finish()
	if err != nil {
		return err
	}
	v, err := verdict.Judge(records, q)
	if err != nil {
		return history.InFile(r.history, err)
	}
	if f.html != "" {
		if err := store.WritePages(f.html, v.Results); err != nil {
			return err
		}
	}
	out := &report{Verdict: v, dir: r.dir, pages: f.html, test: r.test, stage: stage}
	if r.test == nil {
		out.test = &spec.Test{Workload: q.Check.Workload}
		out.judgedBy = from.describe(q.Check)
	} else if out.end, err = r.store.End(); err != nil {
		return err
	}
	out.test.Availability = q.Check.Availability
	if r.store != nil && r.store.CutJournal {
		out.notes = append(out.notes, "the journal of messages is cut short, so the figures about messages are those of a part of the run")
	}
	a.print(out, f.json)
	return verdictError(v)
}

// apply sets the options that the user gave, or that the path tells.
func (f *checkFlags) apply(o *checkers.Options, path string) error {
	if f.workload != "" {
		o.Workload = f.workload
	}
	if o.Workload == "" {
		o.Workload = workloadOf(path)
	}
	if o.Workload == "" {
		return fmt.Errorf("%s does not tell its workload; name it with --workload: %s", path, strings.Join(checkers.Workloads(), ", "))
	}
	if f.availability != nil {
		o.Availability = f.availability
	}
	if f.models != nil {
		o.ConsistencyModels = f.models
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
	return nil
}

// recordedRun is a run on disk.
type recordedRun struct {
	dir, history string
	test         *spec.Test      // nil if its options are not known
	store        *store.Recorded // nil for a history by itself
}

// openRun opens a run's directory, or a history file by itself.
func openRun(path string) (*recordedRun, error) {
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s does not exist; expected a run such as store/latest, or a history.edn", path)
		}
		return nil, err
	}
	if !info.IsDir() {
		r := &recordedRun{dir: path, history: path}
		if filepath.Base(path) != store.HistoryEDN {
			return r, nil
		}
		path = filepath.Dir(path)
	}
	recorded, err := store.Open(path)
	if err != nil {
		return nil, err
	}
	r := &recordedRun{dir: path, test: recorded.Test, store: recorded}
	r.history, err = recorded.HistoryPath()
	return r, err
}

// records reads what the run left, and reports the progress of the history.
func (r *recordedRun) records(o checkers.Options, progress func(history.Progress)) (verdict.Records, error) {
	if r.store == nil {
		h, err := store.ReadHistory(r.history, progress)
		return verdict.Records{History: h}, err
	}
	records := verdict.Records{Racy: store.RacyNodes(r.dir)}
	h, cut, err := r.store.History(progress)
	if err != nil {
		return records, err
	}
	records.History = h
	events := int64(-1)
	traffic := verdict.NewTraffic(o)
	exists, err := r.store.Messages(traffic.Add)
	if err != nil {
		return records, err
	}
	if exists {
		records.Traffic, events = traffic, traffic.Events
	}
	if records.Incomplete, err = r.store.Incomplete(len(h.Ops), events); records.Incomplete == "" && cut != nil {
		return records, cut
	}
	return records, err
}

// workloadOf finds the name of a workload among the directories of a path, as
// in store/WORKLOAD/TIME.
func workloadOf(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	parts := strings.Split(filepath.ToSlash(path), "/")
	slices.Reverse(parts)
	for _, part := range parts {
		if slices.Contains(checkers.Workloads(), part) {
			return part
		}
	}
	return ""
}
