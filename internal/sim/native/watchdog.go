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

// A watchdog ends processes that use too much CPU time without waiting. It looks
// at the time that the process used, not at how long it took: on a busy machine
// the verdict is the same.
type watchdog struct {
	limit time.Duration
	quit  chan struct{}
	done  sync.WaitGroup

	mu    sync.Mutex
	nodes []*watched
}

// watched is a process that a watchdog looks at.
type watched struct {
	pid     int
	steps   atomic.Uint64 // odd while a step runs
	overdue atomic.Bool   // it was ended for using too much

	seen uint64        // the step that the watchdog saw last,
	used time.Duration // and the CPU time that the process had used then
}

func (w *watched) begin() { w.steps.Add(1) }
func (w *watched) end()   { w.steps.Add(1) }

// watchInterval is the time between two looks.
const watchInterval = 100 * time.Millisecond

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

func (w *watchdog) stop() {
	close(w.quit)
	w.done.Wait()
}

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
		used := cpuTime(n.pid)
		switch {
		case step != n.seen:
			n.seen, n.used = step, used
		case used-n.used <= w.limit:
		case !n.overdue.Swap(true):
			syscall.Kill(n.pid, syscall.SIGQUIT) // Go prints the stacks
		case used-n.used > w.limit+w.limit/2:
			syscall.Kill(n.pid, syscall.SIGKILL)
		}
	}
}

// cpuTime returns how much CPU time a process used so far, 0 if it cannot be
// known. The id of a process's clock is made from that of the process
// (clock_getcpuclockid).
func cpuTime(pid int) time.Duration {
	const clockSched = 2
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|clockSched), &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// frame matches a function of a stack trace and its place.
var frame = regexp.MustCompile(`(?m)^(main\.\S*?)\((?:\.\.\.|[^()]*)\)\n\t(\S+\.go):(\d+)`)

// busy says what a process did that used too much CPU time, given the stacks that
// it printed.
func (g *guest) busy() error {
	where := ""
	if m := frame.FindStringSubmatch(g.trace.String()); m != nil {
		where = fmt.Sprintf("; it was in %s (%s:%s)", m[1], filepath.Base(m[2]), m[3])
	}
	return fmt.Errorf("computes without end: it does not wait for messages or time any more%s; --engine process runs it in real time", where)
}
