package wasm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"glomers/internal/sim"
)

// Program is a compiled module that any number of nodes can run at the same time.
type Program struct {
	path    string
	runtime wazero.Runtime
	module  wazero.CompiledModule
	cache   wazero.CompilationCache
	memory  int64    // the limit for a node's memory and files together, in bytes
	missing []string // imported functions that the host does not have

	fuelPerStep, fuelPolling uint64 // how much a node may compute between two waits
}

// DefaultMemory is the default limit for a node's memory and files together, in bytes.
const DefaultMemory = 1 << 30

// Load compiles the module in a file. Unless cacheDir is empty, the machine code is
// cached there by the content of the module. A node gets at most memory bytes for its
// memory and its files together.
func Load(ctx context.Context, path, cacheDir string, memory int64) (*Program, error) {
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	metered, err := meter(code)
	if err != nil {
		return nil, fmt.Errorf("%s is not a WebAssembly module: %w", path, err)
	}
	p := &Program{path: path, memory: memory, fuelPerStep: fuelPerStep, fuelPolling: fuelPolling}
	config := wazero.NewRuntimeConfig().WithDebugInfoEnabled(false)
	if cacheDir != "" {
		if p.cache, err = wazero.NewCompilationCacheWithDir(cacheDir); err != nil {
			return nil, fmt.Errorf("open the cache of compiled modules: %w", err)
		}
		config = config.WithCompilationCache(p.cache)
	}
	p.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	if p.module, err = p.runtime.CompileModule(ctx, metered); err != nil {
		p.Close(ctx)
		return nil, fmt.Errorf("compile %s: %w", path, err)
	}
	if err := p.provideHost(ctx); err != nil {
		p.Close(ctx)
		return nil, fmt.Errorf("%s %w", path, err)
	}
	return p, nil
}

// Close frees the program. Its nodes must have been stopped.
func (p *Program) Close(ctx context.Context) error {
	err := p.runtime.Close(ctx)
	if p.cache != nil {
		err = errors.Join(err, p.cache.Close(ctx))
	}
	return err
}

const wasi = "wasi_snapshot_preview1"

// provideHost provides what the module imports.
func (p *Program) provideHost(ctx context.Context) error {
	start, ok := p.module.ExportedFunctions()["_start"]
	if !ok {
		return errors.New("is a library, not a program: expected it to export _start")
	}
	if len(start.ParamTypes())+len(start.ResultTypes()) > 0 {
		return errors.New("is not a program: expected its function _start to have neither parameters nor results")
	}
	if len(p.module.ExportedMemories()) == 0 {
		return errors.New("exports no memory, so that it cannot read or print anything; build it for wasip1")
	}
	builder := p.runtime.NewHostModuleBuilder(wasi)
	provided := map[string]bool{}
	for _, f := range p.module.ImportedFunctions() {
		module, name, _ := f.Import()
		if module == refuelModule && name == refuelName || provided[name] {
			continue
		}
		if module != wasi {
			return fmt.Errorf("imports %s from %s; a node can import only from %s, so build it for wasip1", name, module, wasi)
		}
		provided[name] = true
		call, ok := functions[name]
		if !ok {
			p.missing = append(p.missing, name)
			call = function{call: unsupported(name), params: f.ParamTypes(), results: f.ResultTypes()}
		}
		if !slices.Equal(call.params, f.ParamTypes()) || !slices.Equal(call.results, f.ResultTypes()) {
			return fmt.Errorf("imports %s with other parameters or results than that function has in wasip1", name)
		}
		builder.NewFunctionBuilder().WithGoModuleFunction(call.bind(), call.params, call.results).Export(name)
	}
	if _, err := builder.Instantiate(ctx); err != nil {
		return err
	}
	_, err := p.runtime.NewHostModuleBuilder(refuelModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(refuel), nil, nil).Export(refuelName).Instantiate(ctx)
	return err
}

// Missing names the functions that the module imports and the host does not have:
// calling one gives ENOSYS.
func (p *Program) Missing() []string { return p.missing }

// Supported lists the functions of wasip1 that the host has.
func Supported() string {
	return strings.Join(slices.Sorted(maps.Keys(functions)), ", ")
}

// machine is the machine of a node: the program, and a disk.
type machine struct {
	program *Program
	disk    *disk
}

// Machine returns a machine with an empty disk.
func (p *Program) Machine(string) (sim.Machine, error) {
	return &machine{p, newDisk(uint64(p.memory))}, nil
}

// Files yields the files that are not empty.
func (m *machine) Files() iter.Seq2[string, io.Reader] { return m.disk.files() }

// Close frees the disk.
func (m *machine) Close() error {
	m.disk = nil
	return nil
}
