// Package cli is the command line: flags, terminal output, hints and exit codes. The
// work itself is done by packages that print nothing.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"glomers/internal/nodeio"
	"glomers/internal/solution"
)

// Exit codes.
const (
	exitPass  = 0
	exitFail  = 1 // the verdict is a failure
	exitError = 2 // there is no verdict
)

// errFailed ends a command whose verdict, already printed, is a failure.
var errFailed = errors.New("the test failed")

// errUnknown ends a command whose verdict, already printed, is unknown.
var errUnknown = errors.New("the verdict is unknown")

// app is one invocation of the command.
type app struct {
	out, err *terminal
	words    []string  // the command line, without the command's own name
	follow   *follower // nil for none
}

// Main runs the command and returns its exit code. Under the name maelstrom it
// behaves as "glomers maelstrom".
func Main(args []string, stdout, stderr io.Writer) int {
	a := &app{out: newTerminal(stdout), err: newTerminal(stderr)}
	root := a.root()
	words := args[1:]
	a.words = words
	if name := strings.TrimSuffix(filepath.Base(args[0]), ".exe"); name == "maelstrom" {
		root = a.maelstrom()
		a.words = append([]string{"maelstrom"}, words...)
	}
	if err := checkDashes(words); err != nil {
		return a.report(err)
	}
	complete(root)
	root.SetArgs(words)
	root.SetOut(a.out.w)
	root.SetErr(a.err.w)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return flagError(cmd.Flags(), err) })
	code := a.report(root.Execute())
	if err := a.out.lost(); err != nil && code == exitPass {
		return a.report(fmt.Errorf("what was printed is lost: %w", err))
	}
	return code
}

// interruptible runs a command under a context that the first signal cancels, so that
// the command can stop its nodes and keep its results so far. The second signal ends the
// process at once, as the first one does for commands that are not interruptible.
func interruptible(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
		defer stop()
		context.AfterFunc(ctx, stop) // the next signal has its default effect
		cmd.SetContext(ctx)
		return run(cmd, args)
	}
	return cmd
}

// version is that of the module that the command was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && v == "(devel)" {
			v = "commit " + s.Value[:min(12, len(s.Value))]
		}
	}
	return v + " (" + runtime.Version() + ")"
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:     "glomers",
		Short:   "Run the Gossip Glomers challenges, without a JVM",
		Version: version(),
		Long: "glomers runs your solution of a Gossip Glomers challenge against the challenge's own test and\n" +
			"says what is wrong with it.",
	}
	for _, cmd := range []*cobra.Command{a.testStage(), a.explore(), a.shrink(), a.replay(), a.compare(), a.watch(), a.serve(), a.doctor()} {
		root.AddCommand(interruptible(cmd))
	}
	root.AddCommand(a.list(), a.newSolution(), a.hint(), a.check(), a.reportPage(), a.maelstrom(), a.clean())
	root.SetHelpCommand(help())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	parent(root)
	if completion, _, err := root.Find([]string{"completion"}); err == nil {
		parent(completion)
	}
	return root
}

// report prints an error with what can be said about it and returns the exit
// code.
func (a *app) report(err error) int {
	switch {
	case err == nil:
		return exitPass
	case errors.Is(err, errFailed):
		return exitFail
	case errors.Is(err, errUnknown):
		return exitError
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted") // rather than how that ended a build, say
	}
	a.err.printf("%s %s\n", a.err.bad("error:"), plain(err))
	var build *solution.BuildError
	var target *solution.TargetError
	var unavailable *solution.UnavailableError
	var space *solution.SpaceError
	var node *nodeio.Error
	var unknown *unknownFlagError
	switch {
	case errors.As(err, &build):
		a.err.printf("%s\n", indent(build.Output))
		if hint := buildHint(build); hint != "" {
			a.err.printf("hint: %s\n", hint)
		}
	case errors.As(err, &target):
		a.err.printf("%s\nhint: as a process of this system it builds: give --engine process\n", indent(target.Output))
	case errors.As(err, &unavailable):
		a.err.printf("hint: --engine wasm simulates it as well; glomers doctor says what is missing\n")
	case errors.As(err, &space):
		a.err.printf("%s\n", indent(space.Output))
	case errors.As(err, &node):
		a.err.printf("%s", node.Describe())
		if hint := crashHint(node); hint != "" {
			a.err.printf("hint: %s\n", strings.ReplaceAll(wrapText(hint, 110), "\n", "\n      "))
		}
	case errors.As(err, &unknown):
		a.err.printf("hint: arguments for the node go after --; all options are listed by --help\n")
	}
	return exitError
}

// buildHint says what to do about a build that failed because a module is missing.
func buildHint(e *solution.BuildError) string {
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(e.Output, w) })
	}
	switch {
	case has("dial tcp", "module lookup disabled", "TLS handshake"):
		return "Go fetches the modules that a program imports once, and keeps them: do this with a network, or set GOPROXY to a place that has them"
	case has("no required module provides package") && !solution.InsideModule(e.Dir):
		return "where there is no go.mod, only the standard library and Maelstrom's library can be imported; for more, begin a module there: go mod init my-solution && go mod tidy"
	}
	return ""
}

func indent(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") }

// dashes are the characters that editors and web pages replace a hyphen with.
var dashes = map[rune]string{
	'‐': "a Unicode hyphen (U+2010)", '‑': "a non-breaking hyphen (U+2011)", '‒': "a figure dash (U+2012)",
	'–': "an en dash (U+2013)", '—': "an em dash (U+2014)", '―': "a horizontal bar (U+2015)", '−': "a minus sign (U+2212)",
}

// checkDashes finds options that begin with a character that only looks like a
// hyphen. Maelstrom takes them as arguments for the node, so that a widely copied
// command with "–-nemesis partition" runs without any partition.
func checkDashes(args []string) error {
	for _, arg := range args {
		if arg == "--" {
			return nil
		}
		head := strings.TrimLeft(arg, "-‐‑‒–—―−")
		prefix := arg[:len(arg)-len(head)]
		for _, r := range prefix {
			if name, ok := dashes[r]; ok && head != "" {
				option := "--" + head
				if len([]rune(head)) == 1 {
					option = "-" + head
				}
				return fmt.Errorf("%q begins with %s instead of a hyphen, so it is not an option; did you mean %s?", arg, name, option)
			}
		}
	}
	return nil
}
