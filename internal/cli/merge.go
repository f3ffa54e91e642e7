package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"glomers/internal/trial"
)

// mergeArgs checks the command line of explore --merge FILES.
func mergeArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("expected the files to merge, that explore --json printed, such as: glomers explore --merge 1.json 2.json")
	}
	var err error
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains([]string{"merge", "json", "store"}, f.Name) && err == nil {
			err = fmt.Errorf("--%s cannot be given with --merge: what was run is in the files", f.Name)
		}
	})
	return err
}

// mergeExplorations reports the outcomes of the seeds in several files as those of one
// exploration.
func (a *app) mergeExplorations(f *testFlags, files []string) error {
	var parts []trial.Part
	for _, name := range files {
		part, err := readPart(name)
		if err != nil {
			return err
		}
		parts = append(parts, part)
	}
	x, err := trial.Merge(parts)
	if err != nil {
		return err
	}
	if err := a.reportExploration(&x, f.output); err != nil {
		return err
	}
	if missing := x.Missing(); len(missing) > 0 {
		return fmt.Errorf("%d of %d seeds have no outcome: %s", x.Count-uint64(len(x.Outcomes)), x.Count, describeMissing(missing, parts))
	}
	if slices.ContainsFunc(x.Outcomes, func(o trial.Outcome) bool { return !o.Passed() }) {
		return errFailed
	}
	return nil
}

func readPart(name string) (trial.Part, error) {
	file, err := os.Open(name)
	if err != nil {
		return trial.Part{}, err
	}
	if info, err := file.Stat(); err == nil && info.IsDir() {
		file.Close()
		return trial.Part{}, fmt.Errorf("%s is a directory; expected a file that glomers explore --json printed", name)
	}
	defer file.Close()
	x, err := trial.Decode(file)
	if err != nil {
		return trial.Part{}, fmt.Errorf("read %s: %w", name, err)
	}
	return trial.Part{Name: name, Exploration: x}, nil
}

// describeMissing names the first seeds that no file has, and the files that were cut
// short.
func describeMissing(missing []trial.Range, parts []trial.Part) string {
	const shown = 5
	var words []string
	for _, r := range missing[:min(shown, len(missing))] {
		words = append(words, r.String())
	}
	text := strings.Join(words, ", ")
	if more := len(missing) - shown; more > 0 {
		text += " and " + count(more, "more range")
	}
	for _, p := range parts {
		if len(p.Missing()) > 0 {
			text += fmt.Sprintf("; %s was interrupted", p.Name)
		}
	}
	return text
}
