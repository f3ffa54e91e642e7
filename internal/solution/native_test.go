package solution

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"glomers/internal/toolchaintest"

	stdlib "glomers/internal/sim/native/overlay"
)

// TestOldGo: a version of Go that is too old is named.
func TestOldGo(t *testing.T) {
	if err := stdlib.Supported(runtime.GOOS, runtime.GOARCH); err != nil {
		t.Skip(err)
	}
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "VERSION"), []byte("go1.23.12\ntime 2025-08-01T16:38:48Z\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOROOT", root)
	var unavailable *UnavailableError
	_, err := FindNativeToolchain(context.Background(), t.TempDir(), openCache(t))
	if !errors.As(err, &unavailable) || !strings.Contains(err.Error(), "it needs go1.24 or later, and go1.23.12 builds this package") {
		t.Errorf("the error is %v", err)
	}
}

// TestToolchainStays: what a toolchain builds is built by it, whatever the go command
// chooses there.
func TestToolchainStays(t *testing.T) {
	if err := stdlib.Supported(runtime.GOOS, runtime.GOARCH); err != nil {
		t.Skip(err)
	}
	toolchaintest.Each(t, func(t *testing.T, version string) {
		t.Setenv("GOTOOLCHAIN", version)
		toolchain, err := FindNativeToolchain(context.Background(), t.TempDir(), openCache(t))
		if err != nil {
			t.Fatal(err)
		}
		for _, elsewhere := range toolchaintest.Versions() {
			cmd := exec.Command(goCommand(toolchain.env), "version")
			cmd.Env = append(append(os.Environ(), "GOTOOLCHAIN="+elsewhere), toolchain.env...)
			if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), version+" ") {
				t.Errorf("where %s is the choice, %s is run: %v", elsewhere, out, err)
			}
		}
	})
}
