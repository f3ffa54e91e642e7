package process

import (
	"os/exec"
	"runtime"
)

// starter starts processes from a thread that lives until stop. On Linux the
// parent-death signal is sent when the thread that started a process ends, and
// Go is free to end threads.
type starter struct {
	commands chan *exec.Cmd
	errors   chan error
}

func newStarter() *starter {
	commands := make(chan *exec.Cmd)
	s := &starter{commands: commands, errors: make(chan error)}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for cmd := range commands {
			s.errors <- cmd.Start()
		}
	}()
	return s
}

// start starts a process. It is not safe for concurrent use.
func (s *starter) start(cmd *exec.Cmd) error {
	s.commands <- cmd
	return <-s.errors
}

// stop lets the thread go. It must not be called before the processes have
// ended.
func (s *starter) stop() {
	if s != nil && s.commands != nil {
		close(s.commands)
		s.commands = nil
	}
}
