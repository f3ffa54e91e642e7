// Package selftest finds out whether a toolchain builds programs whose native
// simulation is deterministic: it runs a program with everything whose outcome could
// depend on the machine, several times, and compares the outputs.
package selftest

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"glomers/internal/kernel"
	"glomers/internal/sim"
	"glomers/internal/sim/native"
)

//go:embed testdata/program/main.go
var program []byte

// ID identifies the version of the test: it changes with the test's program.
var ID = func() string {
	sum := sha256.Sum256(program)
	return hex.EncodeToString(sum[:4])
}()

// Write writes the program of the test to a directory, as a module.
func Write(dir string) error {
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "main.go"), program, 0o666),
		os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module selftest\n\ngo 1.22\n"), 0o666),
	)
}

// How often and how long the program runs.
const (
	repetitions = 3
	rounds      = 3
	longest     = time.Second // of virtual time, for a round
)

// limit is how long the whole test may take. It needs a second of CPU time. A program
// that was built without the edits would wait for ever.
const limit = 3 * time.Minute

// Run runs the program, built for native simulation, several times with one seed and
// once with another. It returns an error if outputs with one seed differ, or those with
// two seeds do not.
func Run(ctx context.Context, bin string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("the program did not end within %v", limit))
	defer cancel()
	err := run(ctx, bin)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// run is Run without a limit.
func run(ctx context.Context, bin string) error {
	first, err := hash(ctx, bin, 1)
	if err != nil {
		return err
	}
	for range repetitions - 1 {
		again, err := hash(ctx, bin, 1)
		if err != nil {
			return err
		}
		if again != first {
			return errors.New("two runs with the same seed differ")
		}
	}
	other, err := hash(ctx, bin, 2)
	if err != nil {
		return err
	}
	if other == first {
		return errors.New("runs with different seeds do not differ")
	}
	return nil
}

// hash runs the program and returns a hash of all that it printed, and when.
func hash(ctx context.Context, bin string, seed uint64) (string, error) {
	p, err := native.Load(bin, native.Options{Memory: 1 << 30})
	if err != nil {
		return "", err
	}
	defer p.Close(ctx)
	machine, err := p.Machine("n0")
	if err != nil {
		return "", err
	}
	defer machine.Close()
	sum, lines := sha256.New(), 0
	guest, err := machine.Boot(ctx, sim.Boot{PID: 2, Random: kernel.New(seed).Rand("self-test"), Output: func(o sim.Output) error {
		lines++
		fmt.Fprintf(sum, "%d %d %s", o.Stream, o.At, o.Data)
		return nil
	}})
	if err != nil {
		return "", err
	}
	defer guest.Kill()
	wait, err := guest.Resume(sim.Step{})
	for round := range rounds {
		if err == nil {
			wait, err = guest.Resume(sim.Step{Now: wait.Clock, Input: fmt.Appendf(nil, "round %d\n", round)})
		}
		for end := wait.Clock + longest; err == nil && wait.Deadline != sim.Never && wait.Deadline < end; {
			wait, err = guest.Resume(sim.Step{Now: wait.Deadline})
		}
	}
	switch {
	case err != nil:
		return "", fmt.Errorf("the program %w", err)
	case lines < 100 || !wait.Input:
		return "", fmt.Errorf("the program printed %d lines and waits for %+v", lines, wait)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
