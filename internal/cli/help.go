package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"glomers/internal/nemesis"
	"glomers/internal/workload"
	"glomers/stages"
)

// flagGroups are the headings under which --help lists the flags of a test, with the
// flags in their order. Those in no group come last.
var flagGroups = []struct {
	title string
	names string
}{
	{"What is tested", "workload bin wasm engine race cpu-cost yields node-memory"},
	{"Nodes and load", "node-count node nodes nodes-file concurrency rate time-limit recovery topology key-count max-txn-length max-writes-per-key"},
	{"Network and faults", "latency latency-dist nemesis nemesis-interval hard"},
	{"Verdict", "availability consistency-models strict"},
	{"Runs", "seed seeds shard merge vary jobs tries test-count store"},
	{"Output", "json log-stderr log-net-send log-net-recv logging-json"},
}

// group makes the help of a command list its flags in groups and, if a stage is named
// beside --help, the values that the stage gives them.
func group(cmd *cobra.Command) {
	cmd.SetUsageFunc(func(cmd *cobra.Command) error {
		var b strings.Builder
		fmt.Fprintf(&b, "Usage:\n  %s\n", cmd.UseLine())
		if cmd.Example != "" {
			fmt.Fprintf(&b, "\nExamples:\n%s\n", cmd.Example)
		}
		rest := pflag.NewFlagSet("rest", pflag.ContinueOnError)
		cmd.Flags().VisitAll(func(f *pflag.Flag) { rest.AddFlag(f) })
		stage, own := stageValues(cmd)
		if stage != "" {
			fmt.Fprintf(&b, "\nDefaults are those of stage %s.\n", stage)
		}
		for _, g := range append(flagGroups, struct{ title, names string }{"Others", ""}) {
			part := pflag.NewFlagSet(g.title, pflag.ContinueOnError)
			part.SortFlags = false
			if g.names == "" {
				rest.VisitAll(func(f *pflag.Flag) {
					if part.Lookup(f.Name) == nil && !grouped(f.Name) {
						part.AddFlag(f)
					}
				})
			}
			for _, name := range strings.Fields(g.names) {
				if f := rest.Lookup(name); f != nil {
					shown := *f
					if v, ok := own[name]; ok {
						shown.DefValue = v
					}
					part.AddFlag(&shown)
				}
			}
			if part.HasAvailableFlags() {
				fmt.Fprintf(&b, "\n%s:\n%s", g.title, part.FlagUsagesWrapped(100))
			}
		}
		_, err := fmt.Fprint(cmd.OutOrStderr(), b.String())
		return err
	})
	complete(cmd)
}

func grouped(name string) bool {
	for _, g := range flagGroups {
		for _, n := range strings.Fields(g.names) {
			if n == name {
				return true
			}
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

// complete makes the shell complete stages and the values of flags.
func complete(cmd *cobra.Command) {
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
	for _, flag := range []struct {
		name    string
		choices []string
	}{
		{"workload", workload.Names()}, {"nemesis", nemesis.Names()}, {"engine", engines},
		{"topology", workload.Topologies}, {"latency-dist", []string{"constant", "uniform", "exponential"}},
	} {
		if cmd.Flags().Lookup(flag.name) == nil {
			continue
		}
		list := flag.name == "nemesis"
		cmd.RegisterFlagCompletionFunc(flag.name, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			done := typed[:strings.LastIndex(typed, ",")+1]
			if !list {
				done = ""
			}
			var out []string
			for _, c := range flag.choices {
				out = append(out, done+c)
			}
			return out, cobra.ShellCompDirectiveNoFileComp
		})
	}
}
