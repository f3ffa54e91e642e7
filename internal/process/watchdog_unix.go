//go:build !windows

package process

import (
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
)

// watchdog is a shell that kills the nodes' process groups when the runner ends
// without having done so, even by kill -9. Its stdin is a pipe whose other end only the
// runner holds, so it reads the end of the file then. On Linux it also kills every
// process that carries the mark of the run.
type watchdog struct {
	cmd *exec.Cmd

	mu    sync.Mutex
	stdin io.WriteCloser
}

// watchScript reads "start GROUP" and "end GROUP" until its stdin is closed. Its
// first argument is the mark of the run. It makes several rounds because a
// process may start another one while it runs.
const watchScript = `
groups=" "
while read -r verb group; do
	case $verb in
	start) groups="$groups$group " ;;
	end) groups="${groups%% $group *} ${groups#* $group }" ;;
	esac
done
for group in $groups; do
	kill -s KILL -- "-$group"
done
for round in 1 2 3 4 5; do
	for file in $(grep -lsaF -e "$1" /proc/[0-9]*/environ); do
		pid=${file#/proc/}
		kill -s KILL "${pid%/environ}"
	done
done`

// newWatchdog starts a watchdog. It returns nil where there is no shell; children of
// nodes may then outlive a runner that is killed.
func newWatchdog(mark string) *watchdog {
	cmd := exec.Command("/bin/sh", "-c", watchScript, "glomers-watchdog", mark)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // so that a signal to the runner's group does not end it
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil
	}
	if err := cmd.Start(); err != nil {
		return nil
	}
	return &watchdog{cmd: cmd, stdin: stdin}
}

// started tells the watchdog to kill a group in the end, and reaped that the id of the
// group may belong to another one from now on.
func (w *watchdog) started(group int) { w.write("start", group) }

func (w *watchdog) reaped(group int) { w.write("end", group) }

// write sends a command to the shell. Without a watchdog it does nothing.
func (w *watchdog) write(verb string, group int) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	fmt.Fprintf(w.stdin, "%s %d\n", verb, group)
}

// stop ends the watchdog without letting it kill anything.
func (w *watchdog) stop() {
	if w != nil {
		w.cmd.Process.Kill()
		w.cmd.Wait()
	}
}
