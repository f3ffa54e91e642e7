// Package wasm runs nodes as WebAssembly modules for wasip1
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md), in
// virtual time: the same seed gives the same run.
//
// A node runs until it waits: for input, for a timer, or both. Go's runtime, and
// that of every other language, does so in poll_oneoff, which is where a node is
// parked and the kernel goes on. All that a node can know of its surroundings,
// the time, random numbers, its input, its files, comes from this package.
package wasm

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Program is a compiled module, of which any number of nodes can run at a time.
type Program struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
	cache   wazero.CompilationCache
	memory  int64    // the most that a node may have, in bytes
	missing []string // imported functions that the host does not have
}

// DefaultMemory is the most memory of a node, in bytes, where nothing else is
// said.
const DefaultMemory = 1 << 30

// Load compiles the module in a file. What the compiler makes of it is kept below
// cacheDir, by content, unless cacheDir is empty. A node gets at most memory
// bytes.
func Load(ctx context.Context, path, cacheDir string, memory int64) (*Program, error) {
	code, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p := &Program{memory: memory}
	metered, err := meter(code)
	if err != nil {
		return nil, fmt.Errorf("%s is not a WebAssembly module: %w", path, err)
	}
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
	if err := p.host(ctx); err != nil {
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

// host provides what the module imports.
func (p *Program) host(ctx context.Context) error {
	if _, ok := p.module.ExportedFunctions()["_start"]; !ok {
		return errors.New("is a library, not a program: expected it to export _start")
	}
	builder := p.runtime.NewHostModuleBuilder(wasi)
	needed := map[string]bool{}
	for _, f := range p.module.ImportedFunctions() {
		module, name, _ := f.Import()
		if module != wasi {
			return fmt.Errorf("imports %s from %s; a node can import only from %s, so build it for wasip1", name, module, wasi)
		}
		if needed[name] {
			continue
		}
		needed[name] = true
		call, ok := functions[name]
		if !ok {
			p.missing = append(p.missing, name)
			call = unsupported(name)
		}
		builder.NewFunctionBuilder().WithGoModuleFunction(call.bind(len(f.ResultTypes())), f.ParamTypes(), f.ResultTypes()).Export(name)
	}
	_, err := builder.Instantiate(ctx)
	return err
}

// Missing names the functions that the module imports and the host does not have:
// calling one gives ENOSYS.
func (p *Program) Missing() []string { return p.missing }

// hostFunc is a function of the host: parameters in, error number out.
type hostFunc func(n *node, args []uint64) errno

// nodeContext carries the node that calls. It is passed through wazero as it is.
type nodeContext struct {
	context.Context
	node *node
}

func (f hostFunc) bind(results int) api.GoModuleFunc {
	return func(ctx context.Context, _ api.Module, stack []uint64) {
		e := f(ctx.(*nodeContext).node, stack)
		if results > 0 {
			stack[0] = uint64(e)
		}
	}
}

func unsupported(name string) hostFunc {
	return func(n *node, _ []uint64) errno {
		n.engine.missing(n, name)
		return eNOSYS
	}
}

// Supported lists the functions of wasip1 that the host has.
func Supported() string {
	return strings.Join(slices.Sorted(maps.Keys(functions)), ", ")
}
