//go:build linux && (amd64 || arm64)

package native

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"glomers/internal/nodeio"
	"glomers/internal/sim"
)

// guest is a process that runs the program.
type guest struct {
	program *Program
	machine *machine
	boot    sim.Boot
	ctx     context.Context
	release func() bool // stops watching the context

	cmd    *exec.Cmd
	memory []byte // shared with the process
	page   *header
	wake   int // the descriptor to write to, so that the process runs
	report int // the descriptor to read from, to know that it waits

	reports      *os.File // what the race detector printed, nil without one
	reportsTaken int64    // bytes of it

	place *place // of the run, nil for none
	core  int    // that the process was bound to
	stdin []byte // what does not fit into the shared memory yet
	watch watched
	trace strings.Builder // goroutine stacks, printed when the watchdog ended the process
	ended error           // why it does not run any more
}

// Boot starts a process, which waits for its first step.
func (m *machine) Boot(ctx context.Context, b sim.Boot) (sim.Guest, error) {
	g := &guest{program: m.program, machine: m, boot: b, ctx: ctx, wake: -1, report: -1, core: noCore}
	g.place, _ = b.Place.(*place)
	file, err := g.share()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	g.fillHeader(m)
	var wake, report [2]int
	if err := syscall.Pipe2(wake[:], syscall.O_CLOEXEC); err != nil {
		g.free()
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	g.wake = wake[1]
	theirWake := os.NewFile(uintptr(wake[0]), "wake")
	defer theirWake.Close()
	if err := syscall.Pipe2(report[:], syscall.O_CLOEXEC); err != nil {
		g.free()
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	g.report = report[0]
	theirReport := os.NewFile(uintptr(report[1]), "report")
	defer theirReport.Close()

	g.cmd = exec.Command(m.program.path(), b.Args...)
	g.cmd.Args[0] = "node"
	g.cmd.Dir = m.root + "/tmp"
	g.cmd.Env = append([]string{"HOME=/", "PWD=/tmp", "TMPDIR=/tmp", "USER=node"}, m.program.env...)
	g.cmd.Stdin, g.cmd.Stdout, g.cmd.Stderr = m.program.stdin, m.program.stdout, m.program.stdout
	if m.program.race {
		if g.reports, err = memoryFile("glomers-races"); err != nil {
			g.cmd = nil
			g.free()
			return nil, err
		}
		g.cmd.Stderr = g.reports
	}
	g.cmd.ExtraFiles = []*os.File{theirWake, theirReport, file}
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := m.program.start(g.cmd); err != nil {
		g.cmd = nil
		g.free()
		return nil, err
	}
	g.watch.pid, g.watch.fired = g.cmd.Process.Pid, &g.page.fired
	g.program.watchdog.add(&g.watch)
	process := g.cmd.Process
	g.release = context.AfterFunc(ctx, func() { process.Kill() })
	return g, nil
}

// share creates and maps the memory that host and process share.
func (g *guest) share() (*os.File, error) {
	file, err := memoryFile("glomers-node")
	if err != nil {
		return nil, err
	}
	size := headerSize + inSize + outSize
	if err := file.Truncate(int64(size)); err != nil {
		file.Close()
		return nil, fmt.Errorf("make shared memory: %w", err)
	}
	if g.memory, err = unix.Mmap(int(file.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED); err != nil {
		file.Close()
		return nil, fmt.Errorf("make shared memory: %w", err)
	}
	g.page = (*header)(unsafe.Pointer(unsafe.SliceData(g.memory)))
	return file, nil
}

// memoryFile returns a file in memory, without a name in any directory.
func memoryFile(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make shared memory: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// fillHeader writes the fields that do not change during a run.
func (g *guest) fillHeader(m *machine) {
	p := g.page
	p.epoch = sim.Epoch.UnixNano()
	p.memory = uint64(m.program.memory)
	p.files = m.usage()
	p.pid = uint64(g.boot.PID)
	p.yields = uint64(g.boot.Yields * (1 << 32))
	if g.boot.Trace {
		p.trace = 1
	}
	for i := 0; i < len(p.seed); i += 8 {
		// The runtime takes a seed of zeros for a missing one.
		binary.LittleEndian.PutUint64(p.seed[i:], g.boot.Random.Uint64()|1)
	}
	copy(p.root[:len(p.root)-1], m.root)
}

// Resume lets the program run until it waits.
func (g *guest) Resume(s sim.Step) (sim.Wait, error) {
	if g.ended != nil {
		return sim.Wait{}, g.ended
	}
	p := g.page
	p.clock = max(p.clock, int64(s.Now))
	p.wall = sim.Epoch.UnixNano() + int64(s.Skew)
	g.stdin = append(g.stdin, s.Input...)
	for {
		g.putInput()
		if err := g.step(); err != nil {
			g.ended = err
			return sim.Wait{}, err
		}
		if len(g.stdin) == 0 || p.waiting == 0 {
			break
		}
	}
	return sim.Wait{
		Deadline: time.Duration(p.deadline), Input: p.waiting != 0,
		Clock: time.Duration(p.clock), Unread: int(p.inLen-p.inPos) + len(g.stdin),
	}, nil
}

// putInput moves as much input to the shared memory as fits.
func (g *guest) putInput() {
	if len(g.stdin) == 0 {
		return
	}
	p := g.page
	in := g.memory[headerSize : headerSize+inSize]
	copy(in, in[p.inPos:p.inLen])
	p.inLen -= p.inPos
	p.inPos = 0
	n := copy(in[p.inLen:], g.stdin)
	p.inLen += uint64(n)
	g.stdin = g.stdin[:copy(g.stdin, g.stdin[n:])]
}

// step wakes the process until it is idle, and takes its output.
func (g *guest) step() error {
	g.follow()
	g.watch.begin()
	defer g.watch.end()
	for {
		g.page.fired = 0
		if !signal(g.wake) || !await(g.report) {
			return g.endReason()
		}
		if err := g.takeOutput(); err != nil {
			return err
		}
		switch g.page.report {
		case reportIdle:
			return nil
		case reportCount:
			g.page.files = g.machine.usage() + removedFiles(g.watch.pid)
		}
		if err := g.ctx.Err(); err != nil {
			return err
		}
	}
}

// signal writes a byte, and reports whether there was a reader. The pipe is empty, so
// the call does not block and need not be announced to Go's scheduler.
func signal(fd int) bool {
	token := byte(1)
	for {
		n, _, err := syscall.RawSyscall(syscall.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(&token)), 1)
		if err != syscall.EINTR {
			return n == 1
		}
	}
}

// await reads a byte, and reports false if the write end is closed.
func await(fd int) bool {
	var b [1]byte
	for {
		n, err := syscall.Read(fd, b[:])
		if err != syscall.EINTR {
			return n == 1
		}
	}
}

// takeOutput hands what the program printed to the simulation.
func (g *guest) takeOutput() error {
	p := g.page
	out := g.memory[headerSize+inSize:]
	length := min(p.outLen, outSize)
	p.outLen = 0
	for out = out[:length]; len(out) >= frameHead; {
		size := int(binary.LittleEndian.Uint32(out))
		o := sim.Output{Stream: sim.Stdout, At: time.Duration(binary.LittleEndian.Uint64(out[8:]))}
		if binary.LittleEndian.Uint32(out[4:]) == 2 {
			o.Stream = sim.Stderr
		}
		padded := (size + frameAlign - 1) &^ (frameAlign - 1)
		if frameHead+padded > len(out) {
			return errors.New("crashed: it overwrote the memory that it shares with the simulation")
		}
		o.Data = out[frameHead : frameHead+size]
		if g.watch.overdue.Load() {
			if g.trace.Len() < maxTrace {
				g.trace.Write(o.Data)
			}
		} else if err := g.boot.Output(o); err != nil {
			return err
		}
		out = out[frameHead+padded:]
	}
	return g.takeReports()
}

// takeReports hands what the race detector printed to the simulation.
func (g *guest) takeReports() error {
	if g.reports == nil {
		return nil
	}
	info, err := g.reports.Stat()
	if err != nil || info.Size() == g.reportsTaken {
		return err
	}
	text := make([]byte, min(info.Size()-g.reportsTaken, maxTrace))
	n, err := g.reports.ReadAt(text, g.reportsTaken)
	if err != nil && err != io.EOF {
		return fmt.Errorf("read the reports of the race detector: %w", err)
	}
	g.reportsTaken = info.Size()
	return g.boot.Output(sim.Output{Stream: sim.Stderr, At: time.Duration(g.page.clock), Data: text[:n]})
}

// endReason says why the process ended, after its last output.
func (g *guest) endReason() error {
	g.program.watchdog.remove(&g.watch)
	waitErr := g.cmd.Wait()
	outputErr := g.takeOutput()
	if err := g.ctx.Err(); err != nil {
		return err
	}
	if g.watch.overdue.Load() {
		return g.busy()
	}
	if outputErr != nil {
		return outputErr
	}
	if g.page.report == reportOverflow {
		return fmt.Errorf("needs more memory than the %d MiB that a node may have (--node-memory)", g.program.memory>>20)
	}
	var exit *exec.ExitError
	switch {
	case waitErr == nil:
		return nodeio.ErrExited
	case !errors.As(waitErr, &exit):
		return fmt.Errorf("crashed: %w", waitErr)
	case exit.Exited():
		return fmt.Errorf("crashed: exit status %d", exit.ExitCode())
	}
	return fmt.Errorf("crashed: %v", exit)
}

// maxTrace is how many bytes are kept of the stacks of a process that the watchdog
// ended.
const maxTrace = 1 << 20

// errKilled is why a guest ended that was killed.
var errKilled = errors.New("was killed")

// Kill ends the process and frees what is shared with it.
func (g *guest) Kill() {
	if g.cmd != nil {
		g.release()
		g.program.watchdog.remove(&g.watch)
		g.cmd.Process.Kill()
		g.cmd.Wait() // an error only says that it was awaited before
		g.cmd = nil
	}
	if g.ended == nil {
		g.ended = errKilled
	}
	g.free()
}

// free frees descriptors and memory.
func (g *guest) free() {
	for _, fd := range []*int{&g.wake, &g.report} {
		if *fd >= 0 {
			syscall.Close(*fd)
			*fd = -1
		}
	}
	if g.reports != nil {
		g.reports.Close()
		g.reports = nil
	}
	if g.memory != nil {
		unix.Munmap(g.memory)
		g.memory, g.page = nil, nil
	}
}
