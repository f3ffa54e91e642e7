package process

import (
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// family is a node with its children: a job object. The system ends the job
// when the last handle to it is closed, at the latest when the runner ends,
// however that happens.
type family struct {
	cmd *exec.Cmd

	mu  sync.Mutex
	job windows.Handle // 0 before the start and after the end
}

// newFamily prepares a command so that Ctrl-C reaches the runner only, which
// then ends the run in order.
func newFamily(cmd *exec.Cmd) *family {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}
	return &family{cmd: cmd}
}

// started puts the node into its job. A child that it started before that, in
// its first microseconds, does not belong to the job.
func (f *family) started() error {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return fmt.Errorf("create a job object: %w", err)
	}
	limits := windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION{
		BasicLimitInformation: windows.JOBOBJECT_BASIC_LIMIT_INFORMATION{LimitFlags: windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE},
	}
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err == nil {
		err = f.assign(job)
	}
	if err != nil {
		windows.CloseHandle(job)
		return fmt.Errorf("put the node into a job object: %w", err)
	}
	f.mu.Lock()
	f.job = job
	f.mu.Unlock()
	return nil
}

func (f *family) assign(job windows.Handle) error {
	process, err := windows.OpenProcess(windows.PROCESS_SET_QUOTA|windows.PROCESS_TERMINATE, false, uint32(f.id()))
	if err != nil {
		return err
	}
	defer windows.CloseHandle(process)
	return windows.AssignProcessToJobObject(job, process)
}

func (f *family) id() int { return f.cmd.Process.Pid }

// wait waits for the end of the node, and ends its children. The error is that
// of exec.Cmd.Wait.
func (f *family) wait() error {
	err := f.cmd.Wait()
	f.kill()
	return err
}

func (f *family) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.job != 0 {
		windows.TerminateJobObject(f.job, 1)
		windows.CloseHandle(f.job)
		f.job = 0
	}
}

var errNoPause = errors.New("the fault pause cannot be injected into processes on Windows; --engine sim can")

func (f *family) pause() error { return errNoPause }

func (f *family) resume() error { return errNoPause }
