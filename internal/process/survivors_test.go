//go:build unix

package process

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glomers/checkers/journal"
)

// The processes of these tests hold a FIFO open for writing as long as they
// live. Its reader sees its end when the last of them has ended, whoever killed
// it: no test has to look at process ids, or to wait for a time.
const fifoVariable = "TEST_FIFO"

// familyNode is a node with two children: one in its process group, and one in
// a session of its own.
func familyNode() {
	for _, role := range []string{"child", "daemon"} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TEST_NODE=survivor", "TEST_ROLE="+role)
		if role == "daemon" {
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		}
		if err := cmd.Start(); err != nil {
			panic(err)
		}
	}
	survivor("node")
}

// survivor says on the FIFO that it is there, and holds it open until it is killed. (It
// sleeps because a program whose only goroutine waits for ever is a deadlock to Go.)
func survivor(role string) {
	f, err := os.OpenFile(os.Getenv(fifoVariable), os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(f, role)
	for {
		time.Sleep(time.Hour)
	}
}

// testRunner runs an engine with one node, until it is killed.
func testRunner() {
	e := New(Options{Bin: os.Args[0], Log: (&logs{}).create}, func(journal.Message) error { return nil })
	os.Setenv("TEST_NODE", "family")
	if _, err := e.Start("n0"); err != nil {
		panic(err)
	}
	for {
		time.Sleep(time.Hour)
	}
}

// openFIFO makes a FIFO for the processes that are started from now on. The
// returned function waits until each of the roles has opened it.
func openFIFO(t *testing.T) (r *bufio.Reader, awaitRoles func(n int)) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(fifoVariable, path)
	reader, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	reader.SetReadDeadline(time.Now().Add(2 * time.Minute)) // against a test that hangs
	keepOpen, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	r = bufio.NewReader(reader)
	return r, func(n int) {
		for range n {
			if _, err := r.ReadString('\n'); err != nil {
				t.Fatalf("waiting for %d processes: %v", n, err)
			}
		}
		keepOpen.Close()
	}
}

func wantNoSurvivor(t *testing.T, r io.Reader) {
	t.Helper()
	if rest, err := io.ReadAll(r); err != nil {
		t.Errorf("a process survived: %v (read %q)", err, rest)
	}
}

// catchable skips a test where a child that leaves the group cannot be found.
func catchable(t *testing.T) {
	if _, err := os.Stat("/proc/self/environ"); err != nil {
		t.Skip("a child with a session of its own is only found on Linux")
	}
}

func TestStopEndsChildrenOfAnySession(t *testing.T) {
	catchable(t)
	r, awaitRoles := openFIFO(t)
	t.Setenv("TEST_NODE", "family")
	e := New(Options{Bin: os.Args[0], Log: (&logs{}).create}, nil)
	defer e.Stop()
	if _, err := e.Start("n0"); err != nil {
		t.Fatal(err)
	}
	awaitRoles(3)
	e.Stop()
	wantNoSurvivor(t, r)
}

func TestKillEndsChildrenOfAnySession(t *testing.T) {
	catchable(t)
	r, awaitRoles := openFIFO(t)
	t.Setenv("TEST_NODE", "family")
	e := New(Options{Bin: os.Args[0], Log: (&logs{}).create}, nil)
	defer e.Stop()
	if _, err := e.Start("n0"); err != nil {
		t.Fatal(err)
	}
	awaitRoles(3)
	if err := e.Kill("n0"); err != nil {
		t.Fatal(err)
	}
	wantNoSurvivor(t, r)
}

// TestKilledRunner kills the runner as kill -9 does, and in other ways that it
// does not handle.
func TestKilledRunner(t *testing.T) {
	catchable(t)
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(unix.SignalName(signal), func(t *testing.T) {
			r, awaitRoles := openFIFO(t)
			runner := exec.Command(os.Args[0])
			runner.Env = append(os.Environ(), "TEST_NODE=runner")
			if err := runner.Start(); err != nil {
				t.Fatal(err)
			}
			awaitRoles(3)
			runner.Process.Signal(signal)
			runner.Wait()
			wantNoSurvivor(t, r)
		})
	}
}

// TestNoSignalAfterReaping checks that the group of a node that has ended is
// left alone: its id may belong to others by then.
func TestNoSignalAfterReaping(t *testing.T) {
	cmd := exec.Command("/bin/sh", "-c", "exit 3")
	f := newFamily(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := exitError(f.wait()); err == nil || err.Error() != "crashed: exit status 3" {
		t.Errorf("the error is %v", err)
	}
	if err := f.signal(syscall.SIGSTOP); err != nil { // ESRCH, had it been sent
		t.Errorf("a signal was sent to the group of a reaped process: %v", err)
	}
}

// TestWatchdogForgetsReapedGroups runs the watchdog's script on groups of which
// one has been reaped.
func TestWatchdogForgetsReapedGroups(t *testing.T) {
	r, awaitRoles := openFIFO(t)
	var groups []int
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TEST_NODE=survivor")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { cmd.Process.Kill(); cmd.Wait() }()
		groups = append(groups, cmd.Process.Pid)
	}
	awaitRoles(3)
	w := newWatchdog(newMark())
	for _, g := range groups {
		w.started(g)
	}
	w.reaped(groups[1])
	w.stdin.Close()
	if err := w.cmd.Wait(); err != nil && !strings.Contains(err.Error(), "exit status") {
		t.Fatal(err)
	}
	if err := syscall.Kill(groups[1], 0); err != nil {
		t.Errorf("the watchdog killed a group that it was told to forget: %v", err)
	}
	syscall.Kill(groups[1], syscall.SIGKILL)
	wantNoSurvivor(t, r)
}
