// Package solution builds what an engine can run, an executable or a WebAssembly
// module, from the package, file or script that a learner names.
package solution

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"unicode/utf8"

	"glomers/internal/cache"
	"glomers/internal/scratch"
)

// A BuildError is a Go package that does not compile. Output is the compiler's.
type BuildError struct {
	Dir    string
	Output string
}

func (e *BuildError) Error() string { return fmt.Sprintf("the Go package %s does not build", e.Dir) }

// A TargetError is a Go package that compiles for this system, but not for simulated
// nodes. Output is the compiler's.
type TargetError struct {
	Dir    string
	Target string // the target of simulated nodes, in words for people
	Output string
}

func (e *TargetError) Error() string {
	return fmt.Sprintf("the Go package %s does not build for %s", e.Dir, e.Target)
}

// A SpaceError is a build that failed because a disk is full. Output is the go
// command's.
type SpaceError struct {
	Dir    string
	Output string
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("cannot build %s: there is no space left where Go builds; free some, or set GOCACHE, GOTMPDIR and GLOMERS_CACHE to directories on another disk", e.Dir)
}

// Build compiles the Go package in a directory, or a single Go file, and returns the
// path of the executable below out. Outside of any module it uses one that requires
// only Maelstrom's library. The environment is that of the process plus env. If the
// package does not compile, the error is a *BuildError; if a disk is full, a
// *SpaceError.
func Build(ctx context.Context, dir, out string, env []string, flags ...string) (string, error) {
	if err := CheckSource(dir); err != nil {
		return "", err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	name := strings.TrimSuffix(filepath.Base(abs), ".go")
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	bin, err := filepath.Abs(filepath.Join(out, name))
	if err != nil {
		return "", err
	}
	return bin, build(ctx, dir, bin, env, flags...)
}

// BuildRace is Build with the race detector. The error says so if there is no C compiler,
// which that takes on most systems.
func BuildRace(ctx context.Context, dir, out string) (string, error) {
	if err := CheckSource(dir); err != nil {
		return "", err
	}
	if runtime.GOOS == "darwin" { // where cgo is not needed
		return Build(ctx, dir, out, nil, "-race")
	}
	in := dir
	if strings.HasSuffix(dir, ".go") {
		in = filepath.Dir(dir)
	}
	if err := checkCompiler(ctx, in, nil); err != nil {
		return "", fmt.Errorf("cannot build %s: %w", dir, err)
	}
	return Build(ctx, dir, out, []string{"CGO_ENABLED=1"}, "-race")
}

// checkCompiler returns an error if the C compiler that the go command uses in a
// directory is not there.
func checkCompiler(ctx context.Context, dir string, env []string) error {
	cmd := exec.CommandContext(ctx, goCommand(env), "env", "CC")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("ask the go command for its C compiler: %w", err)
	}
	compiler := strings.Fields(string(out))
	if len(compiler) == 0 {
		compiler = []string{"gcc"}
	}
	if _, err := exec.LookPath(compiler[0]); err != nil {
		return fmt.Errorf("the race detector needs a C compiler and the headers of its C library, because Go links it with cgo, and %s is not here; install it, or set CC", compiler[0])
	}
	return nil
}

// BuildWasm compiles the Go package in dir, or a single Go file, for wasip1 and returns
// the path of the module. The module is kept in the cache, so that the go command need
// not link an unchanged package again.
func BuildWasm(ctx context.Context, dir string, kept *cache.Cache) (string, error) {
	if err := CheckSource(dir); err != nil {
		return "", err
	}
	name, err := entryOf(dir)
	if err != nil {
		return "", err
	}
	out, release, err := kept.Hold(name) // against a build of the same package at the same time
	if err != nil {
		return "", err
	}
	defer release()
	module := filepath.Join(out, "node.wasm")
	env := []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"}
	flags := []string{"-trimpath", "-buildvcs=false"} // the same module wherever and whenever it is built
	// An error here is ignored: the package builds without the edits, too, and if
	// something is wrong with the package, go build reports it better. Only nodes that
	// need the edits fail, with a message that says so.
	if list, more, err := overlay(ctx, dir, filepath.Join(out, "wasm-overlay"), wasmEdits); err == nil {
		env, flags = append(env, more...), append(flags, "-overlay="+list)
	}
	err = build(ctx, dir, module, env, flags...)
	var failed *BuildError
	if !errors.As(err, &failed) {
		return module, err
	}
	// Some libraries have a variant without a terminal for this tag, such as
	// github.com/sirupsen/logrus.
	tagged := build(ctx, dir, module, env, append(flags, "-tags=appengine")...)
	if tagged == nil {
		return module, nil
	}
	ordinary, remove, err := scratch.Dir()
	if err != nil {
		return "", err
	}
	defer remove()
	if _, err := Build(ctx, dir, ordinary, nil); err != nil {
		return "", err // it does not build for this system either
	}
	return "", &TargetError{dir, "wasip1, the system of simulated nodes", failed.Output}
}

// entryOf returns the name of the cache's entry for a package or a single file.
func entryOf(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	id := sha256.Sum256([]byte(abs))
	return fmt.Sprintf("%s-%x", filepath.Base(abs), id[:6]), nil
}

// build runs go build.
func build(ctx context.Context, dir, bin string, env []string, flags ...string) error {
	in, names, more, done, err := buildPlace(ctx, dir)
	if err != nil {
		return err
	}
	defer done()
	args := append([]string{"build", "-o", bin}, flags...)
	cmd := exec.CommandContext(ctx, goCommand(env), append(args, names...)...)
	cmd.Dir = in
	cmd.Env = append(append(os.Environ(), env...), more...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("build %s: the go command is not on PATH; install Go, or give an executable with --bin", dir)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		text := strings.TrimRight(output.String(), "\n")
		if outOfSpace(text) {
			return &SpaceError{dir, text}
		}
		return &BuildError{dir, text}
	}
	info, err := os.Stat(bin)
	if err != nil {
		return fmt.Errorf("build %s: %w", dir, err)
	}
	if !info.Mode().IsRegular() || (runtime.GOOS != "windows" && info.Mode()&0o111 == 0) {
		return fmt.Errorf("the Go package %s is not a program: expected package main", dir)
	}
	return nil
}

// goCommand returns the path of the go command for a build. If env names a toolchain it
// is that toolchain's, because a go command works only with tools of its own version.
func goCommand(env []string) string {
	for _, variable := range env {
		if root, ok := strings.CutPrefix(variable, "GOROOT="); ok {
			return filepath.Join(root, "bin", "go")
		}
	}
	return "go"
}

// outOfSpace reports whether the go command failed because a disk is full.
func outOfSpace(output string) bool {
	for _, words := range []string{"no space left on device", "disk quota exceeded", "file too large", "not enough space on the disk"} {
		if strings.Contains(output, words) {
			return true
		}
	}
	return false
}

// CheckSource returns an error if there is no Go package or file at a path.
func CheckSource(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist; expected the directory of a Go package, or a Go file", path)
	case err != nil:
		return err
	case info.IsDir():
		files, err := filepath.Glob(filepath.Join(path, "*.go"))
		if err == nil && len(files) == 0 {
			return fmt.Errorf("%s holds no Go files; expected a Go package with a main function", path)
		}
		return err
	case !strings.HasSuffix(path, ".go"):
		return fmt.Errorf("%s is a file; expected the directory of a Go package, or --bin %s to run it as it is", path, path)
	}
	return nil
}

// CheckBin returns path as an absolute path, or an error that says why the file there
// cannot be executed.
func CheckBin(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	info, err := os.Stat(abs)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("%s does not exist; expected an executable", path)
	case err != nil:
		return "", err
	case info.IsDir():
		return "", fmt.Errorf("%s is a directory; expected an executable", path)
	case runtime.GOOS != "windows" && info.Mode()&0o111 == 0:
		return "", fmt.Errorf("%s is not executable; try: chmod +x %s", path, path)
	}
	return abs, checkScript(path)
}

// checkScript returns an error for an empty file, and for a script whose first line is
// not a #!INTERPRETER that the system understands.
func checkScript(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil // an executable need not be readable
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := io.ReadFull(f, head)
	head = head[:n]
	first, _, _ := bytes.Cut(head, []byte("\n"))
	const want = "its first line must name the interpreter, such as #!/usr/bin/env python3"
	switch {
	case len(head) == 0:
		return fmt.Errorf("%s is empty; expected an executable", path)
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return fmt.Errorf("%s begins with a byte order mark, which keeps the system from seeing a #! after it; save it as UTF-8 without one", path)
	case bytes.HasPrefix(first, []byte("#!")) && bytes.HasSuffix(first, []byte("\r")):
		return fmt.Errorf("%s has Windows line ends, so that the system looks for an interpreter whose name ends with a carriage return; save it with Unix line ends", path)
	case !bytes.HasPrefix(first, []byte("#!")) && utf8.Valid(first) && !bytes.ContainsFunc(first, func(r rune) bool { return r < ' ' && r != '\t' && r != '\r' }):
		return fmt.Errorf("%s is a script without #!; %s", path, want)
	}
	return nil
}
