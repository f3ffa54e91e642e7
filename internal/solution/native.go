package solution

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/lockedfile"

	stdlib "glomers/internal/sim/native/overlay"
)

// An UnavailableError says why a package cannot be built for native simulation.
type UnavailableError struct {
	Dir string
	Err error
}

func (e *UnavailableError) Error() string {
	return fmt.Sprintf("cannot simulate %s natively: %v", e.Dir, e.Err)
}

// Unwrap returns the reason.
func (e *UnavailableError) Unwrap() error { return e.Err }

// A NativeToolchain builds programs for native simulation. It is the toolchain that the
// go command chooses in a directory, with an edited standard library.
type NativeToolchain struct {
	ID    string // identifies the version of Go and of the edits
	Root  string // the toolchain's GOROOT
	dir   string // the directory for which it was chosen
	list  string // path of the file for -overlay
	env   []string
	cache string
}

// FindNativeToolchain prepares the toolchain that builds the Go package in dir, or a
// single Go file. A directory without Go files has a toolchain, too. The edited files
// are kept below cache. If the toolchain or the system
// does not support native simulation, the error is an *UnavailableError.
func FindNativeToolchain(ctx context.Context, dir, cache string) (*NativeToolchain, error) {
	if err := stdlib.Supported(runtime.GOOS, runtime.GOARCH); err != nil {
		return nil, &UnavailableError{dir, err}
	}
	if strings.HasSuffix(dir, ".go") {
		dir = filepath.Dir(dir)
	}
	root, env, err := goRoot(ctx, dir, filepath.Join(cache, "toolchains"))
	if err != nil {
		return nil, err
	}
	files, err := stdlib.Files(root, runtime.GOARCH)
	var mismatch *stdlib.MismatchError
	if errors.As(err, &mismatch) {
		return nil, &UnavailableError{dir, err}
	}
	if err != nil {
		return nil, err
	}
	t := &NativeToolchain{Root: root, dir: dir, env: append(env, "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH), cache: cache}
	return t, t.write(files)
}

// write keeps the edited files and the file for -overlay.
func (t *NativeToolchain) write(files map[string][]byte) error {
	paths := slices.Sorted(maps.Keys(files))
	sum := sha256.New()
	for _, p := range paths {
		fmt.Fprintf(sum, "%s %d\n%s", p, len(files[p]), files[p])
	}
	if version, err := os.ReadFile(filepath.Join(t.Root, "VERSION")); err == nil {
		sum.Write(version)
	}
	t.ID = fmt.Sprintf("%x", sum.Sum(nil)[:8])
	out := filepath.Join(t.cache, "overlay-"+t.ID)
	if err := os.MkdirAll(out, 0o777); err != nil {
		return err
	}
	replaced := map[string]string{}
	for i, p := range paths {
		edited := filepath.Join(out, fmt.Sprintf("%d-%s", i, filepath.Base(p)))
		if err := writeOnce(edited, files[p]); err != nil {
			return err
		}
		replaced[p] = edited
	}
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return err
	}
	t.list = filepath.Join(out, "overlay.json")
	return writeOnce(t.list, text)
}

// CheckRace returns an error if programs cannot be built with the race detector. On
// Linux package runtime/race uses cgo, so there must be a C compiler even for a program
// that does not.
func (t *NativeToolchain) CheckRace(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, goCommand(t.env), "env", "CC")
	cmd.Dir, cmd.Env = t.dir, append(os.Environ(), t.env...)
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("ask the go command for its C compiler: %w", err)
	}
	compiler := strings.Fields(string(out))
	if len(compiler) == 0 {
		compiler = []string{"gcc"}
	}
	if _, err := exec.LookPath(compiler[0]); err != nil {
		return &UnavailableError{t.dir, fmt.Errorf("the race detector needs a C compiler and the headers of its C library, because Go links it with cgo, and %s is not here; install it, or set CC", compiler[0])}
	}
	return nil
}

// Build compiles the Go package in dir, or a single Go file, with or without the race
// detector, and returns the path of the executable, which is kept below the cache.
func (t *NativeToolchain) Build(ctx context.Context, dir string, race bool) (string, error) {
	if err := CheckSource(dir); err != nil {
		return "", err
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	suffix, env, flags := ".native", append(slices.Clone(t.env), "CGO_ENABLED=0"), []string{"-trimpath", "-buildvcs=false", "-overlay=" + t.list}
	if race { // the detector needs cgo; the tags keep other packages from using it
		suffix, env, flags = ".race", append(slices.Clone(t.env), "CGO_ENABLED=1"), append(flags, "-race", "-tags=netgo,osusergo")
	}
	id := sha256.Sum256([]byte(abs))
	kept := filepath.Join(t.cache, fmt.Sprintf("%s-%x%s", filepath.Base(abs), id[:6], suffix))
	unlock, err := lockedfile.MutexAt(kept + ".lock").Lock() // against a build of the same package at the same time
	if err != nil {
		return "", err
	}
	defer unlock()
	err = build(ctx, dir, kept, env, flags...)
	var failed *BuildError
	if !errors.As(err, &failed) {
		return kept, err
	}
	scratch, err := os.MkdirTemp("", "glomers-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(scratch)
	if _, err := Build(ctx, dir, scratch, nil); err != nil {
		return "", err // it does not build as an ordinary executable either
	}
	return "", &TargetError{dir, "native simulation, which has no cgo", failed.Output}
}

// writeOnce writes a file unless it has the same content already. It replaces the file
// atomically, because other processes may be writing or reading it at the same time.
func writeOnce(path string, text []byte) error {
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, text) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "new-")
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		os.Remove(temp.Name())
	}
	return err
}
