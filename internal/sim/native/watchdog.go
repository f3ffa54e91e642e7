//go:build linux && (amd64 || arm64)

package native

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A watchdog ends processes that use too much CPU time without waiting. It measures CPU
// time rather than elapsed time, so that the verdict does not depend on how busy the
// machine is.
type watchdog struct {
	limit time.Duration
	quit  chan struct{}
	done  sync.WaitGroup

	mu    sync.Mutex
	nodes []*watched
}

// watched is a process that a watchdog observes.
type watched struct {
	pid     int
	fired   *uint64       // how many timers fired in the step, in the shared memory
	steps   atomic.Uint64 // odd while a step runs
	overdue atomic.Bool   // it was ended for using too much

	seen uint64        // the step that the process was last seen in
	used time.Duration // the CPU time that it had used when it was first seen in that step

	firedBefore uint64 // fired, at the last look
	timers      uint64 // how many timers fired between the last two looks before it was ended
}

// begin is called when a step begins, and end when it has ended.
func (w *watched) begin() { w.steps.Add(1) }
func (w *watched) end()   { w.steps.Add(1) }

// watchInterval is how often the watchdog looks at the processes.
const watchInterval = 100 * time.Millisecond

// newWatchdog returns a watchdog that looks at its processes until stop is called.
func newWatchdog(limit time.Duration) *watchdog {
	w := &watchdog{limit: limit, quit: make(chan struct{})}
	w.done.Go(func() {
		ticker := time.NewTicker(watchInterval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				w.look()
			case <-w.quit:
				return
			}
		}
	})
	return w
}

// stop ends the watchdog, and waits for it.
func (w *watchdog) stop() {
	close(w.quit)
	w.done.Wait()
}

// add makes the watchdog observe a process.
func (w *watchdog) add(n *watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes = append(w.nodes, n)
}

// remove must be called before the process is awaited, because its id may belong
// to another process then.
func (w *watchdog) remove(n *watched) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.nodes = slices.DeleteFunc(w.nodes, func(other *watched) bool { return other == n })
}

// look ends the processes that have been in the same step for too long.
func (w *watchdog) look() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.nodes {
		step := n.steps.Load()
		if step%2 == 0 {
			continue
		}
		used, fired := cpuTime(n.pid), atomic.LoadUint64(n.fired)
		switch {
		case step != n.seen:
			n.seen, n.used = step, used
		case used-n.used <= w.limit:
		case !n.overdue.Swap(true):
			n.timers = fired - n.firedBefore
			syscall.Kill(n.pid, syscall.SIGQUIT) // Go prints the stacks
		case used-n.used > w.limit+w.limit/2:
			syscall.Kill(n.pid, syscall.SIGKILL)
		}
		n.firedBefore = fired
	}
}

// cpuTime returns how much CPU time a process has used, 0 if that is unknown. The id of
// a process's clock is computed from the id of the process, as clock_getcpuclockid(3)
// does.
func cpuTime(pid int) time.Duration {
	const clockSched = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|clockSched), &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// manyTimers is how many timers fire between two looks of the watchdog only if the program
// does little else than set them.
const manyTimers = 1000

// waitingForInput matches the stack of a goroutine that waits for input, which is none that
// timers wake.
var waitingForInput = regexp.MustCompile(`(?m)^goroutine \d+ .*\[IO wait.*\n(?:.+\n)*`)

// frame matches a function of a stack trace and its place.
var frame = regexp.MustCompile(`(?m)^(main\.\S*?)\((?:\.\.\.|[^()]*)\)\n\t(\S+\.go):(\d+)`)

// busy explains what a process was doing that used too much CPU time, from the stacks
// that it printed.
func (g *guest) busy() error {
	what, stacks := "computes without end: it does not wait for messages or time any more", g.trace.String()
	if g.watch.timers > manyTimers {
		what = "sets timers that are due at once, or a ticker of some nanoseconds, so that virtual time cannot move on; wait longer than a few microseconds"
		stacks = waitingForInput.ReplaceAllString(stacks, "")
	}
	where := ""
	if m := frame.FindStringSubmatch(stacks); m != nil {
		where = fmt.Sprintf("; it was in %s (%s:%s)", m[1], filepath.Base(m[2]), m[3])
	}
	return fmt.Errorf("%s%s; --engine process runs it in real time", what, where)
}
