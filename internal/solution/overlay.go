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

// wasmEdits are what the standard library gets wrong in a simulated node.
var wasmEdits = []edit{
	// In wasip1, the goroutine of os/signal waits for signals in a loop that yields,
	// so that the program is never idle and never looks for input. There are no
	// signals, so it may as well wait for ever.
	{"src/os/signal/signal_unix.go", "\tfor {\n\t\tprocess(syscall.Signal(signal_recv()))\n\t}\n", "\tselect {}\n"},
	// wasip1 has no process ids: syscall.Getpid is 3. Programs make ids that must
	// differ between nodes of it, so the simulation passes one in the environment.
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

// overlay writes the file for -overlay that makes edits in the standard library
// of the toolchain that builds the package in dir, below out. An edit whose text
// is not in that library exactly once is left out. The environment is what
// the build needs in addition to env.
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

// goRoot returns the root of the toolchain that builds the package in dir, or a single
// file, which
// its go.mod may choose. The go command refuses overlays of a toolchain that it
// downloaded itself, because that is in its cache of modules: such a root is
// given another name by a symbolic link.
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
		return answer.GOROOT, nil, nil
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
