//go:build linux && (amd64 || arm64)

package native

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"glomers/internal/scratch"
	"glomers/internal/sim"
)

// Program is an executable that any number of nodes can run at the same time.
type Program struct {
	file   *os.File // the executable
	memory int64
	env    []string // in addition to that of every node
	race   bool

	starts   chan start
	watchdog *watchdog
	stdin    *os.File // the real stdin of every node,
	stdout   *os.File // and its real stdout and stderr: a pipe that nobody uses

	close sync.Once
}

// start is a request to start a process.
type start struct {
	cmd    *exec.Cmd
	result chan<- error
}

// Options configure a program.
type Options struct {
	Memory int64    // the limit for a node's memory and files together, in bytes
	Env    []string // environment variables in addition to those of every node
	Race   bool     // it was built with the race detector, which writes its reports itself, not through the program's stderr
	// CPUPerStep is how much CPU time a node may use between two waits; 0 for
	// DefaultCPUPerStep.
	CPUPerStep time.Duration
}

// DefaultCPUPerStep is far above what a step needs, which is some microseconds, and
// short enough that a user does not give up waiting for the verdict.
const DefaultCPUPerStep = 2 * time.Second

// Load returns the program in a file that was built with the edits of package
// overlay.
func Load(path string, o Options) (*Program, error) {
	if o.CPUPerStep == 0 {
		o.CPUPerStep = DefaultCPUPerStep
	}
	file, err := openHigh(path)
	if err != nil {
		return nil, err
	}
	stdin, stdout, err := os.Pipe()
	if err != nil {
		file.Close()
		return nil, err
	}
	p := &Program{file: file, memory: o.Memory, env: o.Env, race: o.Race, starts: make(chan start), watchdog: newWatchdog(o.CPUPerStep), stdin: stdin, stdout: stdout}
	go p.startProcesses()
	return p, nil
}

// openHigh opens a file with a descriptor above those that a node inherits.
func openHigh(path string) (*os.File, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	const inherited = 6 // stdin, stdout, stderr, and ExtraFiles of Boot
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, inherited)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return os.NewFile(uintptr(fd), path), nil
}

// path returns a path of the executable as it was when it was loaded. Nodes of a long run
// are started from the same one, though it may be built again meanwhile, or removed
// from the cache.
func (p *Program) path() string { return fmt.Sprintf("/proc/self/fd/%d", p.file.Fd()) }

// startProcesses starts processes from one thread, which lives as long as the program.
// A process gets its parent-death signal when the thread that started it ends, and Go
// may end threads at any time.
func (p *Program) startProcesses() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for s := range p.starts {
		s.result <- s.cmd.Start()
	}
}

// start starts a process.
func (p *Program) start(cmd *exec.Cmd) error {
	result := make(chan error)
	p.starts <- start{cmd, result}
	return <-result
}

// Close frees the program. Its nodes must have been killed.
func (p *Program) Close(context.Context) error {
	p.close.Do(func() {
		close(p.starts)
		p.watchdog.stop()
		p.file.Close()
		p.stdin.Close()
		p.stdout.Close()
	})
	return nil
}

// machine is the machine of a node: the program, and a directory.
type machine struct {
	program *Program
	root    string       // the directory of the system that is the root of the node's files
	remove  func() error // removes it
}

// Machine returns a machine with an empty disk.
func (p *Program) Machine(string) (sim.Machine, error) {
	root, remove, err := scratch.Dir()
	if err != nil {
		return nil, err
	}
	m := &machine{program: p, root: root, remove: remove}
	// The node finds its files below this path, in which symbolic links would lead out of
	// what it takes for its root.
	if m.root, err = filepath.EvalSymlinks(root); err == nil {
		err = os.Mkdir(filepath.Join(m.root, "tmp"), 0o777)
	}
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	return m, nil
}

// entryCost is what a file or directory takes besides its content and its name.
const entryCost = 256

// usage returns how many bytes the disk takes of the node's memory.
func (m *machine) usage() (bytes uint64) {
	filepath.WalkDir(m.root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == m.root {
			return nil // unreadable files are not counted
		}
		bytes += entryCost + uint64(len(entry.Name()))
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			bytes += uint64(info.Size())
		}
		return nil
	})
	return bytes
}

// removedFiles returns how many bytes the files take that a process has open and that have
// no name any more.
func removedFiles(pid int) (bytes uint64) {
	const inherited = 4 // the last descriptor that a node does not open itself
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	descriptors, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	counted := map[uint64]bool{}
	for _, d := range descriptors {
		if n, err := strconv.Atoi(d.Name()); err != nil || n <= inherited {
			continue
		}
		info, err := os.Stat(filepath.Join(dir, d.Name()))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		if file := info.Sys().(*syscall.Stat_t); file.Nlink == 0 && !counted[file.Ino] {
			counted[file.Ino] = true
			bytes += uint64(info.Size())
		}
	}
	return bytes
}

// Files yields the files that are not empty.
func (m *machine) Files() iter.Seq2[string, io.Reader] {
	return func(yield func(string, io.Reader) bool) {
		var paths []string
		filepath.WalkDir(m.root, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				paths = append(paths, path)
			}
			return nil // unreadable files are left out
		})
		slices.Sort(paths)
		for _, path := range paths {
			if !m.yieldFile(path, yield) {
				return
			}
		}
	}
}

// yieldFile yields a file, if it is not empty, and reports whether to go on.
func (m *machine) yieldFile(path string, yield func(string, io.Reader) bool) bool {
	f, err := os.Open(path)
	if err != nil {
		return true
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() == 0 {
		return true
	}
	return yield(path[len(m.root):], f)
}

// Close frees the disk.
func (m *machine) Close() error {
	if err := m.remove(); err != nil {
		return fmt.Errorf("remove the files of a node: %w", err)
	}
	return nil
}
