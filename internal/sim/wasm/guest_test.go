package wasm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"glomers/internal/kernel"
	"glomers/internal/sim"
)

// scratch is where modules are built for the tests of this package.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "glomers-wasm-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// compile builds a Go package for wasip1.
func compile(t testing.TB, pkg, name string) string {
	t.Helper()
	out := filepath.Join(scratch, name)
	cmd := exec.Command("go", "build", "-o", out, pkg)
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	return out
}

// testFuel makes a step of a test much shorter than a real one.
const (
	testFuel        = 1 << 24
	testFuelPolling = 1 << 23
)

var (
	loadOnce sync.Once
	loaded   *Program
	loadErr  error
)

// testProgram is the program in testdata/node, compiled once for all tests.
func testProgram(t *testing.T) *Program {
	t.Helper()
	loadOnce.Do(func() {
		loaded, loadErr = Load(context.Background(), compile(t, "./testdata/node", "node.wasm"), "", 128<<20)
		if loaded != nil {
			loaded.fuelPerStep, loaded.fuelPolling = testFuel, testFuelPolling
		}
	})
	if loadErr != nil || loaded == nil {
		t.Fatalf("the program did not load: %v", loadErr)
	}
	return loaded
}

// life is a guest, and what it printed.
type life struct {
	sim.Guest
	stdout strings.Builder
	at     time.Duration // of the last output
}

func boot(t *testing.T, ctx context.Context, mode string, output func(sim.Output) error) *life {
	t.Helper()
	m, err := testProgram(t).Machine("n0")
	if err != nil {
		t.Fatal(err)
	}
	l := &life{}
	if output == nil {
		output = func(o sim.Output) error {
			l.at = o.At
			if o.Stream == sim.Stdout {
				l.stdout.Write(o.Data)
			}
			return nil
		}
	}
	l.Guest, err = m.Boot(ctx, sim.Boot{Args: []string{mode}, PID: 1, Random: kernel.New(1).Rand("n0"), Output: output})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Kill()
		m.Close()
	})
	w, err := l.Resume(sim.Step{})
	if err != nil || !w.Input || w.Deadline != sim.Never {
		t.Fatalf("at first it waits for %+v, %v; want input", w, err)
	}
	return l
}

func TestGuestWaitsForInput(t *testing.T) {
	l := boot(t, context.Background(), "echo", nil)
	w, err := l.Resume(sim.Step{Now: time.Second, Input: []byte("hel")})
	if err != nil || !w.Input || w.Unread != 0 {
		t.Errorf("after half a line it waits for %+v, %v", w, err)
	}
	w, err = l.Resume(sim.Step{Now: 2 * time.Second, Input: []byte("lo\n")})
	if err != nil || !w.Input || w.Clock < 2*time.Second || l.stdout.String() != "hello\n" || l.at < 2*time.Second {
		t.Errorf("it printed %q at %v and waits for %+v, %v", l.stdout.String(), l.at, w, err)
	}
	l.Kill()
	l.Kill() // again
}

// TestBusyGuests: a guest that does not wait is stopped, what it did is named, and
// it may compute longer than it may look for something to do.
func TestBusyGuests(t *testing.T) {
	const computes, polls = testFuel, testFuelPolling
	for mode, want := range map[string]struct {
		text string
		fuel uint64 // that it may use, at least
	}{
		"compute":     {`^computes without end: .* it was in main\.main \(main\.go:\d+\); --engine process`, computes},
		"copy":        {`^computes without end: .* it was in main\.main \(main\.go:\d+\)`, computes},
		"recurse":     {`^computes without end: .* it was in main\.recurse \(main\.go:\d+\)`, computes},
		"work":        {`^computes without end: .* it was in main\.main`, computes},
		"print":       {`^computes without end: .* it was in main\.main`, computes},
		"atomic":      {`^reads a variable in a loop \(an atomic one, or one under a lock\) .* it was in main\.main .*; --engine process`, computes},
		"lock":        {`^reads a variable in a loop \(an atomic one, or one under a lock\) .* it was in main\.main`, computes},
		"rlock":       {`^reads a variable in a loop \(an atomic one, or one under a lock\) .* it was in main\.main`, computes},
		"json":        {`^computes without end: .* it was in main\.main`, computes},
		"select":      {`^polls in a loop \(select with default\) .* it was in main\.poll \(main\.go:\d+\); --engine process`, polls},
		"select-many": {`^polls in a loop \(select with default\) .* it was in main\.main`, polls},
		"len":         {`^polls in a loop \(select with default\) .* it was in main\.main`, polls},
		"gosched":     {`^waits in a loop that yields \(runtime\.Gosched\) .* it was in main\.main`, polls},
		"clock":       {`^waits in a loop that looks at the clock .* it was in main\.main`, polls},
		"memory":      {`^needs more memory than the 128 MiB that a node may have \(--node-memory\)`, 0},
		"exit":        {`^crashed: exit status 3$`, 0},
	} {
		t.Run(mode, func(t *testing.T) {
			l := boot(t, context.Background(), mode, nil)
			w, err := l.Resume(sim.Step{Input: []byte("go\n")})
			for range 100 { // collecting garbage takes a few steps
				if err != nil || w.Deadline == sim.Never {
					break
				}
				w, err = l.Resume(sim.Step{Now: w.Deadline})
			}
			if err == nil || !regexp.MustCompile(want.text).MatchString(err.Error()) {
				t.Errorf("it ended with %v\nwant %s", err, want.text)
			}
			spent := l.Guest.(*guest).step.spent
			if want.fuel > 0 && (spent < want.fuel || spent > want.fuel+2*fuelSlice) {
				t.Errorf("it used %d units of fuel, want %d", spent, want.fuel)
			}
		})
	}
}

// TestHardWorkingGuests: what looks like polling is not, if work is done between
// the looks or goroutines wait for each other.
func TestHardWorkingGuests(t *testing.T) {
	p := testProgram(t)
	p.fuelPerStep = fuelPerStep
	defer func() { p.fuelPerStep = testFuel }()
	for mode, want := range map[string]string{"work": "true\n", "pass": "200000\n"} {
		t.Run(mode, func(t *testing.T) {
			l := boot(t, context.Background(), mode, nil)
			w, err := l.Resume(sim.Step{Input: []byte("go\n")})
			for err == nil && w.Deadline != sim.Never {
				w, err = l.Resume(sim.Step{Now: w.Deadline})
			}
			if err != nil || l.stdout.String() != want {
				t.Errorf("it printed %q and ended with %v, want %q", l.stdout.String(), err, want)
			}
		})
	}
}

// TestFuelIsCounted: a guest is stopped at the same place in every run.
func TestFuelIsCounted(t *testing.T) {
	run := func() int {
		printed := 0
		l := boot(t, context.Background(), "print", func(o sim.Output) error { printed += len(o.Data); return nil })
		if _, err := l.Resume(sim.Step{Input: []byte("go\n")}); err == nil {
			t.Fatal("it never stopped")
		}
		return printed
	}
	if first, second := run(), run(); first != second || first == 0 {
		t.Errorf("it printed %d bytes, and then %d", first, second)
	}
}

// TestWaitingByTheClock: a guest that waits in a loop that looks at the clock gets
// there.
func TestWaitingByTheClock(t *testing.T) {
	l := boot(t, context.Background(), "while", nil)
	w, err := l.Resume(sim.Step{Input: []byte("go\n")})
	if err != nil || l.stdout.String() != "later\n" || l.at < 100*time.Millisecond || w.Clock < l.at {
		t.Errorf("it printed %q at %v, %v", l.stdout.String(), l.at, err)
	}
}

// TestInterruptedGuest: a guest that computes ends with the context of its run.
func TestInterruptedGuest(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	l := boot(t, ctx, "compute", nil)
	cancel()
	if _, err := l.Resume(sim.Step{Input: []byte("go\n")}); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v, want %v", err, context.Canceled)
	}
}

// TestRefusedOutput: a guest whose output is refused does not run on.
func TestRefusedOutput(t *testing.T) {
	refused, calls := errors.New("floods"), 0
	l := boot(t, context.Background(), "print", func(sim.Output) error { calls++; return refused })
	if _, err := l.Resume(sim.Step{Input: []byte("go\n")}); err != refused || calls != 1 {
		t.Errorf("it ended with %v after %d calls, want %v after one", err, calls, refused)
	}
}

func TestKilledBeforeItRuns(t *testing.T) {
	m, err := testProgram(t).Machine("n0")
	if err != nil {
		t.Fatal(err)
	}
	g, err := m.Boot(context.Background(), sim.Boot{Random: kernel.New(1).Rand("n0")})
	if err != nil {
		t.Fatal(err)
	}
	g.Kill()
}
