package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"glomers/stages"
)

// group makes the help of a command list its flags in groups and, if a stage is named
// beside --help, the values that the stage gives them.
func group(cmd *cobra.Command) {
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		var b strings.Builder
		fmt.Fprintf(&b, "Usage:\n  %s\n", cmd.UseLine())
		if cmd.Example != "" {
			fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
		}
		stage, own := stageValues(cmd)
		if stage != "" {
			fmt.Fprintf(&b, "\nDefaults are those of stage %s.\n", stage)
		}
		write := func(heading string, flags *pflag.FlagSet) {
			if flags.HasAvailableFlags() {
				fmt.Fprintf(&b, "\n%s:\n%s", heading, flags.FlagUsagesWrapped(100))
			}
		}
		for _, group := range flagTable {
			part := pflag.NewFlagSet("", pflag.ContinueOnError)
			part.SortFlags = false
			for _, listed := range group.flags {
				if f := cmd.Flags().Lookup(listed.name); f != nil {
					shown := *f
					if v, ok := own[f.Name]; ok {
						shown.DefValue = v
					}
					part.AddFlag(&shown)
				}
			}
			write(group.heading, part)
		}
		others := pflag.NewFlagSet("", pflag.ContinueOnError)
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if !isListed(f.Name) {
				others.AddFlag(f)
			}
		})
		write("Others", others)
		_, err := fmt.Fprint(cmd.OutOrStderr(), b.String())
		return err
	})
}

// isListed reports whether flagTable has a flag.
func isListed(name string) bool {
	for _, group := range flagTable {
		if slices.ContainsFunc(group.flags, func(f listedFlag) bool { return f.name == name }) {
			return true
		}
	}
	return false
}

// stageValues returns the stage that the command line names, if it does, and the values
// that the stage gives to flags.
func stageValues(cmd *cobra.Command) (string, map[string]string) {
	args := cmd.Flags().Args()
	if len(args) == 0 {
		return "", nil
	}
	stage, err := stages.Find(args[0])
	if err != nil {
		return "", nil
	}
	values := map[string]string{}
	for i := 0; i+1 < len(stage.Flags); i += 2 {
		values[strings.TrimPrefix(stage.Flags[i], "--")] = stage.Flags[i+1]
	}
	return stage.ID, values
}

// complete makes the shell complete stages and the values of flags, for a command and
// those below it.
func complete(cmd *cobra.Command) {
	for _, below := range cmd.Commands() {
		complete(below)
	}
	if strings.Contains(cmd.Use, "STAGE") {
		cmd.ValidArgsFunction = func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveDefault // a path
			}
			var out []string
			for _, s := range stages.All() {
				out = append(out, s.ID+"\t"+s.Title)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		}
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		v, ok := f.Value.(*value)
		if !ok || v.choices == nil {
			return
		}
		cmd.RegisterFlagCompletionFunc(f.Name, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			done := "" // of a list, the words before the last one
			if v.list {
				done = typed[:strings.LastIndex(typed, ",")+1]
			}
			var out []string
			for _, c := range v.choices {
				out = append(out, done+c)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		})
	})
}
