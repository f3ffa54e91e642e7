package cli

import (
	"io"
	"slices"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// everyCommand calls f for each command of glomers.
func everyCommand(f func(*cobra.Command)) {
	a := &app{out: newTerminal(io.Discard), err: newTerminal(io.Discard)}
	var visit func(*cobra.Command)
	visit = func(cmd *cobra.Command) {
		f(cmd)
		for _, below := range cmd.Commands() {
			visit(below)
		}
	}
	visit(a.root())
}

// TestEveryFlagIsListed: the flags that describe a test are all in the table that says
// what kind they are, and the table has no others.
func TestEveryFlagIsListed(t *testing.T) {
	known := map[string]bool{}
	everyCommand(func(cmd *cobra.Command) {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			known[f.Name] = true
			ofTests := cmd.Flags().Lookup("cpu-cost") != nil
			if ofTests && !f.Hidden && !isListed(f.Name) && f.Name != "leave-db-running" {
				t.Errorf("%s --%s is in no group of flagTable", cmd.CommandPath(), f.Name)
			}
		})
	})
	seen := map[string]bool{}
	for _, group := range flagTable {
		for _, f := range group.flags {
			if !known[f.name] || seen[f.name] {
				t.Errorf("flagTable has --%s, which no command has or which is there twice", f.name)
			}
			seen[f.name] = true
		}
	}
	for _, name := range []string{"rate", "nemesis", "cpu-cost"} {
		if !slices.Contains(flagsWith(shapes), name) {
			t.Errorf("a stage with --%s counts as the challenge's own test", name)
		}
	}
}

// TestChoicesComplete: the shell completes every flag whose values are known.
func TestChoicesComplete(t *testing.T) {
	flags := 0
	everyCommand(func(cmd *cobra.Command) {
		complete(cmd)
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			v, ok := f.Value.(*value)
			if !ok || v.choices == nil {
				return
			}
			flags++
			words, known := cmd.GetFlagCompletionFunc(f.Name)
			if !known {
				t.Errorf("%s --%s is not completed", cmd.CommandPath(), f.Name)
				return
			}
			typed, want := "", v.choices[0]
			if v.list {
				typed, want = "a,b", "a,"+v.choices[0]
			}
			if got, _ := words(cmd, nil, typed); !slices.Contains(got, want) {
				t.Errorf("%s --%s %s is completed by %q, want %s among them", cmd.CommandPath(), f.Name, typed, got, want)
			}
		})
	})
	if flags < 10 {
		t.Errorf("only %d flags have known values", flags)
	}
}
