package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"glomers/internal/store"
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
		Args:    arguments(1, 1, "a stage, such as: glomers hint 3d"),
		RunE: func(cmd *cobra.Command, args []string) error {
			stage, err := stages.Find(args[0])
			if err != nil {
				return err
			}
			hints := stage.Hints()
			given, err := store.ReadHints(root)
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
			heading := fmt.Sprintf("hint %d of %d  ", n, len(hints))
			a.out.printf("%s%s\n", a.out.bold(heading), strings.ReplaceAll(wrapText(hints[n-1].Text, 100), "\n", "\n"+strings.Repeat(" ", len(heading))))
			if n == len(hints) {
				a.out.printf("%s\n", a.out.dim("That was the design. stages/"+stage.Dir+"/README.md says why it works, and what else people tried."))
			}
			given[stage.ID] = max(given[stage.ID], n)
			return store.WriteHints(root, given)
		},
	}
	cmd.Flags().StringVar(&root, "store", "store", "`directory` that runs are kept in")
	cmd.Flags().IntVar(&number, "number", 0, "give this hint, not the next one")
	cmd.Flags().BoolVar(&restart, "restart", false, "begin with the first hint again")
	return cmd
}
