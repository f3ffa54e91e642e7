package process

import (
	"os/exec"
	"runtime"
)

// starter starts processes from one thread, which lives until stop. On Linux a process
// gets its parent-death signal when the thread that started it ends, not when the
// runner does, and Go may end threads at any time.
type starter struct {
	commands chan *exec.Cmd
	errors   chan error
}

// newStarter begins the thread that starts processes.
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

// stop releases the thread. It must not be called before the processes have ended.
func (s *starter) stop() {
	if s != nil && s.commands != nil {
		close(s.commands)
		s.commands = nil
	}
}
