// Package solution turns what a learner points at into something that an engine
// can run.
package solution

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// A BuildError is a Go package that does not compile. Output is what the
// compiler said.
type BuildError struct {
	Dir    string
	Output string
}

func (e *BuildError) Error() string { return fmt.Sprintf("the Go package %s does not build", e.Dir) }

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
	args := append([]string{"build", "-o", bin}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, ".")...)
	cmd.Dir = abs
	cmd.Env = append(os.Environ(), env...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", fmt.Errorf("build %s: the go command is not on PATH; install Go, or give an executable with --bin", dir)
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return "", &BuildError{dir, strings.TrimRight(output.String(), "\n")}
	}
	info, err := os.Stat(bin)
	if err != nil {
		return "", fmt.Errorf("build %s: %w", dir, err)
	}
	if !info.Mode().IsRegular() || (runtime.GOOS != "windows" && info.Mode()&0o111 == 0) {
		return "", fmt.Errorf("the Go package %s is not a program: expected package main", dir)
	}
	return bin, nil
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
