//go:build linux && (amd64 || arm64)

package native

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glomers/internal/cache"
	"glomers/internal/kernel"
	"glomers/internal/sim"
	"glomers/internal/solution"
)

// built is where programs are built for the tests of this package.
var built string

func TestMain(m *testing.M) {
	var err error
	if built, err = os.MkdirTemp("", "glomers-native-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(built)
	os.Exit(code)
}

func buildNative(pkg string, race bool) (string, error) {
	kept, err := cache.Open(built)
	if err != nil {
		return "", err
	}
	toolchain, err := solution.FindNativeToolchain(context.Background(), pkg, kept)
	if err != nil {
		return "", err
	}
	return toolchain.Build(context.Background(), pkg, race)
}

// compile builds a Go package for native simulation.
func compile(t testing.TB, pkg string, race bool) string {
	t.Helper()
	bin, err := buildNative(pkg, race)
	var failed *solution.BuildError
	if errors.As(err, &failed) {
		t.Fatal(failed.Output)
	}
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// load loads a program with a memory limit and a CPU limit that tests reach soon.
func load(t testing.TB, bin string, env ...string) *Program {
	t.Helper()
	p, err := Load(bin, Options{Memory: 128 << 20, CPUPerStep: 300 * time.Millisecond, Env: env})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Close(context.Background()) })
	return p
}

var testNode = sync.OnceValue(func() string {
	bin, err := buildNative("testdata/node", false)
	if err != nil {
		panic(err)
	}
	return bin
})

// life is a guest, and what it printed.
type life struct {
	sim.Guest
	stdout strings.Builder
	stderr strings.Builder
	at     time.Duration // of the last output
}

func boot(t testing.TB, p *Program, m sim.Machine, ctx context.Context, mode string, output func(sim.Output) error) *life {
	t.Helper()
	if m == nil {
		var err error
		if m, err = p.Machine("n0"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
	}
	l := &life{}
	if output == nil {
		output = func(o sim.Output) error {
			l.at = o.At
			if o.Stream == sim.Stdout {
				l.stdout.Write(o.Data)
			} else {
				l.stderr.Write(o.Data)
			}
			return nil
		}
	}
	var err error
	l.Guest, err = m.Boot(ctx, sim.Boot{Args: []string{mode}, PID: 4321, Random: kernel.New(1).Rand("n0"), Output: output})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Kill)
	w, err := l.Resume(sim.Step{})
	if err != nil || !w.Input || w.Deadline != sim.Never {
		t.Fatalf("at first it waits for %+v, %v; want input", w, err)
	}
	return l
}

// run boots the test node in a mode and lets it do what it says, until it waits
// for more input or ends.
func run(t testing.TB, mode string) (*life, error) {
	t.Helper()
	l := boot(t, load(t, testNode()), nil, context.Background(), mode, nil)
	w, err := l.Resume(sim.Step{Input: []byte("go\n")})
	for err == nil && w.Deadline != sim.Never {
		w, err = l.Resume(sim.Step{Now: w.Deadline})
	}
	return l, err
}

func TestGuestWaitsForInput(t *testing.T) {
	l := boot(t, load(t, testNode()), nil, context.Background(), "echo", nil)
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

// TestLongInput: input that is longer than the shared memory.
func TestLongInput(t *testing.T) {
	l := boot(t, load(t, testNode()), nil, context.Background(), "echo", nil)
	line := strings.Repeat("x", 3*inSize) + "\n"
	if w, err := l.Resume(sim.Step{Input: []byte(line)}); err != nil || w.Unread != 0 || l.stdout.String() != line {
		t.Errorf("it printed %d bytes of %d and waits for %+v, %v", l.stdout.Len(), len(line), w, err)
	}
}

// TestEnds: why a node ended is named, and what it printed is not lost.
func TestEnds(t *testing.T) {
	for _, c := range []struct{ mode, want, stderr string }{
		{"compute", `^computes without end: .* it was in main\.compute \(main\.go:\d+\); --engine process`, `^$`},
		{"tick", `^sets timers that are due at once, or a ticker of some nanoseconds, .* it was in main\.ticks \(main\.go:\d+\); --engine process`, `^$`},
		{"memory", `^needs more memory than the 128 MiB that a node may have \(--node-memory\)`, `^$`},
		{"exit", `^crashed: exit status 3$`, `^$`},
		{"return", `^exited with status 0 during the test`, `^$`},
		{"panic", `^crashed: exit status 2$`, `(?s)^panic: out of ideas\n\ngoroutine 1.*main\.main\(\)`},
		{"fatal", `^crashed: exit status 1$`, `^2026/01/01 00:00:00 cannot go on\n$`},
		{"deadlock", `^crashed: exit status 2$`, `^fatal error: all goroutines are asleep - deadlock!\n`},
	} {
		t.Run(c.mode, func(t *testing.T) {
			l, err := run(t, c.mode)
			if err == nil || !regexp.MustCompile(c.want).MatchString(err.Error()) {
				t.Errorf("it ended with %v\nwant %s", err, c.want)
			}
			if !regexp.MustCompile(c.stderr).MatchString(l.stderr.String()) {
				t.Errorf("on stderr it printed\n%s\nwant %s", l.stderr.String(), c.stderr)
			}
		})
	}
}

// TestRecursion: a recursion without end is named with its function, before it takes all
// memory.
func TestRecursion(t *testing.T) {
	p, err := Load(testNode(), Options{Memory: 512 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(context.Background())
	l := boot(t, p, nil, context.Background(), "recursion", nil)
	_, err = l.Resume(sim.Step{Input: []byte("go\n")})
	if err == nil || err.Error() != "crashed: exit status 2" || !strings.Contains(l.stderr.String(), "fatal error: stack overflow") || !strings.Contains(l.stderr.String(), "main.recurse(") {
		t.Errorf("it ended with %v, and printed\n%.2000s", err, l.stderr.String())
	}
}

// TestPolling: a program that polls sees what it waits for, and time goes on
// meanwhile.
func TestPolling(t *testing.T) {
	for _, mode := range []string{"select", "gosched", "clock", "lock"} {
		t.Run(mode, func(t *testing.T) {
			l := boot(t, load(t, testNode()), nil, context.Background(), mode, nil)
			w, err := l.Resume(sim.Step{Input: []byte("go\n")})
			steps := 0
			for ; err == nil && w.Deadline < time.Second && w.Deadline >= 0 && steps < 10_000; steps++ {
				w, err = l.Resume(sim.Step{Now: w.Deadline})
			}
			if err != nil || w.Deadline < time.Second || !w.Input || l.stdout.Len() > 0 {
				t.Fatalf("after %d steps it waits for %+v, %v, and printed %q", steps, w, err, l.stdout.String())
			}
			if steps > 2000 {
				t.Errorf("it took %d steps in a second, want fewer than 2000", steps)
			}
			for range 10 {
				if err == nil && l.stdout.Len() == 0 {
					w, err = l.Resume(sim.Step{Now: max(w.Clock, w.Deadline), Input: []byte("enough\n")})
				}
			}
			if err != nil || l.stdout.String() != "polled\n" {
				t.Errorf("it printed %q, %v", l.stdout.String(), err)
			}
		})
	}
}

// TestWaitingByTheClock: a loop that looks at the clock ends at its time.
func TestWaitingByTheClock(t *testing.T) {
	l, err := run(t, "while")
	if err != nil || l.stdout.String() != "later\n" || l.at < 100*time.Millisecond || l.at > 110*time.Millisecond {
		t.Errorf("it printed %q at %v, %v", l.stdout.String(), l.at, err)
	}
}

// TestInterruptedGuest: a guest that computes ends with the context of its run.
func TestInterruptedGuest(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	l := boot(t, load(t, testNode()), nil, ctx, "compute", nil)
	cancel()
	if _, err := l.Resume(sim.Step{Input: []byte("go\n")}); !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v, want %v", err, context.Canceled)
	}
}

// TestRefusedOutput: a guest whose output is refused does not run on.
func TestRefusedOutput(t *testing.T) {
	refused := errors.New("floods")
	l := boot(t, load(t, testNode()), nil, context.Background(), "print", func(sim.Output) error { return refused })
	if _, err := l.Resume(sim.Step{Input: []byte("go\n")}); err != refused {
		t.Errorf("it ended with %v, want %v", err, refused)
	}
}

func TestKilledBeforeItRuns(t *testing.T) {
	m, err := load(t, testNode()).Machine("n0")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	g, err := m.Boot(context.Background(), sim.Boot{Random: kernel.New(1).Rand("n0")})
	if err != nil {
		t.Fatal(err)
	}
	g.Kill()
}

// TestIsolation: a node sees nothing of the machine, and is told so by ordinary
// errors.
func TestIsolation(t *testing.T) {
	l, err := run(t, "isolation")
	const want = `dial: dial tcp 127.0.0.1:80: socket: a simulated node has no network but its stdin and stdout
listen: listen tcp 127.0.0.1:0: socket: a simulated node has no network but its stdin and stdout
run: fork/exec /bin/true: a simulated node cannot start other processes
output: pipe2: a simulated node cannot start other processes, and has no pipes
exec: a simulated node cannot start other processes
host: node <nil> 4321 1 1 1
environment: HOME=/ PWD=/tmp TMPDIR=/tmp USER=node
kill: operation not permitted
time of day: 2026-01-01 00:00:00
`
	if err != nil || l.stdout.String() != want {
		t.Errorf("it printed\n%s%v\nwant\n%s", l.stdout.String(), err, want)
	}
}

// TestFiles: a node's files are below a root of its own.
func TestFiles(t *testing.T) {
	l, err := run(t, "files")
	const want = `/etc/passwd true
../../../../../../etc/passwd true
/proc/self/maps true
/tmp/../../etc/passwd true
/tmp <nil>
link: symlink /etc/passwd passwd: operation not permitted
/deep/er <nil>
/ true <nil>
/deep true <nil>
/deep/b.txt false <nil>
/deep/er true <nil>
/deep/er/a2.txt false <nil>
/tmp true <nil>
b.txt 2 2026-01-01 00:00:00
true
root: true
`
	if err != nil || l.stdout.String() != want {
		t.Errorf("it printed\n%s%v\nwant\n%s\n%s", l.stdout.String(), err, want, l.stderr.String())
	}
}

// TestProgramStays: a program that is built again, or removed, while it is in use stays
// what it was.
func TestProgramStays(t *testing.T) {
	text, err := os.ReadFile(testNode())
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "node")
	if err := os.WriteFile(bin, text, 0o777); err != nil {
		t.Fatal(err)
	}
	p := load(t, bin)
	for _, replace := range []func() error{
		func() error { return os.Rename(compile(t, "selftest/testdata/program", false), bin) },
		func() error { return os.Remove(bin) },
	} {
		if err := replace(); err != nil {
			t.Fatal(err)
		}
		l := boot(t, p, nil, context.Background(), "echo", nil)
		if _, err := l.Resume(sim.Step{Input: []byte("hello\n")}); err != nil || !strings.Contains(l.stdout.String(), "hello") {
			t.Errorf("it printed %q, %v", l.stdout.String(), err)
		}
	}
}

// TestDiskIsFull: what a node has in files counts against its memory.
func TestDiskIsFull(t *testing.T) {
	p, err := Load(testNode(), Options{Memory: 48 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(context.Background())
	l := boot(t, p, nil, context.Background(), "disk", nil)
	_, err = l.Resume(sim.Step{Input: []byte("go\n")})
	const want = `true write full: no space left on device
truncate again: no space left on device
2097152 <nil>
`
	if err != nil || l.stdout.String() != want {
		t.Errorf("it printed\n%s%v\nwant\n%s%s", l.stdout.String(), err, want, l.stderr.String())
	}
}

// TestDiskGaps: what takes no space on the machine's disk counts all the same: a gap before
// what is written, a file that is removed and still open, a name.
func TestDiskGaps(t *testing.T) {
	p, err := Load(testNode(), Options{Memory: 48 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close(context.Background())
	l := boot(t, p, nil, context.Background(), "gaps", nil)
	_, err = l.Resume(sim.Step{Input: []byte("go\n")})
	const want = `write gap: no space left on device
write gap: no space left on device
truncate gap: no space left on device
write gap: no space left on device
true
write more: no space left on device
<nil>
true true
`
	if err != nil || l.stdout.String() != want {
		t.Errorf("it printed\n%s%v\nwant\n%s%s", l.stdout.String(), err, want, l.stderr.String())
	}
}

// TestDiskSurvives: what a life wrote is there in the next, and kept at the end.
func TestDiskSurvives(t *testing.T) {
	p := load(t, testNode())
	m, err := p.Machine("n0")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, want := range []string{" true\n", "content false\n"} {
		l := boot(t, p, m, context.Background(), "survives", nil)
		if _, err := l.Resume(sim.Step{Input: []byte("go\n")}); err != nil || l.stdout.String() != want {
			t.Errorf("it printed %q, %v; want %q", l.stdout.String(), err, want)
		}
		l.Kill()
	}
	var files []string
	for path, content := range m.Files() {
		text, err := io.ReadAll(content)
		files = append(files, fmt.Sprintf("%s %s %v", path, text, err))
	}
	if got := strings.Join(files, ", "); got != "/data/kept content <nil>" {
		t.Errorf("kept are %s", got)
	}
}

// torture runs the program of the self-test and returns a hash of what it printed.
func torture(t *testing.T, bin string, env ...string) string {
	t.Helper()
	sum := sha256.New()
	p := load(t, bin, env...)
	m, err := p.Machine("n0")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	g, err := m.Boot(context.Background(), sim.Boot{PID: 9, Random: kernel.New(1).Rand("n0"), Output: func(o sim.Output) error {
		fmt.Fprintf(sum, "%d %d %s", o.Stream, o.At, o.Data)
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Kill()
	w, err := g.Resume(sim.Step{})
	for range 5 {
		if err == nil {
			w, err = g.Resume(sim.Step{Now: w.Clock, Input: []byte("round\n")})
		}
		for err == nil && w.Deadline != sim.Never && w.Deadline < w.Clock+time.Second {
			w, err = g.Resume(sim.Step{Now: w.Deadline})
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// TestDeterminism: the same seed gives the same bytes, whatever the program does.
func TestDeterminism(t *testing.T) {
	bin := compile(t, "selftest/testdata/program", false)
	for _, env := range [][]string{nil, {"GOGC=5"}, {"GOGC=off"}} {
		first := torture(t, bin, env...)
		for range 4 {
			if again := torture(t, bin, env...); again != first {
				t.Errorf("%v: the hash was %s, and then %s", env, first, again)
			}
		}
	}
}

// TestNoNodeOutlivesItsHost: a process whose pipes are closed ends.
func TestNoNodeOutlivesItsHost(t *testing.T) {
	l := boot(t, load(t, testNode()), nil, context.Background(), "echo", nil)
	g := l.Guest.(*guest)
	syscall.Close(g.wake)
	g.wake = -1
	if err := g.cmd.Wait(); err == nil || err.Error() != "exit status 2" {
		t.Errorf("it ended with %v, want exit status 2", err)
	}
}

// TestOneThread: a node has one thread, so that nothing depends on which of
// several is faster.
func TestOneThread(t *testing.T) {
	l := boot(t, load(t, testNode()), nil, context.Background(), "isolation", nil)
	if _, err := l.Resume(sim.Step{Input: []byte("go\n")}); err != nil {
		t.Fatal(err)
	}
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", l.Guest.(*guest).watch.pid))
	if err != nil || len(threads) != 1 {
		t.Errorf("it has %d threads, %v", len(threads), err)
	}
}

// yielding is a machine on which goroutines give way.
type yielding struct {
	sim.Machine
	yields float64
}

func (m yielding) Boot(ctx context.Context, b sim.Boot) (sim.Guest, error) {
	b.Yields = m.yields
	return m.Machine.Boot(ctx, b)
}

// placed is a machine whose guests belong to a run at some place.
type placed struct {
	sim.Machine
	place sim.Place
}

func (m placed) Boot(ctx context.Context, b sim.Boot) (sim.Guest, error) {
	b.Place = m.place
	return m.Machine.Boot(ctx, b)
}

// TestPlace: a run and its nodes stay on one core until its end.
func TestPlace(t *testing.T) {
	p := load(t, testNode())
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before, during, node, after unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil || before.Count() == 1 {
		t.Skipf("the system offers %d cores, %v", before.Count(), err)
	}
	place := p.Place()
	m, err := p.Machine("n0")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	l := boot(t, p, placed{m, place}, context.Background(), "echo", nil)
	defer l.Kill()
	for range 2 * reviewsBetweenMoves {
		place.Review()
	}
	place.Review() // it may have moved
	if _, err := l.Resume(sim.Step{Input: []byte("again\n")}); err != nil {
		t.Fatal(err)
	}
	err = errors.Join(unix.SchedGetaffinity(0, &during), unix.SchedGetaffinity(l.Guest.(*guest).watch.pid, &node))
	if err != nil || during.Count() != 1 || node != during {
		t.Errorf("the run may use %d cores and its node %d, the same: %v, %v; expected the same one", during.Count(), node.Count(), node == during, err)
	}
	place.Release()
	if err := unix.SchedGetaffinity(0, &after); err != nil || after != before {
		t.Errorf("afterwards the thread may use %d cores, %v; expected the %d of before", after.Count(), err, before.Count())
	}
}

// TestYields: a goroutine that gives way between reading and writing loses updates
// of others, the same number each time.
func TestYields(t *testing.T) {
	count := func(yields float64) string {
		p := load(t, testNode())
		m, err := p.Machine("n0")
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		l := boot(t, p, yielding{m, yields}, context.Background(), "lost", nil)
		defer l.Kill()
		if _, err := l.Resume(sim.Step{Input: []byte("go\n")}); err != nil {
			t.Fatal(err)
		}
		return l.stdout.String()
	}
	if got := count(0); got != "counted 500\n" {
		t.Errorf("without yields it printed %q", got)
	}
	first := count(0.2)
	if first == "counted 500\n" || !strings.HasPrefix(first, "counted ") {
		t.Errorf("with yields it printed %q", first)
	}
	if again := count(0.2); again != first {
		t.Errorf("with yields it printed %q, and then %q", first, again)
	}
}

// TestRace: a data race is reported on stderr, in the same words each time.
func TestRace(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("the race detector needs a C compiler")
	}
	bin := compile(t, "testdata/node", true)
	var reports []string
	for range 2 {
		p, err := Load(bin, Options{Race: true})
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close(context.Background())
		l := boot(t, p, nil, context.Background(), "race", nil)
		if _, err := l.Resume(sim.Step{Input: []byte("go\n")}); err != nil || l.stdout.String() != "raced 2\n" {
			t.Errorf("it printed %q, %v", l.stdout.String(), err)
		}
		reports = append(reports, l.stderr.String())
	}
	if !strings.Contains(reports[0], "WARNING: DATA RACE") || !strings.Contains(reports[0], "main.race.func1()") || reports[0] != reports[1] {
		t.Errorf("it reported\n%s\nand then\n%s", reports[0], reports[1])
	}
}
