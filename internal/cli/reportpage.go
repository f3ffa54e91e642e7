package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"glomers/checkers"
	"glomers/checkers/history"
	"glomers/internal/recorded"
	"glomers/internal/verdict"
)

// reportPage writes the report of a run that is on disk.
func (a *app) reportPage() *cobra.Command {
	var output string
	f := &checkFlags{}
	cmd := &cobra.Command{
		Use:   "report [PATH]",
		Short: "Write the report of a recorded run, ours or the real Maelstrom's, as a page for the browser",
		Long: "Judge the run in a directory of the store again (default: store/latest) and write all that is known of it into\n" +
			"one HTML file: verdict, plots, messages, a diagram of who sent what to whom. It needs no network.",
		Example: "  glomers report\n  glomers report --output 3c.html store/broadcast/latest",
		Args:    arguments(0, 1, "at most one run or history, such as: glomers report store/latest"),
		RunE: func(cmd *cobra.Command, args []string) error {
			path := filepath.Join("store", "latest")
			if len(args) == 1 {
				path = args[0]
			}
			r, err := recorded.Open(path)
			if err != nil {
				return err
			}
			judged, err := a.judge(r, f, (*recorded.Run).Show)
			if err != nil {
				return err
			}
			if output == "" {
				if output = filepath.Join(path, recorded.ReportName); !isDir(path) {
					output = filepath.Join(filepath.Dir(path), recorded.ReportName)
				}
			}
			err = recorded.WriteFile(output, judged.WritePage)
			if errors.Is(err, os.ErrPermission) {
				return fmt.Errorf("%w; name another file with --output", err)
			}
			if err != nil {
				return err
			}
			a.out.printf("%s\n", output)
			return nil
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "`file` to write (default: report.html in the run's directory)")
	choiceVar(cmd.Flags(), &f.workload, "workload", "w", "", checkers.Workloads(), "the `name` of the workload, where the path does not name it: "+strings.Join(checkers.Workloads(), ", "))
	return cmd
}

// judgement is how a recorded run is judged: by Judge for a verdict, by Show for a page.
type judgement func(*recorded.Run, verdict.Question, recorded.Sources, func(history.Progress)) (*recorded.Judged, error)

// judge judges a recorded run again.
func (a *app) judge(r *recorded.Run, f *checkFlags, by judgement) (*recorded.Judged, error) {
	q, from, err := r.Question()
	if err != nil {
		return nil, err
	}
	f.apply(&q.Check, &from)
	bar := newProgress(a.err)
	defer bar.finish()
	return by(r, q, from, bar.reading)
}
