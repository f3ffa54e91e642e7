//go:build !windows

package process

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// killedBy names the signal that ended a process, and reports whether one did.
func killedBy(state *os.ProcessState) (string, bool) {
	status, ok := state.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return "", false
	}
	signal := status.Signal()
	name := unix.SignalName(signal)
	if name == "" {
		name = fmt.Sprintf("number %d", int(signal))
	}
	text := fmt.Sprintf("killed by the signal %s (%s)", name, signal)
	if signal == syscall.SIGKILL {
		text += ", which this test did not send; the system does so when memory runs out"
	}
	return text, true
}

// isNotExecutable reports whether the system could not make out what kind of program a file
// is.
func isNotExecutable(err error) bool { return errors.Is(err, syscall.ENOEXEC) }
