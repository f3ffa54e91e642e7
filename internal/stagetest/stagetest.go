// Package stagetest is the testscript harness that the stages share. A stage's
// test is
//
//	func TestMain(m *testing.M) { stagetest.Main(m) }
//	func TestStage(t *testing.T) { stagetest.Run(t) }
//
// and its scripts are testdata/*.txtar. Within a script
//
//	glomers …       is the command
//	$STAGE          is the directory of the stage
//	$STORE          is a store of the script's own
//	[long]          is true if the variable GLOMERS_LONG is set
//	[native]        is true where nodes can be simulated natively
//
// Without GLOMERS_LONG a stage's tests are quick: the reference solution passes,
// the starter fails, and each broken solution is caught. With it they also run
// several seeds, hard mode, the race detector and repetitions; make test-all sets
// it. A script that needs it begins with
//
//	[!long] skip 'several seeds: make test-all'
package stagetest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"glomers/internal/cli"
	"glomers/internal/sim/native/overlay"
	"glomers/stages"
)

// Main runs the tests of a package with the command glomers for its scripts.
func Main(m *testing.M) {
	run := func() { os.Exit(cli.Main(os.Args, os.Stdout, os.Stderr)) }
	testscript.Main(m, map[string]func(){"glomers": run, "maelstrom": run})
}

// goEnv are the variables that the go command needs to find its caches.
var goEnv = []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN", "GOROOT"}

// Run runs the scripts in testdata. If SOLUTION or BIN names a learner's program,
// it runs the exercises against that instead.
func Run(t *testing.T) {
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	root := filepath.Dir(filepath.Dir(dir))
	stage, err := stages.Find(filepath.Base(dir))
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := solutionOf(t, stage.ID, root); ok {
		exercise(t, s, root)
		return
	}
	p := params(dir)
	p.Dir = "testdata"
	testscript.Run(t, p)
}

// params are those of every script. dir is the directory of the stage.
func params(dir string) testscript.Params {
	return testscript.Params{
		Condition: func(name string) (bool, error) {
			switch name {
			case "long":
				return os.Getenv("GLOMERS_LONG") != "", nil
			case "native":
				return overlay.Supported(runtime.GOOS, runtime.GOARCH) == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q, expected long or native", name)
		},
		Setup: func(env *testscript.Env) error {
			out, err := exec.Command("go", append([]string{"env"}, goEnv...)...).Output()
			if err != nil {
				return fmt.Errorf("go env: %w", err)
			}
			values := strings.Split(string(out), "\n")
			for i, name := range goEnv {
				env.Setenv(name, values[i])
			}
			env.Setenv("GLOMERS_ENGINE", os.Getenv("GLOMERS_ENGINE"))
			env.Setenv("STAGE", dir)
			env.Setenv("STORE", filepath.Join(env.WorkDir, "store"))
			env.Setenv("NO_COLOR", "1")
			cache := os.Getenv("GLOMERS_CACHE")
			if user, err := os.UserCacheDir(); err == nil && cache == "" { // scripts have no home
				cache = filepath.Join(user, "glomers")
			}
			env.Setenv("GLOMERS_CACHE", cache)
			return nil
		},
	}
}
