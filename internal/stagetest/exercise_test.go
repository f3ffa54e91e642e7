package stagetest

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { Main(m) }

// recorder takes the place of *testing.T and notes which subtests fail.
type recorder struct {
	name    string
	skip    func(name string) bool
	mu      *sync.Mutex
	failed  *[]string
	skipped *[]string
	log     *strings.Builder
}

func newRecorder(skip func(string) bool) *recorder {
	return &recorder{skip: skip, mu: &sync.Mutex{}, failed: &[]string{}, skipped: &[]string{}, log: &strings.Builder{}}
}

func (r *recorder) Run(name string, f func(testscript.T)) {
	if r.skip(name) {
		return
	}
	child := *r
	child.name = name
	done := make(chan struct{})
	go func() { // FailNow ends the goroutine
		defer close(done)
		f(&child)
	}()
	<-done
}

func (r *recorder) FailNow() {
	r.mu.Lock()
	*r.failed = append(*r.failed, r.name)
	r.mu.Unlock()
	runtime.Goexit()
}

func (r *recorder) Log(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, arg := range args {
		if text, ok := arg.(string); ok {
			r.log.WriteString(text + "\n")
		}
	}
}

func (r *recorder) Fatal(args ...any) { r.Log(args...); r.FailNow() }

func (r *recorder) Skip(...any) {
	r.mu.Lock()
	*r.skipped = append(*r.skipped, r.name)
	r.mu.Unlock()
	runtime.Goexit()
}
func (*recorder) Parallel()     {}
func (*recorder) Verbose() bool { return false }

func workbook(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// TestExercises checks that the reference solution passes every exercise, and that
// a wrong one fails one by name, with the next step.
func TestExercises(t *testing.T) {
	root := workbook(t)
	all := func(string) bool { return false }
	good := newRecorder(all)
	Exercise(good, Solution{Stage: "1", Dir: filepath.Join(root, "stages/1-echo")}, root, t.TempDir())
	if len(*good.failed) > 0 {
		t.Errorf("the reference solution fails %v\n%s", *good.failed, good.log)
	}
	bad := newRecorder(all)
	Exercise(bad, Solution{Stage: "1", Dir: filepath.Join(root, "stages/1-echo/broken/deaf")}, root, t.TempDir())
	if !slices.Equal(*bad.failed, []string{"official"}) {
		t.Errorf("broken/deaf fails %v, expected official alone\n%s", *bad.failed, bad.log)
	}
	for _, want := range []string{"Step 1", "not yet: what glomers printed above says why", "next     glomers replay", "repeat   glomers test 1 ./stages/1-echo/broken/deaf "} {
		if !strings.Contains(bad.log.String(), want) {
			t.Errorf("the failure does not say %q:\n%s", want, bad.log)
		}
	}
	if want := []string{"seeds", "strict", "hard", "race"}; !slices.Equal(*bad.skipped, want) {
		t.Errorf("after official, %v are skipped, expected %v", *bad.skipped, want)
	}
}

// TestBrokenFailExercises checks that every wrong solution of the workbook fails an
// exercise by name, and that the failure says what to do next.
func TestBrokenFailExercises(t *testing.T) {
	if os.Getenv("GLOMERS_LONG") == "" {
		t.Skip("takes minutes: set GLOMERS_LONG=1, or run make test-all")
	}
	root := workbook(t)
	for _, b := range wrongSolutions(t) {
		t.Run(b.stage.ID+"_"+b.name, func(t *testing.T) {
			for _, exercise := range []string{"official", "strict", "hard", "seeds", "race"} { // the likely ones first
				r := newRecorder(func(name string) bool { return name != exercise })
				Exercise(r, Solution{Stage: b.stage.ID, Dir: filepath.Dir(b.path)}, root, t.TempDir())
				if len(*r.failed) == 0 {
					continue
				}
				t.Logf("fails %s", exercise)
				if !nextStep.MatchString(r.log.String()) {
					t.Errorf("%s fails and does not name a command to go on with:\n%s", exercise, r.log)
				}
				return
			}
			t.Error("passes every exercise")
		})
	}
}

// nextStep is a command to go on with, as glomers test and glomers explore print it.
var nextStep = regexp.MustCompile(`(?m)(^ +((next|repeat) +)?|repeat it with: )glomers (test|replay|shrink) `)

// TestSolutionOf checks how the variables name a program.
func TestSolutionOf(t *testing.T) {
	root := workbook(t)
	t.Setenv("SOLUTION", "./stages/1-echo")
	t.Setenv("BIN", "")
	s, ok := solutionOf(t, "1", root)
	if want := filepath.Join(root, "stages", "1-echo"); !ok || s.Dir != want {
		t.Errorf("found %+v, expected the directory %s", s, want)
	}
	t.Setenv("SOLUTION", "")
	if s, ok := solutionOf(t, "1", root); ok {
		t.Errorf("found %+v, expected nothing", s)
	}
	t.Setenv("BIN", os.Args[0])
	if s, ok := solutionOf(t, "1", root); !ok || s.Bin != os.Args[0] {
		t.Errorf("found %+v, expected the executable %s", s, os.Args[0])
	}
}
