package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"glomers/internal/nemesis"
	"glomers/internal/spec"
	"glomers/internal/verdict"
	"glomers/stages"
)

// target is what is tested: a Go package or file, an executable or a WebAssembly
// module.
type target struct {
	dir, bin, wasm string
	args           []string
}

func (t target) String() string {
	name := t.dir + t.bin + t.wasm
	if wd, err := os.Getwd(); err == nil {
		abs, err := filepath.Abs(name)
		if err != nil {
			return name
		}
		if rel, err := filepath.Rel(wd, abs); err == nil && filepath.IsLocal(rel) {
			if name = "."; rel != "." {
				name = "./" + filepath.ToSlash(rel)
			}
		}
	}
	return name
}

// words are those that name the target on the command line.
func (t target) words(f *testFlags) []string {
	var words []string
	switch {
	case t.bin != "":
		words = append(words, "--bin")
	case t.wasm != "":
		words = append(words, "--wasm")
	}
	words = append(words, t.String())
	if f.Engine != "" {
		words = append(words, "--engine", f.Engine)
	}
	if f.Race {
		words = append(words, "--race")
	}
	if len(t.args) > 0 {
		words = append(append(words, "--"), t.args...)
	}
	return words
}

// stageArgs checks that the arguments are a stage and at most one package.
func stageArgs(cmd *cobra.Command, args []string) error {
	if n := cmd.ArgsLenAtDash(); n >= 0 {
		args = args[:n]
	}
	if len(args) == 0 || len(args) > 2 {
		return fmt.Errorf("expected a stage and at most one Go package, such as: %s 3c ./my/3c (arguments for the node go after --)", cmd.CommandPath())
	}
	return nil
}

// stageTarget reads the arguments STAGE [PACKAGE] [-- NODE ARGUMENTS].
func stageTarget(cmd *cobra.Command, f *testFlags, args []string) (*stages.Stage, target, error) {
	t := target{bin: f.bin, wasm: f.wasm}
	if n := cmd.ArgsLenAtDash(); n >= 0 {
		args, t.args = args[:n], args[n:]
	}
	stage, err := stages.Find(args[0])
	if err != nil {
		return nil, t, err
	}
	switch {
	case f.bin != "" && f.wasm != "":
		return nil, t, fmt.Errorf("both --bin %s and --wasm %s are given; expected one of them", f.bin, f.wasm)
	case len(args) == 2 && f.bin != "":
		return nil, t, fmt.Errorf("both the Go package %s and --bin %s are given; expected one of them", args[1], f.bin)
	case len(args) == 2 && f.wasm != "":
		return nil, t, fmt.Errorf("both the Go package %s and --wasm %s are given; expected one of them", args[1], f.wasm)
	case len(args) == 2:
		t.dir = args[1]
	case f.bin+f.wasm == "":
		if t.dir, err = referenceDir(stage); err != nil {
			return nil, t, err
		}
	}
	return &stage, t, nil
}

// referenceDir finds the reference solution of a stage in the workbook that the
// working directory belongs to.
func referenceDir(s stages.Stage) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		candidate := filepath.Join(dir, "stages", s.Dir)
		if _, err := os.Stat(filepath.Join(candidate, "main.go")); err == nil {
			return candidate, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("the reference solution of stage %s is not here: run this within the workbook, or name your own solution: glomers test %s ./my/%s", s.ID, s.ID, s.ID)
		}
		dir = parent
	}
}

// raceYields is the default of --yields with --race. A race is found only between
// goroutines that overlap. If none gave way, each message would be read after the answer
// to the one before was written, and that order hides races.
const raceYields = 0.1

// plan turns the flags into the tests that they describe: for a stage all its runs,
// otherwise one.
func (a *app) plan(ctx context.Context, cmd *cobra.Command, f *testFlags, t target, stage *stages.Stage) ([]spec.Test, error) {
	official := stage != nil && !reshaped(cmd)
	engine, err := a.chooseEngine(ctx, t, f)
	if err != nil {
		return nil, err
	}
	if engine == engineMaelstrom {
		if err := refuseForMaelstrom(cmd.Flags().Changed); err != nil {
			return nil, err
		}
	}
	variants := [][]string{nil}
	switch {
	case stage == nil:
	case f.Hard:
		f.Workload, f.Strict = stage.Workload, true
		variants[0] = stage.Hard.Flags
	default:
		f.Workload = stage.Workload
		if !cmd.Flags().Changed("nemesis") {
			variants = append(variants, stage.Again...)
		}
	}
	set := func(name string) bool {
		return cmd.Flags().Changed(name) || stage != nil && name == "node-count" && f.nodes == "" && f.node == nil && f.nodesFile == ""
	}
	var plan []spec.Test
	for _, variant := range variants {
		if stage != nil {
			if err := applyDefaults(cmd, slices.Concat(stage.Flags, variant)); err != nil {
				return nil, err
			}
		}
		test, err := f.resolve(set)
		if err != nil {
			return nil, err
		}
		if f.Hard && !cmd.Flags().Changed("nemesis") {
			test.Nemesis = a.possibleFaults(test.Nemesis, engine)
		}
		if err := checkFaults(test.Nemesis, engine); err != nil {
			return nil, err
		}
		test.Engine, test.Solution, test.Args, test.Official = engine, t.String(), t.args, official
		if test.Yields > 0 && engine != engineNative {
			return nil, fmt.Errorf("--yields needs --engine native, and the engine is %s", engine)
		}
		if engine == engineNative && test.Race && !set("yields") {
			test.Yields = raceYields
		}
		if !simulates(engine) {
			test.CPUCost, test.NodeMemory = 0, 0
		}
		if stage != nil {
			test.Stage = stage.ID
		}
		plan = append(plan, test)
	}
	return plan, nil
}

// reshaped reports whether the user gave any option, other than those listed, that
// changes the tests of the stage.
func reshaped(cmd *cobra.Command, but ...string) bool {
	return slices.ContainsFunc(flagsWith(shapes), func(name string) bool { return cmd.Flags().Changed(name) && !slices.Contains(but, name) })
}

// checkFaults reports faults that an engine cannot inject.
func checkFaults(faults []string, engine string) error {
	for _, name := range faults {
		fault, _ := nemesis.Lookup(name)
		switch {
		case engine == engineMaelstrom && !fault.Official:
			return fmt.Errorf("--nemesis %s: Maelstrom itself does not have this fault", name)
		case engine == engineProcess && fault.Simulated:
			return fmt.Errorf("--nemesis %s needs --engine sim: processes share the clock of this machine", name)
		}
	}
	return nil
}

// possibleFaults returns the faults of a hard mode without those that processes cannot
// have, and says which these are: a program in any language has a hard mode.
func (a *app) possibleFaults(faults []string, engine string) []string {
	if engine != engineProcess {
		return faults
	}
	return slices.DeleteFunc(slices.Clone(faults), func(name string) bool {
		fault, _ := nemesis.Lookup(name)
		if fault.Simulated {
			a.err.printf("%s hard mode without the fault %s: processes share the clock of this machine\n", a.err.warn("note:"), name)
		}
		return fault.Simulated
	})
}

// conditions summarizes the options of a test in a line.
func conditions(t *spec.Test) string {
	return verdict.Config(t).String() + ", engine " + t.Engine
}

// needSim returns an error unless all tests have simulated nodes, which a command needs.
func needSim(cmd *cobra.Command, plan []spec.Test) error {
	if engine := plan[0].Engine; !simulates(engine) {
		return fmt.Errorf("%s needs simulated nodes, and the engine is %s: give it a Go package, or a module for wasip1 with --wasm", strings.TrimSpace(cmd.CommandPath()), engine)
	}
	return nil
}
