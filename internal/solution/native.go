package solution

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	goversion "go/version"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"glomers/internal/cache"
	"glomers/internal/scratch"
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
	arch  string // the processor it builds for
	dir   string // the directory for which it was chosen
	list  string // path of the file for -overlay
	env   []string
	cache *cache.Cache
}

// FindNativeToolchain prepares the toolchain that builds the Go package in dir, or a
// single Go file. A directory without Go files has a toolchain, too. The edited files
// are kept in the cache. If the toolchain or the system does not support native
// simulation, the error is an *UnavailableError.
func FindNativeToolchain(ctx context.Context, dir string, kept *cache.Cache) (*NativeToolchain, error) {
	return findNativeToolchain(ctx, dir, kept, runtime.GOARCH)
}

func findNativeToolchain(ctx context.Context, dir string, kept *cache.Cache, arch string) (*NativeToolchain, error) {
	if err := stdlib.Supported(runtime.GOOS, arch); err != nil {
		return nil, &UnavailableError{dir, err}
	}
	if strings.HasSuffix(dir, ".go") {
		dir = filepath.Dir(dir)
	}
	links, err := kept.Use("toolchains")
	if err != nil {
		return nil, err
	}
	root, env, err := goRoot(ctx, dir, links)
	if err != nil {
		return nil, err
	}
	if version := goVersion(root); goversion.Compare(version, stdlib.OldestGo) < 0 && goversion.IsValid(version) {
		return nil, &UnavailableError{dir, fmt.Errorf("it needs %s or later, and %s builds this package", stdlib.OldestGo, version)}
	}
	files, err := stdlib.Files(root, arch)
	var mismatch *stdlib.MismatchError
	if errors.As(err, &mismatch) {
		return nil, &UnavailableError{dir, err}
	}
	if err != nil {
		return nil, err
	}
	t := &NativeToolchain{Root: root, arch: arch, dir: dir, env: append(env, "GOOS="+runtime.GOOS, "GOARCH="+arch), cache: kept}
	return t, t.write(files)
}

// goVersion returns the version of the toolchain at root, such as go1.25.0.
func goVersion(root string) string {
	text, err := os.ReadFile(filepath.Join(root, "VERSION"))
	if err != nil { // a toolchain that was built from a repository
		return ""
	}
	version, _, _ := strings.Cut(string(text), "\n")
	return version
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
	out, err := t.cache.Use("overlay-" + t.ID)
	if err != nil {
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

// CheckRace returns an *UnavailableError if programs cannot be built with the race
// detector because that takes a C compiler, and there is none.
func (t *NativeToolchain) CheckRace(ctx context.Context) error {
	if !stdlib.RaceNeedsCompiler(t.arch) {
		return nil
	}
	if err := checkCompiler(ctx, t.dir, t.env); err != nil {
		return &UnavailableError{t.dir, err}
	}
	return nil
}

// Build compiles the Go package in dir, or a single Go file, with or without the race
// detector, and returns the path of the executable, which is kept in the cache.
func (t *NativeToolchain) Build(ctx context.Context, dir string, race bool) (string, error) {
	if err := CheckSource(dir); err != nil {
		return "", err
	}
	name, err := entryOf(dir)
	if err != nil {
		return "", err
	}
	out, release, err := t.cache.Hold(name) // against a build of the same package at the same time
	if err != nil {
		return "", err
	}
	defer release()
	bin := filepath.Join(out, "node")
	if race {
		bin += "-race"
	}
	return bin, t.BuildTo(ctx, dir, bin, race)
}

// noCompiler is the C compiler of builds that must not use one.
const noCompiler = "no-cgo-in-simulation"

// BuildTo compiles a package as Build does, to a file of the caller's.
func (t *NativeToolchain) BuildTo(ctx context.Context, dir, bin string, race bool) error {
	env, flags := append(slices.Clone(t.env), "CGO_ENABLED=0"), []string{"-trimpath", "-buildvcs=false", "-overlay=" + t.list}
	if race { // for which the go command demands cgo; the tags keep other packages from using it
		env, flags = append(slices.Clone(t.env), "CGO_ENABLED=1"), append(flags, "-race", "-tags=netgo,osusergo")
		if !stdlib.RaceNeedsCompiler(t.arch) {
			env = append(env, "CC="+noCompiler)
		}
	}
	err := build(ctx, dir, bin, env, flags...)
	var failed *BuildError
	if !errors.As(err, &failed) {
		return err
	}
	out, remove, err := scratch.Dir()
	if err != nil {
		return err
	}
	defer remove()
	if _, err := Build(ctx, dir, out, nil); err != nil {
		return err // it does not build as an ordinary executable either
	}
	return &TargetError{dir, "native simulation, which has no cgo", failed.Output}
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
