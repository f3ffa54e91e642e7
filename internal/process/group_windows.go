package process

import (
	"errors"
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// ownGroup keeps Ctrl-C from the node, so that the runner can end the run in
// order.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: syscall.CREATE_NEW_PROCESS_GROUP}
}

// killGroup kills a node and its children. Windows has no signal for a group;
// taskkill walks the tree of processes.
func killGroup(p *os.Process) {
	if exec.Command("taskkill", "/T", "/F", "/PID", strconv.Itoa(p.Pid)).Run() != nil {
		p.Kill()
	}
}

var errNoPause = errors.New("the fault pause cannot be injected into processes on Windows; --engine sim can")

func pauseGroup(*os.Process) error { return errNoPause }

func resumeGroup(*os.Process) error { return errNoPause }
