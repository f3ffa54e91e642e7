package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"glomers/stages"
)

// hint gives the hints of a stage, one at a time.
func (a *app) hint() *cobra.Command {
	var root string
	var number int
	var restart bool
	cmd := &cobra.Command{
		Use:   "hint STAGE",
		Short: "Get the next hint for a stage; the last one is the design",
		Long: "Print the next hint for a stage. Each call gives one more; the last one is the design. Which hints you\n" +
			"have had is kept in the store.",
		Example: "  glomers hint 3d\n  glomers hint 3d --number 2   # again",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			stage, err := stages.Find(args[0])
			if err != nil {
				return err
			}
			hints := stage.Hints()
			given, err := readHints(root)
			if err != nil {
				return err
			}
			if restart {
				given[stage.ID] = 0
			}
			n := min(given[stage.ID]+1, len(hints))
			if cmd.Flags().Changed("number") {
				if number < 1 || number > len(hints) {
					return fmt.Errorf("--number is %d, expected 1 to %d: stage %s has so many hints", number, len(hints), stage.ID)
				}
				n = number
			}
			a.out.printf("%s  %s\n", a.out.bold(fmt.Sprintf("hint %d of %d", n, len(hints))), hints[n-1].Text)
			if n == len(hints) {
				a.out.printf("%s\n", a.out.dim("That was the design. stages/"+stage.Dir+"/README.md says why it works, and what else people tried."))
			}
			given[stage.ID] = max(given[stage.ID], n)
			return writeHints(root, given)
		},
	}
	cmd.Flags().StringVar(&root, "store", "store", "`directory` that runs are kept in")
	cmd.Flags().IntVar(&number, "number", 0, "give this hint, not the next one")
	cmd.Flags().BoolVar(&restart, "restart", false, "begin with the first hint again")
	return cmd
}

// hintsFile remembers, in the store, how many hints of each stage were given.
const hintsFile = "hints.json"

func readHints(root string) (map[string]int, error) {
	given := map[string]int{}
	path := filepath.Join(root, hintsFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return given, nil
	}
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(text, &given) != nil {
		return nil, fmt.Errorf("%s is damaged: it should hold the number of hints given for each stage; remove it to begin again", path)
	}
	return given, nil
}

func writeHints(root string, given map[string]int) error {
	text, err := json.MarshalIndent(given, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(root, 0o777); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, hintsFile), append(text, '\n'), 0o666)
}
