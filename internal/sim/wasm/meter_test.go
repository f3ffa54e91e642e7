package wasm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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

// runtime returns one whose function refuel ends the guest.
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

// TestMeterGo meters a program of the Go compiler, and loads it.
func TestMeterGo(t *testing.T) {
	out := filepath.Join(t.TempDir(), "node.wasm")
	cmd := exec.Command("go", "build", "-o", out, "../../../stages/1-echo")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	code, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	metered, err := meter(code)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(code, metered) {
		t.Error("the module was not changed")
	}
	p, err := Load(context.Background(), out, "", DefaultMemory)
	if err != nil {
		t.Fatal(err)
	}
	if missing := p.Missing(); len(missing) > 0 {
		t.Errorf("the host lacks %v, which Go's runtime imports", missing)
	}
	p.Close(context.Background())
}

// FuzzMeter: whatever is not a module is an error.
func FuzzMeter(f *testing.F) {
	f.Add(spinner)
	f.Add(spinner[:len(spinner)-3])
	f.Fuzz(func(t *testing.T, module []byte) {
		metered, err := meter(module)
		if err == nil && !bytes.Contains(metered, []byte(fuelName)) {
			t.Error("it has no fuel")
		}
	})
}
