package solution

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"glomers/internal/cache"
)

func write(t *testing.T, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func openCache(t *testing.T) *cache.Cache {
	t.Helper()
	c, err := cache.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestCheckBin(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows knows executables by their names")
	}
	for _, c := range []struct {
		text string
		mode os.FileMode
		want string // empty if it can be run
	}{
		{"#!/bin/sh\necho\n", 0o755, ""},
		{"\x7fELF\x02\x01\x01\x00", 0o755, ""},
		{"#!/bin/sh\n", 0o644, "is not executable; try: chmod +x"},
		{"import sys\nprint(1)\n", 0o755, "is a script without #!; its first line must name the interpreter"},
		{"#!/usr/bin/env python3\r\nprint(1)\r\n", 0o755, "has Windows line ends"},
		{"\ufeff#!/bin/sh\n", 0o755, "begins with a byte order mark"},
		{"", 0o755, "is empty"},
	} {
		_, err := CheckBin(write(t, "node", c.text, c.mode))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: found the error %v, expected %q", c.text, err, c.want)
		}
	}
}

// A path that is no file is refused with what was expected there.
func TestCheckBinPaths(t *testing.T) {
	dir := t.TempDir()
	for path, want := range map[string]string{
		dir:                           dir + " is a directory; expected an executable",
		filepath.Join(dir, "nowhere"): filepath.Join(dir, "nowhere") + " does not exist; expected an executable",
	} {
		if _, err := CheckBin(path); err == nil || err.Error() != want {
			t.Errorf("found the error %v, expected %s", err, want)
		}
	}
}

// A single file is a program too, though other files beside it are not part of it.
func TestBuildFile(t *testing.T) {
	file := write(t, "node.go", "package main\n\nfunc main() {}\n", 0o644)
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "other.go"), []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	bin, err := Build(context.Background(), file, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if name := strings.TrimSuffix(filepath.Base(bin), ".exe"); name != "node" {
		t.Errorf("the executable is called %s, expected node", name)
	}
	var failed *BuildError
	if _, err := Build(context.Background(), filepath.Dir(file), t.TempDir(), nil); !errors.As(err, &failed) {
		t.Errorf("found the error %v for two main functions, expected a BuildError", err)
	}
}

// A full disk is not the program's fault.
func TestNoSpace(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the stand-in for the go command is a shell script")
	}
	file := write(t, "node.go", "package main\n\nfunc main() {}\n", 0o644)
	path := os.Getenv("PATH")
	for _, words := range []string{"no space left on device", "disk quota exceeded", "file too large", "There is not enough space on the disk."} {
		fake := write(t, "go", "#!/bin/sh\necho 'go: write /cache/b001: "+words+"' >&2\nexit 1\n", 0o755)
		t.Setenv("PATH", filepath.Dir(fake)+string(filepath.ListSeparator)+path)
		var space *SpaceError
		_, err := Build(context.Background(), file, t.TempDir(), nil)
		if !errors.As(err, &space) || !strings.Contains(space.Output, words) || !strings.Contains(err.Error(), "set GOCACHE, GOTMPDIR and GLOMERS_CACHE to directories on another disk") {
			t.Errorf("found %v, expected a SpaceError that says %s and what to do", err, words)
		}
		if _, err := BuildWasm(context.Background(), file, openCache(t)); !errors.As(err, &space) {
			t.Errorf("found %v, expected a SpaceError", err)
		}
	}
}

// Where there is no module, a file and a package can import Maelstrom's library, and no
// other one; errors name the file.
func TestBuildWithoutModule(t *testing.T) {
	const text = "package main\n\nimport maelstrom \"github.com/jepsen-io/maelstrom/demo/go\"\n\nfunc main() {\n\tfor range 2 {\n\t\t_ = maelstrom.NewNode()\n\t}\n}\n"
	file := write(t, "node.go", text, 0o644)
	dir := filepath.Dir(write(t, "main.go", text, 0o644))
	if err := os.WriteFile(filepath.Join(dir, "main_test.go"), []byte("package main\n\nimport _ \"testing\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, dir} {
		if _, err := Build(context.Background(), path, t.TempDir(), nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	var failed *BuildError
	other := write(t, "other.go", "package main\n\nimport _ \"example.com/other\"\n\nfunc main() {}\n", 0o644)
	if _, err := Build(context.Background(), other, t.TempDir(), nil); !errors.As(err, &failed) || !strings.Contains(failed.Output, "other.go:3:8: no required module provides package example.com/other") {
		t.Errorf("found %v, expected a BuildError that names the file and the package", err)
	}
}
