package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"glomers/internal/runner"
	"glomers/internal/trial"
)

// shrink makes a failing test smaller.
func (a *app) shrink() *cobra.Command {
	f := &testFlags{}
	tries := 0
	cmd := &cobra.Command{
		Use:   "shrink STAGE [PACKAGE] --seed N [flags] [-- NODE ARGUMENTS]",
		Short: "Make a test that fails as small as it gets while it still fails",
		Long: "Take a simulated test that fails with --seed, and leave out of it what is not needed to make it fail in\n" +
			"the same way: faults, time, operations, workers, nodes, latency. The smallest test is then run and kept;\n" +
			"glomers replay shows what happens in it.",
		Example: "  glomers shrink 5b ./my/5b --seed 173",
		Args:    stageArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if !f.seeded {
				return errors.New("expected --seed, that of a run that fails; glomers explore finds one")
			}
			if tries < 1 {
				return fmt.Errorf("--tries is %d, expected at least 1", tries)
			}
			return a.shrinkTest(cmd, f, args, tries)
		},
	}
	f.register(cmd.Flags())
	f.registerHard(cmd.Flags())
	f.output.register(cmd.Flags())
	cmd.Flags().IntVar(&tries, "tries", 12, "how many seeds to try for each smaller test")
	group(cmd)
	return cmd
}

func (a *app) shrinkTest(cmd *cobra.Command, f *testFlags, args []string, tries int) error {
	ctx := cmd.Context()
	s, err := a.simulate(cmd, f, args)
	if err != nil {
		return err
	}
	defer s.close()

	var original trial.Test
	var first trial.Outcome
	for _, original = range s.tests {
		if first, err = trial.Run(ctx, original, original.Spec.Seed); err != nil {
			return interrupted(err)
		}
		if !first.Passed() {
			break
		}
	}
	if first.Passed() {
		return fmt.Errorf("seed %d passes, so there is nothing to make smaller; glomers explore finds seeds that fail", original.Spec.Seed)
	}
	kind := first.Failures[0]
	a.err.printf("seed %d fails: %s, with %d records in the history\n", original.Spec.Seed, a.err.bold(kind), first.Ops)
	shrunk, err := trial.Shrink(ctx, original, first.Ops, kind, tries, func(r trial.Reduction) {
		a.err.printf("  %-15s %s → %s: still fails, %d records\n", r.Option, orNone(r.From), orNone(r.To), r.Ops)
	})
	a.words = shrunkWords(a.words, shrunk)
	best := shrunk.Test
	best.Official, best.Shrunk = false, true
	best.Command = repeat(a.words, best.Seed)
	if err != nil {
		if runner.IsInterrupt(err) {
			a.err.printf("the smallest test so far: %s\n", best.Command)
		}
		return interrupted(err)
	}
	v, err := a.runOne(ctx, f.output, &best, s.subject, s.stage, nil)
	if err != nil {
		return err
	}
	return verdictError(v)
}

// shrunkWords are the words of the command that runs the smallest test.
func shrunkWords(words []string, s trial.Shrunk) []string {
	words = withoutFlag(append([]string{"test"}, words[1:]...), "tries")
	// The nemesis is always named: a stage may have a further run with faults.
	words = withFlag(words, "nemesis", strings.Join(s.Test.Nemesis, ","))
	for _, o := range s.Options {
		if o.Name == "nodes" || o.Name == "node-count" { // replaces every option that names nodes
			for _, flag := range []string{"node", "nodes", "nodes-file", "node-count"} {
				words = withoutFlag(words, flag)
			}
			words = withoutShort(words, "-n")
		}
		words = withFlag(words, o.Name, o.Value)
	}
	return words
}

// interrupted replaces the error of a cancelled context by one in plain words.
func interrupted(err error) error {
	if runner.IsInterrupt(err) {
		return errors.New("interrupted")
	}
	return err
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// withoutFlag leaves an option out of a command line.
func withoutFlag(words []string, flag string) []string {
	var out []string
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case word == "--":
			return append(out, words[i:]...)
		case word == "--"+flag:
			i++
		case strings.HasPrefix(word, "--"+flag+"="):
		default:
			out = append(out, word)
		}
	}
	return out
}

// withoutSwitch leaves an option without a value out of a command line.
func withoutSwitch(words []string, flag string) []string {
	end := slices.Index(words, "--")
	if end < 0 {
		end = len(words)
	}
	out := slices.DeleteFunc(slices.Clone(words[:end]), func(w string) bool { return w == "--"+flag || strings.HasPrefix(w, "--"+flag+"=") })
	return append(out, words[end:]...)
}

// withoutShort leaves an option with a value and a short name, such as -n, out of a
// command line.
func withoutShort(words []string, flag string) []string {
	var out []string
	for i := 0; i < len(words); i++ {
		switch word := words[i]; {
		case word == "--":
			return append(out, words[i:]...)
		case word == flag:
			i++
		case strings.HasPrefix(word, flag):
		default:
			out = append(out, word)
		}
	}
	return out
}

// withFlag gives an option a value in a command line.
func withFlag(words []string, flag, value string) []string {
	words = withoutFlag(words, flag)
	at := slices.Index(words, "--")
	if at < 0 {
		at = len(words)
	}
	return slices.Insert(slices.Clone(words), at, "--"+flag, value)
}
