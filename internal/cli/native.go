package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"glomers/internal/cache"
	"glomers/internal/scratch"
	"glomers/internal/sim/native"
	"glomers/internal/sim/native/selftest"
	"glomers/internal/solution"
	"glomers/internal/spec"
)

// loadNative builds a target for native simulation.
func (a *app) loadNative(ctx context.Context, t target, h spec.Host) (*subject, error) {
	if err := solution.CheckSource(t.dir); err != nil { // before a self-test, which takes a while
		return nil, err
	}
	toolchain, err := a.nativeToolchain(ctx, t.dir, h.Race)
	if err != nil {
		return nil, err
	}
	bin, err := toolchain.Build(ctx, t.dir, h.Race)
	if err != nil {
		return nil, err
	}
	sum, err := sumOf(bin, t.args)
	if err != nil {
		return nil, err
	}
	program, err := native.Load(bin, native.Options{Memory: int64(h.NodeMemory) << 20, Race: h.Race})
	if err != nil {
		return nil, err
	}
	return &subject{program: program, sum: sum}, nil
}

// nativeToolchain returns the toolchain that builds the package in dir for native
// simulation, if it passes the self-test. The result of that is kept in the cache.
// The error is a *solution.UnavailableError if the toolchain cannot be used.
func (a *app) nativeToolchain(ctx context.Context, dir string, race bool) (*solution.NativeToolchain, error) {
	parent := cacheDir("")
	if parent == "" {
		return nil, &solution.UnavailableError{Dir: dir, Err: errors.New("there is no directory for what it builds; set GLOMERS_CACHE to one that can be written")}
	}
	kept, err := cache.Open(filepath.Join(parent, builtPart))
	if err != nil {
		return nil, err
	}
	toolchain, err := solution.FindNativeToolchain(ctx, dir, kept)
	if err != nil {
		return nil, err
	}
	if race {
		if err := toolchain.CheckRace(ctx); err != nil {
			return nil, err
		}
	}
	entry := selfTestEntry(toolchain, race)
	text, err := os.ReadFile(filepath.Join(kept.Path(entry), selfTestResult))
	if err == nil {
		_, err = kept.Use(entry)
	} else {
		text, err = a.selfTest(ctx, toolchain, kept, entry, race)
	}
	if err != nil {
		return nil, err
	}
	if why, failed := strings.CutPrefix(string(text), selfTestFailed); failed {
		return nil, &solution.UnavailableError{Dir: dir, Err: &selfTestError{why, filepath.Join(kept.Path(entry), selfTestResult)}}
	}
	return toolchain, nil
}

// selfTestResult is the file in which the cache keeps the result of a self-test, and
// how it begins.
const (
	selfTestResult = "result"
	selfTestPassed = "passed"
	selfTestFailed = "failed: " // and the reason
)

// selfTestEntry returns the name of the cache's entry for a toolchain's self-test.
func selfTestEntry(toolchain *solution.NativeToolchain, race bool) string {
	name := "selftest-" + toolchain.ID + "-" + selftest.ID
	if race {
		name += "-race"
	}
	return name
}

// selfTest tests a toolchain, keeps the result in the cache and returns it. If several
// commands begin at the same time, only one of them runs the test.
func (a *app) selfTest(ctx context.Context, toolchain *solution.NativeToolchain, kept *cache.Cache, entry string, race bool) ([]byte, error) {
	dir, release, err := kept.Hold(entry)
	if err != nil {
		return nil, err
	}
	defer release()
	result := filepath.Join(dir, selfTestResult)
	if text, err := os.ReadFile(result); err == nil {
		return text, nil
	}
	a.err.printf("preparing native simulation: Go compiles its standard library, once for each of its versions\n")
	source, remove, err := scratch.Dir()
	if err != nil {
		return nil, err
	}
	defer remove()
	if err := selftest.Write(source); err != nil {
		return nil, err
	}
	text := []byte(selfTestPassed)
	bin := filepath.Join(source, "node")
	err = toolchain.BuildTo(ctx, source, bin, race)
	var build *solution.BuildError
	switch {
	case errors.As(err, &build):
		text = []byte(selfTestFailed + "it does not build: " + firstLine(build.Output))
	case err != nil:
		return nil, err
	default:
		err := selftest.Run(ctx, bin)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			text = []byte(selfTestFailed + err.Error())
		}
	}
	return text, os.WriteFile(result, text, 0o666)
}

// A selfTestError is a self-test that failed. The result is kept in a file.
type selfTestError struct{ why, kept string }

func (e *selfTestError) Error() string { return "the self-test of its toolchain failed: " + e.why }
