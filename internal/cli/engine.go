package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/cache"
	"glomers/internal/process"
	"glomers/internal/runner"
	"glomers/internal/sim"
	"glomers/internal/sim/wasm"
	"glomers/internal/solution"
	"glomers/internal/spec"
	"glomers/internal/verdict"
)

// The values of --engine. A recorded test has one of the last four; in runs recorded by
// older versions sim means wasm.
const (
	engineSim       = "sim" // the better one of the next two that is available
	engineNative    = "native"
	engineWasm      = "wasm"
	engineProcess   = "process"
	engineMaelstrom = "maelstrom"
)

var engines = []string{engineSim, engineNative, engineWasm, engineProcess, engineMaelstrom}

// simulates reports whether an engine runs nodes in virtual time.
func simulates(engine string) bool {
	return engine == engineSim || engine == engineNative || engine == engineWasm
}

// wanted returns the engine that the flags ask for. A target that can be simulated is,
// unless the user chose otherwise: then the result is engineSim, and chooseEngine finds
// out which of the two.
func (t target) wanted(f *testFlags) (string, error) {
	switch {
	case f.Race && (t.bin != "" || t.wasm != ""):
		return "", errors.New("--race needs a Go package to build; build the executable with go build -race instead")
	case f.Race && f.Engine == engineWasm:
		return "", errors.New("--race needs --engine native or process: the race detector does not exist for WebAssembly")
	case t.bin != "" && simulates(f.Engine):
		return "", fmt.Errorf("--engine %s cannot run the executable %s; give it a Go package, or a module for wasip1 with --wasm", f.Engine, t.bin)
	case t.wasm != "" && f.Engine != "" && f.Engine != engineSim && f.Engine != engineWasm:
		return "", fmt.Errorf("--engine %s cannot run the WebAssembly module %s; --engine sim can", f.Engine, t.wasm)
	case t.wasm != "":
		return engineWasm, nil
	case f.Engine != "":
		return f.Engine, nil
	case t.bin != "":
		return engineProcess, nil
	}
	return engineSim, nil
}

// chooseEngine returns the engine for a target. Of the two that simulate it is the
// native one where that is available.
func (a *app) chooseEngine(ctx context.Context, t target, f *testFlags) (string, error) {
	engine, err := t.wanted(f)
	if err != nil || engine != engineSim {
		return engine, err
	}
	switch name := os.Getenv(engineVariable); name {
	case "", engineNative:
	case engineWasm:
		if !f.Race {
			return engineWasm, nil
		}
	default:
		return "", fmt.Errorf("%s is %q, expected native or wasm: what simulates Go packages", engineVariable, name)
	}
	if err := solution.CheckSource(t.dir); err != nil {
		return "", err
	}
	_, err = a.nativeToolchain(ctx, t.dir, f.Race)
	var unavailable *solution.UnavailableError
	switch {
	case err == nil:
		return engineNative, nil
	case !errors.As(err, &unavailable) || f.Yields > 0 || f.Race && f.Engine == engineSim || os.Getenv(engineVariable) == engineNative:
		return "", err
	case f.Race:
		return engineProcess, nil
	}
	return engineWasm, nil
}

// engineVariable is the environment variable that chooses the engine for --engine sim.
const engineVariable = "GLOMERS_ENGINE"

// nameEngine adds the engine that was chosen to the words of the command, so that the
// command repeats the run on any machine: native and wasm have different schedules.
func (a *app) nameEngine(t target, f *testFlags, engine string) {
	if t.dir != "" && simulates(engine) && f.Engine != engine {
		a.words = withFlag(a.words, "engine", engine)
	}
}

// subject is a target that is ready to run, any number of times.
type subject struct {
	bin     string  // for the engines that run executables
	program program // for the engines that simulate
	sum     string  // see spec.Host.Program
	trace   bool    // nodes log where goroutines give way
}

// program is what simulated nodes run.
type program interface {
	sim.Program
	Close(context.Context) error
}

// prepare builds a target for an engine. Executables are built below dir.
func (a *app) prepare(ctx context.Context, t target, h spec.Host, dir string) (*subject, error) {
	if t.dir != "" {
		a.err.printf("building %s\n", t)
		note := time.AfterFunc(8*time.Second, func() {
			a.err.printf("still building: the first time, Go fetches the modules that are missing and compiles the standard library\n")
		})
		defer note.Stop()
	}
	if simulates(h.Engine) {
		return a.loadProgram(ctx, t, h, dir)
	}
	var bin string
	var err error
	switch {
	case t.bin != "":
		bin, err = solution.CheckBin(t.bin)
	case h.Race:
		bin, err = solution.BuildRace(ctx, t.dir, dir)
	default:
		bin, err = solution.Build(ctx, t.dir, dir, nil)
	}
	if err != nil {
		return nil, err
	}
	sum, err := sumOf(bin, t.args)
	return &subject{bin: bin, sum: sum}, err
}

// sumOf identifies a program by what it is run from and by its arguments.
func sumOf(path string, args []string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("identify the program: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("identify the program: %w", err)
	}
	for _, arg := range args {
		fmt.Fprintf(sum, "\x00%s", arg)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (s *subject) close() {
	if s.program != nil {
		s.program.Close(context.Background())
	}
}

// loadProgram compiles a target for the simulation, or finds it compiled in the
// cache.
func (a *app) loadProgram(ctx context.Context, t target, h spec.Host, dir string) (*subject, error) {
	// A run allocates much and retains little, and compiled WebAssembly makes the garbage
	// collector wait. So let it run less often.
	debug.SetGCPercent(400)
	if h.Engine == engineNative {
		return a.loadNative(ctx, t, h)
	}
	parent := cacheDir(dir)
	module := t.wasm
	if module == "" {
		built, err := cache.Open(filepath.Join(parent, builtPart))
		if err != nil {
			return nil, err
		}
		if module, err = solution.BuildWasm(ctx, t.dir, built); err != nil {
			return nil, err
		}
	}
	content, err := sumOf(module, nil)
	if err != nil {
		return nil, err
	}
	compiled, err := cache.Open(filepath.Join(parent, compiledPart))
	if err != nil {
		return nil, err
	}
	code, err := compiled.Use(content)
	if err != nil {
		return nil, err
	}
	program, err := wasm.Load(ctx, module, code, int64(h.NodeMemory)<<20)
	if err != nil {
		return nil, err
	}
	sum, err := sumOf(module, t.args)
	return &subject{program: program, sum: sum}, err
}

// The directories of the cache.
const (
	builtPart    = "build"    // programs, by where their sources are, and edited toolchains
	compiledPart = "compiled" // machine code of WebAssembly modules, by the content of the module
)

var cacheParts = []string{builtPart, compiledPart}

// cacheDir returns where compiled solutions are kept: $GLOMERS_CACHE, or below the user's
// cache directory, or otherwise if neither can be used.
func cacheDir(otherwise string) string {
	dir := os.Getenv("GLOMERS_CACHE")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return otherwise
		}
		dir = filepath.Join(user, "glomers")
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return otherwise
	}
	return dir
}

// nodeFiles keeps what nodes leave behind.
type nodeFiles interface {
	NodeLog(node string) (io.WriteCloser, error)
	NodeFile(node, path string) (io.WriteCloser, error)
}

// engine returns a function that makes the engine for one run of a test.
func (s *subject) engine(h spec.Host, files nodeFiles, log *slog.Logger, logStderr bool) verdict.Engine {
	var stderr func(node, line string)
	if logStderr {
		stderr = func(node, line string) { log.Info("stderr", "node", node, "line", line) }
	}
	return func(receive func(journal.Message) error) runner.Engine {
		if s.program != nil {
			return sim.New(sim.Options{
				Program: s.program, Args: h.Args, CPUCost: sim.Constant(time.Duration(h.CPUCost)), Yields: h.Yields, Trace: s.trace, Log: files.NodeLog, File: files.NodeFile, Stderr: stderr,
				Warn: func(node, text string) { log.Warn("the node "+text, "node", node) },
			}, receive)
		}
		return process.New(process.Options{Bin: s.bin, Args: h.Args, Log: files.NodeLog, Stderr: stderr}, receive)
	}
}

// noFiles discards what nodes leave behind.
type noFiles struct{}

type nowhere struct{ io.Writer }

func (nowhere) Close() error { return nil }

func (noFiles) NodeLog(string) (io.WriteCloser, error)          { return nowhere{io.Discard}, nil }
func (noFiles) NodeFile(string, string) (io.WriteCloser, error) { return nowhere{io.Discard}, nil }

// repeat returns the command line that repeats a run.
func repeat(words []string, seed uint64) string {
	return commandLine(withFlag(words, "seed", strconv.FormatUint(seed, 10)))
}

// commandLine returns a command line of glomers, quoted for a shell.
func commandLine(words []string) string {
	quoted := []string{"glomers"}
	for _, word := range words {
		if word == "" || strings.ContainsAny(word, " \t\n'\"\\$*?;&|<>()[]{}!#~`") {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		quoted = append(quoted, word)
	}
	return strings.Join(quoted, " ")
}
