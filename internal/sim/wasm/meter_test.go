package wasm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// spinner is a module that exports f(n), which adds up the numbers from n to 1 in
// a loop:
//
//	(func (export "f") (param i64) (result i64) (local i64)
//	  (loop (local.set 1 (i64.add (local.get 1) (local.get 0)))
//	        (br_if 0 (i32.eqz (i64.eqz (local.tee 0 (i64.sub (local.get 0) (i64.const 1)))))))
//	  (local.get 1))
var spinner = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x06\x01\x60\x01\x7e\x01\x7e" + // a type: i64 → i64
	"\x03\x02\x01\x00" + // a function of it
	"\x07\x05\x01\x01f\x00\x00" + // its export
	"\x0a\x1d\x01\x1b\x01\x01\x7e" + // its code, with a local variable
	"\x03\x40\x20\x01\x20\x00\x7c\x21\x01\x20\x00\x42\x01\x7d\x22\x00\x50\x45\x0d\x00\x0b\x20\x01\x0b")

// starving returns a runtime whose function refuel ends the guest.
func starving(t *testing.T, ctx context.Context) wazero.Runtime {
	t.Helper()
	r := wazero.NewRuntime(ctx)
	t.Cleanup(func() { r.Close(ctx) })
	_, err := r.NewHostModuleBuilder(refuelModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(func(context.Context, api.Module, []uint64) { panic(errFuel) }), nil, nil).
		Export(refuelName).Instantiate(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMeterCountsIterations(t *testing.T) {
	metered, err := meter(spinner)
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	m, err := starving(t, ctx).Instantiate(ctx, metered)
	if err != nil {
		t.Fatal(err)
	}
	fuel := m.ExportedGlobal(fuelName).(api.MutableGlobal)
	fuel.Set(10)
	got, err := m.ExportedFunction("f").Call(ctx, 10)
	if err != nil || got[0] != 55 || fuel.Get() != 0 {
		t.Errorf("ten iterations give %v, %v and leave %d, want 55 and 0", got, err, fuel.Get())
	}
	fuel.Set(9)
	if _, err := m.ExportedFunction("f").Call(ctx, 10); !errors.Is(err, errFuel) {
		t.Errorf("the tenth iteration of nine gives %v, want %v", err, errFuel)
	}
}

// TestMeterCountsCalls: recursion takes fuel without any loop.
//
//	(func $f (export "f") (param i32)
//	  (if (i32.eqz (local.get 0)) (then return))
//	  (call $f (i32.sub (local.get 0) (i32.const 1)))
//	  (call $f (i32.sub (local.get 0) (i32.const 1))))
func TestMeterCountsCalls(t *testing.T) {
	fuel, f := run(t, assemble(
		section{sectionType, []byte("\x01\x60\x01\x7f\x00")},
		section{sectionFunction, []byte("\x01\x00")},
		section{sectionExport, []byte("\x01\x01f\x00\x00")},
		section{sectionCode, function1("\x00\x20\x00\x45\x04\x40\x0f\x0b\x20\x00\x41\x01\x6b\x10\x00\x20\x00\x41\x01\x6b\x10\x00\x0b")},
	))
	fuel.Set(2047)
	if _, err := f.Call(context.Background(), 10); err != nil || fuel.Get() != 0 {
		t.Errorf("2047 calls give %v and leave %d, want none", err, int64(fuel.Get()))
	}
	if _, err := f.Call(context.Background(), 1<<30); !errors.Is(err, errFuel) {
		t.Errorf("recursion without end gives %v, want %v", err, errFuel)
	}
}

// TestMeterCountsBytes: filling memory takes a unit for each sixteen bytes.
//
//	(func (export "f") (param i32) (memory.fill (i32.const 0) (i32.const 7) (local.get 0)))
func TestMeterCountsBytes(t *testing.T) {
	fuel, f := run(t, assemble(
		section{sectionType, []byte("\x01\x60\x01\x7f\x00")},
		section{sectionFunction, []byte("\x01\x00")},
		section{5, []byte("\x01\x00\x10")}, // a memory of 1 MiB
		section{sectionExport, []byte("\x01\x01f\x00\x00")},
		section{sectionCode, function1("\x00\x41\x00\x41\x07\x20\x00\xfc\x0b\x00\x0b")},
	))
	fuel.Set(1 << 16)
	if _, err := f.Call(context.Background(), 1<<20); err != nil || fuel.Get() != 0 {
		t.Errorf("filling a mebibyte gives %v and leaves %d units of 65536, want none", err, int64(fuel.Get()))
	}
	if _, err := f.Call(context.Background(), 16); !errors.Is(err, errFuel) {
		t.Errorf("filling more gives %v, want %v", err, errFuel)
	}
}

// TestMeterKeepsReferences: functions are found under their new numbers in tables,
// global variables, exports and the start section.
//
//	(table 1 funcref) (elem (i32.const 0) $a) (elem declare func $a)
//	(global funcref (ref.func $a)) (global $started (mut i32) (i32.const 0)) (start $s)
//	(func $a (result i32) (i32.const 42))
//	(func (export "f") (result i32) (i32.add (call_indirect (i32.const 0)) (global.get $started)))
//	(func $s (global.set $started (i32.const 1)))
func TestMeterKeepsReferences(t *testing.T) {
	fuel, f := run(t, assemble(
		section{sectionType, []byte("\x02\x60\x00\x01\x7f\x60\x00\x00")},
		section{sectionFunction, []byte("\x03\x00\x00\x01")},
		section{4, []byte("\x01\x70\x00\x01")},
		section{sectionGlobal, []byte("\x02\x70\x00\xd2\x00\x0b\x7f\x01\x41\x00\x0b")},
		section{sectionExport, []byte("\x01\x01f\x00\x01")},
		section{sectionStart, []byte("\x02")},
		section{sectionElement, []byte("\x02\x00\x41\x00\x0b\x01\x00\x03\x00\x01\x00")},
		section{sectionCode, append([]byte{3}, appendBytes(appendBytes(appendBytes(nil, []byte("\x00\x41\x2a\x0b")),
			[]byte("\x00\x41\x00\x11\x00\x00\x23\x01\x6a\x0b")), []byte("\x00\x41\x01\x24\x01\x0b"))...)},
	))
	fuel.Set(10)
	got, err := f.Call(context.Background())
	if err != nil || got[0] != 43 {
		t.Errorf("the call through the table gives %v, %v, want 43", got, err)
	}
}

// assemble makes a module of sections, which must be valid before it is metered.
func assemble(all ...section) []byte { return join(all) }

// function1 is a code section of one function.
func function1(code string) []byte { return appendBytes([]byte{1}, []byte(code)) }

// run meters and instantiates a module, with fuel for its start, and returns its
// fuel and its function f.
func run(t *testing.T, module []byte) (api.MutableGlobal, api.Function) {
	t.Helper()
	ctx := context.Background()
	if _, err := starving(t, ctx).CompileModule(ctx, module); err != nil {
		t.Fatalf("the test's own module is wrong: %v", err)
	}
	metered, err := meter(module)
	if err != nil {
		t.Fatal(err)
	}
	m, err := starving(t, ctx).Instantiate(ctx, metered)
	if err != nil {
		t.Fatal(err)
	}
	return m.ExportedGlobal(fuelName).(api.MutableGlobal), m.ExportedFunction("f")
}

// TestMeterGo meters a program of the Go compiler, whose names remain.
func TestMeterGo(t *testing.T) {
	p := testProgram(t)
	if missing := p.Missing(); len(missing) > 0 {
		t.Errorf("the host lacks %v, which Go's runtime imports", missing)
	}
	code, err := os.ReadFile(p.path)
	if err != nil {
		t.Fatal(err)
	}
	metered, err := meter(code)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(metered, []byte("main.poll")) {
		t.Error("the names of functions are lost")
	}
	if size := len(metered); size > len(code)*5/4 {
		t.Errorf("%d bytes became %d", len(code), size)
	}
	file, line, ok := declaration(code, "main.poll")
	if !ok || filepath.Base(file) != "main.go" || line < 50 {
		t.Errorf("main.poll is declared at %s:%d, %v", file, line, ok)
	}
	if _, _, ok := declaration(code[:len(code)/2], "main.poll"); ok {
		t.Error("half a module has declarations")
	}
}

func TestNotAProgram(t *testing.T) {
	for name, test := range map[string]struct{ module, want string }{
		"empty":                 {"", "is not a WebAssembly module"},
		"text":                  {"#!/bin/sh\n", "is not a WebAssembly module"},
		"cut off":               {string(spinner[:len(spinner)-3]), "is not a WebAssembly module: it ends early"},
		"more data than bytes":  {string(assemble(section{sectionData, []byte("\xff\xff\xff\xff\x0f")})), "section 11 cannot have 4294967295 items, as it says: it has 5 bytes"},
		"more types than bytes": {string(assemble(section{sectionType, []byte("\x80\x80\x80\x80\x01")})), "section 1 cannot have 268435456 items"},
		"four billion locals": {string(assemble(section{sectionType, []byte("\x01\x60\x00\x00")}, section{sectionFunction, []byte("\x01\x00")},
			section{sectionCode, function1("\x01\xff\xff\xff\xff\x0f\x7f\x0b")})), "function 0 has more than 50000 parameters and locals"},
		"library": {string(spinner), "is a library, not a program"},
		"start that takes parameters": {string(assemble(section{sectionType, []byte("\x01\x60\x01\x7f\x00")}, section{sectionFunction, []byte("\x01\x00")},
			section{sectionExport, []byte("\x01\x06_start\x00\x00")}, section{sectionCode, function1("\x00\x0b")})), "neither parameters nor results"},
		"no memory": {string(assemble(section{sectionType, []byte("\x01\x60\x00\x00")}, section{sectionFunction, []byte("\x01\x00")},
			section{sectionExport, []byte("\x01\x06_start\x00\x00")}, section{sectionCode, function1("\x00\x0b")})), "exports no memory"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.wasm")
			if err := os.WriteFile(path, []byte(test.module), 0o666); err != nil {
				t.Fatal(err)
			}
			p, err := Load(context.Background(), path, "", 16<<20)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got the error %v, want one with %q", err, test.want)
			}
			if p != nil {
				p.Close(context.Background())
			}
		})
	}
}

// FuzzMeter: a module that is valid stays valid, with fuel; whatever is not a
// module is an error of one of the two.
func FuzzMeter(f *testing.F) {
	f.Add(spinner)
	f.Add(spinner[:len(spinner)-3])
	f.Add(assemble(section{sectionData, []byte("\x9a\xc3\xdf\x3e")})) // 131 million items in four bytes
	f.Add(assemble(
		section{sectionType, []byte("\x02\x60\x00\x01\x7f\x60\x00\x00")},
		section{sectionFunction, []byte("\x02\x00\x01")},
		section{4, []byte("\x01\x70\x00\x01")},
		section{5, []byte("\x01\x00\x01")},
		section{sectionElement, []byte("\x01\x00\x41\x00\x0b\x01\x00")},
		section{sectionCode, append([]byte{2}, appendBytes(appendBytes(nil, []byte("\x00\x41\x2a\x0b")), []byte("\x00\x41\x00\x41\x00\x41\x00\xfc\x0b\x00\x10\x01\x0b"))...)},
		section{sectionCustom, []byte("\x04name\x01\x04\x01\x00\x01f")},
	))
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	f.Fuzz(func(t *testing.T, module []byte) {
		if _, err := sections(module); err != nil { // before wazero notices, it makes room for all items that a section says it has
			return
		}
		metered, meterErr := meter(module)
		valid, err := r.CompileModule(ctx, module)
		if err != nil {
			return // meter may take it for one, wazero will not
		}
		defer valid.Close(ctx)
		if meterErr != nil {
			t.Fatalf("a valid module cannot be metered: %v", meterErr)
		}
		after, err := r.CompileModule(ctx, metered)
		if err != nil {
			t.Fatalf("the metered module is not valid: %v", err)
		}
		defer after.Close(ctx)
		imports := after.ImportedFunctions()
		if len(imports) != len(valid.ImportedFunctions())+1 {
			t.Errorf("it imports %d functions, %d before it was metered", len(imports), len(valid.ImportedFunctions()))
		}
		for name, f := range valid.ExportedFunctions() {
			g := after.ExportedFunctions()[name]
			if g == nil || !slices.Equal(f.ParamTypes(), g.ParamTypes()) || !slices.Equal(f.ResultTypes(), g.ResultTypes()) {
				t.Errorf("the export %q is another function", name)
			}
		}
	})
}
