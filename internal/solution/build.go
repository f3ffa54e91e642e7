// Package solution turns what a learner points at into something that an engine
// can run.
package solution

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// A BuildError is a Go package that does not compile. Output is what the
// compiler said.
type BuildError struct {
	Dir    string
	Output string
}

func (e *BuildError) Error() string { return fmt.Sprintf("the Go package %s does not build", e.Dir) }

// A TargetError is a Go package that compiles for this system, but not for
// wasip1, which the simulation runs. Output is what the compiler said.
type TargetError struct {
	Dir    string
	Output string
}

func (e *TargetError) Error() string {
	return fmt.Sprintf("the Go package %s does not build for wasip1, the system of simulated nodes", e.Dir)
}

// Build compiles the Go package in dir, within the module that dir belongs to,
// and returns the path of the executable below out. The environment is that of
// the process plus env.
func Build(ctx context.Context, dir, out string, env []string, flags ...string) (string, error) {
	if err := checkDir(dir); err != nil {
		return "", err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	name := filepath.Base(abs)
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	bin, err := filepath.Abs(filepath.Join(out, name))
	if err != nil {
		return "", err
	}
	return bin, build(ctx, dir, bin, env, flags...)
}

// BuildWasm compiles the Go package in dir for wasip1 and returns the path of the
// module. It is kept below cache, so that the go command need not link a package
// again that has not changed.
func BuildWasm(ctx context.Context, dir, cache string) (string, error) {
	if err := checkDir(dir); err != nil {
		return "", err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o777); err != nil {
		return "", err
	}
	id := sha256.Sum256([]byte(abs))
	kept := filepath.Join(cache, fmt.Sprintf("%s-%x.wasm", filepath.Base(abs), id[:6]))
	unlock, err := lockedfile.MutexAt(kept + ".lock").Lock() // against a build of the same package at the same time
	if err != nil {
		return "", err
	}
	defer unlock()
	env := []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0"}
	flags := []string{"-trimpath", "-buildvcs=false"} // the same module wherever and whenever it is built
	err = build(ctx, dir, kept, env, flags...)
	var failed *BuildError
	if !errors.As(err, &failed) {
		return kept, err
	}
	// Some libraries have a variant without a terminal for this tag, such as
	// github.com/sirupsen/logrus.
	tagged := build(ctx, dir, kept, env, append(flags, "-tags=appengine")...)
	if tagged == nil {
		return kept, nil
	}
	scratch, err := os.MkdirTemp("", "glomers-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	if _, err := Build(ctx, dir, scratch, nil); err != nil {
		return "", err // it builds for no system
	}
	return "", &TargetError{dir, failed.Output}
}

// build runs go build.
func build(ctx context.Context, dir, bin string, env []string, flags ...string) error {
	args := append([]string{"build", "-o", bin}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, ".")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("build %s: the go command is not on PATH; install Go, or give an executable with --bin", dir)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &BuildError{dir, strings.TrimRight(output.String(), "\n")}
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

func checkDir(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist; expected the directory of a Go package", dir)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is a file; expected the directory of a Go package, or --bin %s to run it as it is", dir, dir)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s holds no Go files; expected a Go package with a main function", dir)
	}
	return nil
}

// CheckBin reports why path cannot be run, and returns it as an absolute path.
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
	return abs, nil
}
