//go:build unix

package process

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup puts a node into a process group of its own, so that its children
// end with it and Ctrl-C reaches only the runner.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills a node and its children.
func killGroup(p *os.Process) { syscall.Kill(-p.Pid, syscall.SIGKILL) }

// pauseGroup stops a node and its children until resumeGroup.
func pauseGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGSTOP) }

func resumeGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGCONT) }
