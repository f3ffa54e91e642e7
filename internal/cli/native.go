package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"glomers/internal/sim/native"
	"glomers/internal/sim/native/selftest"
	"glomers/internal/solution"
	"glomers/internal/spec"
)

// loadNative builds a target for native simulation.
func loadNative(ctx context.Context, t target, h spec.Host, cache string) (*subject, error) {
	toolchain, err := nativeToolchain(ctx, t.dir, cache, h.Race)
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
// simulation. Before it is used for the first time it must pass the self-test,
// whose result is kept in the cache. The error is a *solution.UnavailableError if
// it cannot be used.
func nativeToolchain(ctx context.Context, dir, cache string, race bool) (*solution.NativeToolchain, error) {
	build := filepath.Join(cache, "build")
	if err := os.MkdirAll(build, 0o777); err != nil {
		return nil, err
	}
	toolchain, err := solution.FindNativeToolchain(ctx, dir, build)
	if err != nil {
		return nil, err
	}
	result := filepath.Join(build, "selftest-"+toolchain.ID+"-"+selftest.ID)
	if race {
		result += "-race"
	}
	if text, err := os.ReadFile(result); err == nil {
		if why, failed := strings.CutPrefix(string(text), "failed: "); failed {
			return nil, &solution.UnavailableError{Dir: dir, Err: fmt.Errorf("the self-test of its toolchain failed: %s", why)}
		}
		return toolchain, nil
	}
	source, err := os.MkdirTemp("", "glomers-selftest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(source)
	if err := selftest.Write(source); err != nil {
		return nil, err
	}
	bin, err := toolchain.Build(ctx, source, race)
	if err != nil {
		return nil, err
	}
	defer os.Remove(bin)
	verdict := "passed"
	failed := selftest.Run(ctx, bin)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if failed != nil {
		verdict = "failed: " + failed.Error()
	}
	if err := os.WriteFile(result, []byte(verdict), 0o666); err != nil {
		return nil, err
	}
	if failed != nil {
		return nil, &solution.UnavailableError{Dir: dir, Err: fmt.Errorf("the self-test of its toolchain failed: %w", failed)}
	}
	return toolchain, nil
}
