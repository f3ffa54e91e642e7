package solution

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// An edit replaces a text in a file of Go's standard library. The file is changed
// only in the build of a simulated node, by the go command's -overlay.
type edit struct {
	file     string // below GOROOT
	old, new string
}

// wasmEdits mend what does not work in a simulated node with the standard library of
// wasip1.
var wasmEdits = []edit{
	// In wasip1, the goroutine of os/signal waits for signals in a loop that yields, so
	// the program is never idle and never reads input. There are no signals, so the
	// goroutine can block for ever.
	{"src/os/signal/signal_unix.go", "\tfor {\n\t\tprocess(syscall.Signal(signal_recv()))\n\t}\n", "\tselect {}\n"},
	// A recursion without end would reach wazero's limit for a stack, 50 MB of its own frames,
	// before Go's, 1 GB of Go's frames, and end without a word of where it is. With this
	// limit, which lets a stack grow to 8 MiB, Go's runtime finds it first, and prints the
	// stack: a quarter of a million calls of a function with a small frame.
	{"src/runtime/proc.go", "maxstacksize = 1000000000\n", "maxstacksize = 16000000\n"},
	// wasip1 has no process ids: syscall.Getpid returns 3. Programs build unique ids from
	// it, so the simulation passes each node a process id in the environment.
	{
		"src/os/exec.go", "func Getpid() int { return syscall.Getpid() }", `func Getpid() int {
	pid := 0
	for _, digit := range []byte(Getenv("GLOMERS_PID")) {
		pid = 10*pid + int(digit-'0')
	}
	return pid
}`,
	},
}

// overlay writes, below out, the file for -overlay that applies edits to the standard
// library of the toolchain that builds the package in dir, and returns its path. An edit
// whose old text does not occur exactly once is left out. env are environment variables
// that the build needs in addition.
func overlay(ctx context.Context, dir, out string, edits []edit) (path string, env []string, err error) {
	if err := os.MkdirAll(out, 0o777); err != nil {
		return "", nil, err
	}
	root, env, err := goRoot(ctx, dir, out)
	if err != nil {
		return "", nil, err
	}
	replace := map[string]string{}
	for _, e := range edits {
		original := filepath.Join(root, filepath.FromSlash(e.file))
		text, err := os.ReadFile(original)
		if err != nil || bytes.Count(text, []byte(e.old)) != 1 {
			continue
		}
		edited := filepath.Join(out, strings.ReplaceAll(e.file, "/", "_"))
		text = bytes.Replace(text, []byte(e.old), []byte(e.new), 1)
		if err := os.WriteFile(edited, text, 0o666); err != nil {
			return "", nil, err
		}
		replace[original] = edited
	}
	list, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", nil, err
	}
	path = filepath.Join(out, "overlay.json")
	return path, env, os.WriteFile(path, list, 0o666)
}

// goRoot returns the GOROOT of the toolchain that builds the package in dir, or a single
// file; go.mod may choose it. env makes the go command use that toolchain wherever it
// runs. The go command refuses overlays of a toolchain that it downloaded itself,
// because that lies in its module cache. Such a toolchain is reached through a symbolic
// link below out.
func goRoot(ctx context.Context, dir, out string) (root string, env []string, err error) {
	cmd := exec.CommandContext(ctx, "go", "env", "-json", "GOROOT", "GOMODCACHE")
	cmd.Dir = dir
	if strings.HasSuffix(dir, ".go") {
		cmd.Dir = filepath.Dir(dir)
	}
	text, err := cmd.Output()
	if err != nil {
		return "", nil, fmt.Errorf("ask the go command for its root: %w", err)
	}
	var answer struct{ GOROOT, GOMODCACHE string }
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", nil, fmt.Errorf("ask the go command for its root: %w", err)
	}
	if rel, err := filepath.Rel(answer.GOMODCACHE, answer.GOROOT); err != nil || !filepath.IsLocal(rel) {
		return answer.GOROOT, []string{"GOROOT=" + answer.GOROOT, "GOTOOLCHAIN=local"}, nil
	}
	if err := os.MkdirAll(out, 0o777); err != nil {
		return "", nil, err
	}
	link := filepath.Join(out, filepath.Base(answer.GOROOT))
	if target, err := os.Readlink(link); err != nil || target != answer.GOROOT {
		os.Remove(link)
		if err := os.Symlink(answer.GOROOT, link); err != nil {
			return "", nil, fmt.Errorf("name the toolchain %s: %w", answer.GOROOT, err)
		}
	}
	return link, []string{"GOROOT=" + link, "GOTOOLCHAIN=local"}, nil
}
