package solution

import (
	"context"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"glomers/internal/toolchaintest"

	stdlib "glomers/internal/sim/native/overlay"
	"glomers/internal/sim/native/selftest"
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

// TestOtherProcessors: with the edits, the standard library compiles for each of the
// processors, and each has an executable of its own.
func TestOtherProcessors(t *testing.T) {
	if err := stdlib.Supported(runtime.GOOS, runtime.GOARCH); err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	if err := selftest.Write(dir); err != nil {
		t.Fatal(err)
	}
	for arch, machine := range map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64} {
		toolchain, err := findNativeToolchain(context.Background(), dir, openCache(t), arch)
		if err != nil {
			t.Fatal(err)
		}
		bin := filepath.Join(t.TempDir(), "node")
		err = toolchain.BuildTo(context.Background(), dir, bin, false)
		var failed *BuildError
		if errors.As(err, &failed) {
			t.Fatal(failed.Output)
		}
		if err != nil {
			t.Fatal(err)
		}
		file, err := elf.Open(bin)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if file.Machine != machine {
			t.Errorf("%s: the executable is for %v", arch, file.Machine)
		}
	}
}
