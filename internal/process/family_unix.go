//go:build !windows

package process

import (
	"os/exec"
	"sync"
	"syscall"
)

// family is a node with the children in its process group.
//
// The system may reuse the id of a group once its leader has been reaped and its other
// members are gone. So the group is signalled only before the leader is reaped, and
// the mutex keeps the two from overlapping.
type family struct {
	cmd *exec.Cmd

	mu     sync.Mutex
	reaped bool
}

// newFamily prepares a command to lead a process group of its own, so that its
// children end with it, and Ctrl-C reaches the runner only.
func newFamily(cmd *exec.Cmd) *family {
	cmd.SysProcAttr = groupAttributes()
	return &family{cmd: cmd}
}

// started is called when the command has been started.
func (f *family) started() error { return nil }

// id returns the process id of the node, which is also that of its group.
func (f *family) id() int { return f.cmd.Process.Pid }

// wait waits for the end of the node, kills what is left of its group, and
// reaps it. The error is that of exec.Cmd.Wait.
func (f *family) wait() error {
	awaitExit(f.id())
	f.mu.Lock()
	defer f.mu.Unlock()
	syscall.Kill(-f.id(), syscall.SIGKILL)
	f.reaped = true
	return f.cmd.Wait()
}

// signal sends a signal to the group, unless its leader was reaped.
func (f *family) signal(s syscall.Signal) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.reaped {
		return nil
	}
	return syscall.Kill(-f.id(), s)
}

// kill kills the node and its children.
func (f *family) kill() { f.signal(syscall.SIGKILL) }

// pause stops the node and its children until resume.
func (f *family) pause() error { return f.signal(syscall.SIGSTOP) }

// resume ends a pause.
func (f *family) resume() error { return f.signal(syscall.SIGCONT) }
