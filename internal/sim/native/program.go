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
	"sync"
	"time"

	"golang.org/x/sys/unix"

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
	sweep(os.TempDir())
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
	root    string
	lock    *os.File // locks root while it is in use
}

// rootPrefix is how the names of the nodes' directories begin.
const rootPrefix = "glomers-node-"

// sweep removes the directories that nodes of a killed host left behind: those that
// nobody has locked. A directory younger than a minute is spared, because its host may
// not have locked it yet.
func sweep(dir string) {
	roots, err := filepath.Glob(filepath.Join(dir, rootPrefix+"*"))
	if err != nil {
		return
	}
	for _, root := range roots {
		if info, err := os.Stat(root); err != nil || !info.IsDir() || time.Since(info.ModTime()) < time.Minute {
			continue
		}
		if lock, err := lockDir(root); err == nil {
			removeTree(root)
			lock.Close()
		}
	}
}

// lockDir locks a directory until the file that it returns is closed.
func lockDir(path string) (*os.File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// Machine returns a machine with an empty disk.
func (p *Program) Machine(string) (sim.Machine, error) {
	root, err := os.MkdirTemp("", rootPrefix)
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(root)
	if err != nil {
		return nil, err
	}
	if root, err = filepath.EvalSymlinks(root); err != nil {
		return nil, err
	}
	if err := os.Mkdir(filepath.Join(root, "tmp"), 0o777); err != nil {
		return nil, err
	}
	return &machine{p, root, lock}, nil
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
	defer m.lock.Close()
	if err := removeTree(m.root); err != nil {
		return fmt.Errorf("remove the files of a node: %w", err)
	}
	return nil
}

// removeTree removes a directory, even if a node took away its own permissions in it.
func removeTree(root string) error {
	err := os.RemoveAll(root)
	if errors.Is(err, fs.ErrPermission) {
		filepath.WalkDir(root, func(path string, entry fs.DirEntry, _ error) error {
			if entry != nil && entry.IsDir() {
				os.Chmod(path, 0o700)
			}
			return nil
		})
		err = os.RemoveAll(root)
	}
	return err
}
