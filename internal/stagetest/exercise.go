package stagetest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// Solution is a learner's program, named by the variable SOLUTION (a Go package) or BIN
// (an executable).
type Solution struct {
	Stage string // id of the stage
	Dir   string // of the Go package, or
	Bin   string // the executable
}

// args are the arguments of glomers that choose the stage and the solution, as one
// would type them in the root of the workbook.
func (s Solution) args(root string) []string {
	from := func(path string) string {
		if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
			return "." + string(filepath.Separator) + rel
		}
		return path
	}
	if s.Bin != "" {
		return []string{s.Stage, "--bin", from(s.Bin)}
	}
	return []string{s.Stage, from(s.Dir)}
}

// solutionOf returns the learner's solution, false if there is none. A relative
// path is taken from the root of the workbook, where go test is usually called,
// or else from the stage's directory.
func solutionOf(t *testing.T, stage, root string) (Solution, bool) {
	s := Solution{Stage: stage}
	s.Dir = pathIn(t, "SOLUTION", root)
	s.Bin = pathIn(t, "BIN", root)
	if s.Dir != "" && s.Bin != "" {
		t.Fatal("both SOLUTION and BIN are set; expected one of them")
	}
	return s, s.Dir != "" || s.Bin != ""
}

// pathIn returns the absolute form of the path that an environment variable holds, ""
// if it is not set.
func pathIn(t *testing.T, variable, root string) string {
	value := os.Getenv(variable)
	if value == "" {
		return ""
	}
	path := value
	if !filepath.IsAbs(value) {
		path = filepath.Join(root, value)
		if _, err := os.Stat(path); err != nil {
			path = value
		}
	}
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("%s=%s: %v (a relative path begins at %s)", variable, value, err, root)
	}
	return path
}

// exercises are the scripts in the order of their steps.
var exercises = []string{"official", "seeds", "strict", "hard", "race"}

// Exercise runs the exercises against a solution, each as a subtest: official first, and
// the others only if that passes, because until then they would say the same at greater
// length. The runs are kept in store.
//
// In the exercises, "solution test --seed 1" is the command glomers test with the
// stage and the solution filled in, run in the root of the workbook, and [simulated] is
// true for a Go package.
func Exercise(t testscript.T, s Solution, root, store string) {
	p := params("")
	condition, setup := p.Condition, p.Setup
	p.Condition = func(name string) (bool, error) {
		if name == "simulated" {
			return s.Bin == "", nil
		}
		return condition(name)
	}
	p.Setup = func(env *testscript.Env) error {
		env.Cd = root
		return setup(env)
	}
	p.Cmds = map[string]func(*testscript.TestScript, bool, []string){
		"solution": func(ts *testscript.TestScript, neg bool, words []string) {
			if neg || len(words) == 0 {
				ts.Fatalf("usage: solution COMMAND [FLAGS]")
			}
			args := append([]string{words[0]}, s.args(root)...)
			if words[0] == "test" && store != filepath.Join(root, "store") {
				args = append(args, "--store", store)
			}
			if err := ts.Exec("glomers", append(args, words[1:]...)...); err != nil {
				ts.Fatalf("not yet: what glomers printed above says why, and what to do next (%v)", err)
			}
		},
	}
	script := func(name string) string {
		return filepath.Join(root, "internal", "stagetest", "exercises", name+".txtar")
	}
	failed := false
	p.Files = []string{script(exercises[0])}
	testscript.RunT(atOnce{t, &failed}, p)
	if failed {
		for _, name := range exercises[1:] {
			t.Run(name, func(t testscript.T) { t.Skip("waits until official passes") })
		}
		return
	}
	p.Files = nil
	for _, name := range exercises[1:] {
		p.Files = append(p.Files, script(name))
	}
	testscript.RunT(t, p)
}

// atOnce runs subtests immediately, also those that ask to run in parallel, and notes
// whether one failed.
type atOnce struct {
	testscript.T
	failed *bool
}

func (t atOnce) Parallel() {}

func (t atOnce) Run(name string, f func(testscript.T)) {
	t.T.Run(name, func(child testscript.T) { f(atOnce{child, t.failed}) })
}

func (t atOnce) FailNow() {
	*t.failed = true
	t.T.FailNow()
}

func (t atOnce) Fatal(args ...any) {
	*t.failed = true
	t.T.Fatal(args...)
}

// testingT adapts a *testing.T to testscript.
type testingT struct{ *testing.T }

func (t testingT) Run(name string, f func(testscript.T)) {
	t.T.Run(name, func(t *testing.T) { f(testingT{t}) })
}

func (t testingT) Verbose() bool { return testing.Verbose() }

// exercise runs the exercises against the learner's solution.
func exercise(t *testing.T, s Solution, root string) {
	t.Logf("exercises of stage %s with %s%s", s.Stage, s.Dir, s.Bin)
	Exercise(testingT{t}, s, root, filepath.Join(root, "store"))
}
