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
	"glomers/checkers/journal"
	"glomers/internal/store"
	"glomers/stages"
)

// check reads a run from disk and prints its verdict.
func (a *app) check() *cobra.Command {
	var workload, availability, models, html string
	var asJSON, strict, sequential, linearizable bool
	var concurrency, nodeCount int
	cmd := &cobra.Command{
		Use:   "check PATH",
		Short: "Check a recorded run, ours or the real Maelstrom's",
		Long: "Check the run in a directory of the store, or a history file: EDN as Jepsen writes it or JSON lines,\n" +
			"plain or compressed with gzip or zstd. The options of the test are read from test.json where there is one.",
		Example: "  glomers check store/latest\n  glomers check --workload broadcast history.edn.gz",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := openRun(args[0])
			if err != nil {
				return err
			}
			o := checkers.Options{}
			var stage *stages.Stage
			if r.test != nil {
				o = r.test.CheckOptions()
				if s, err := stages.Find(r.test.Stage); err == nil {
					stage = &s
				}
			}
			if workload != "" {
				o.Workload = workload
			}
			if o.Workload == "" {
				o.Workload = workloadOf(args[0])
			}
			if o.Workload == "" {
				return fmt.Errorf("%s does not tell its workload; name it with --workload: %s", args[0], strings.Join(checkers.Workloads(), ", "))
			}
			if availability != "" {
				if o.Availability, err = parseAvailability(availability); err != nil {
					return err
				}
			}
			if models != "" {
				if o.ConsistencyModels, err = parseModels(models); err != nil {
					return err
				}
			}
			o.Strict = o.Strict || strict
			o.SequentialKeys, o.LinearizableKeys = sequential, linearizable
			if concurrency > 0 {
				o.Concurrency = concurrency
			}
			if nodeCount > 0 {
				o.Nodes = make([]string, nodeCount)
				for i := range o.Nodes {
					o.Nodes[i] = fmt.Sprintf("n%d", i)
				}
				o.Concurrency = max(o.Concurrency, nodeCount)
			}
			h, err := store.ReadHistory(r.history, nil)
			if err != nil {
				return err
			}
			results, err := checkers.Check(h, r.net, o)
			if err != nil {
				return history.InFile(r.history, err)
			}
			recorded := store.Recorded{Dir: r.dir}
			if err := recorded.MeasureDelivery(o, results); err != nil {
				return err
			}
			if html != "" {
				if err := store.WritePages(html, results); err != nil {
					return err
				}
			}
			if r.test == nil {
				r.test = &store.Test{Workload: o.Workload}
			}
			r.test.Availability = o.Availability
			v := newVerdict(r.dir, r.test, results, stage)
			v.pages = html
			a.print(v, asJSON)
			return v.err()
		},
	}
	cmd.Flags().StringVarP(&workload, "workload", "w", "", "the workload, where the path does not tell: "+strings.Join(checkers.Workloads(), ", "))
	cmd.Flags().StringVar(&availability, "availability", "", "the fraction of client requests that must succeed: a number from 0 to 1, or total")
	cmd.Flags().StringVar(&models, "consistency-models", "", "consistency models to check, separated by commas")
	cmd.Flags().BoolVar(&strict, "strict", false, "look for errors that the official checks cannot see, too; they fail the run")
	cmd.Flags().BoolVar(&sequential, "sequential-keys", false, "txn-rw-register: trust that each key is sequentially consistent, and infer more")
	cmd.Flags().BoolVar(&linearizable, "linearizable-keys", false, "txn-rw-register: trust that each key is linearizable, and infer more")
	cmd.Flags().IntVar(&nodeCount, "node-count", 0, "for --strict, where the run does not tell: the number of nodes")
	cmd.Flags().IntVar(&concurrency, "concurrency", 0, "for --strict, where the run does not tell: the number of workers (default one for each node)")
	cmd.Flags().StringVar(&html, "html", "", "`directory` for drawings of what is wrong: lin-kv draws the attempts to order the operations on a key")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the results as JSON")
	return cmd
}

// recordedRun is what openRun found.
type recordedRun struct {
	dir, history string
	test         *store.Test
	net          *journal.Stats
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
	r := &recordedRun{dir: path, test: recorded.Test}
	if r.history, err = recorded.HistoryPath(); err != nil {
		return nil, err
	}
	r.net, err = recorded.Net()
	return r, err
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
