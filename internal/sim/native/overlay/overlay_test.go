package overlay

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"glomers/internal/toolchaintest"
)

// goRoot is the root of the installed toolchain.
func goRoot(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// TestFiles: every edit fits each toolchain, on each system.
func TestFiles(t *testing.T) {
	toolchaintest.Each(t, func(t *testing.T, version string) {
		root := toolchaintest.Root(t, version)
		for _, arch := range []string{"amd64", "arm64"} {
			files, err := Files(root, arch)
			if err != nil {
				t.Fatal(err)
			}
			proc := string(files[filepath.Join(root, "src", "runtime", "proc.go")])
			if !strings.Contains(proc, "const haveSysmon = false") || files[filepath.Join(root, "src", "syscall", "glomers.go")] == nil {
				t.Errorf("%s: the edited files are not there", arch)
			}
		}
	})
}

// TestMismatch: a library in which a text or a file is missing is refused, with the
// place.
func TestMismatch(t *testing.T) {
	root, original := t.TempDir(), goRoot(t)
	for _, e := range edits("amd64") {
		text, err := os.ReadFile(filepath.Join(original, "src", e.file))
		if err != nil {
			t.Fatal(err)
		}
		if e.file == "runtime/proc.go" {
			text = []byte(strings.ReplaceAll(string(text), "haveSysmon", "hasSysmon"))
		}
		path := filepath.Join(root, "src", e.file)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	_, err := Files(root, "amd64")
	var mismatch *MismatchError
	if !errors.As(err, &mismatch) || mismatch.File != "src/runtime/proc.go" || mismatch.Count != 0 || !strings.Contains(err.Error(), "haveSysmon") {
		t.Errorf("the error is %v", err)
	}
	if err := os.Remove(filepath.Join(root, "src", "runtime", "lock_futex.go")); err != nil {
		t.Fatal(err)
	}
	if _, err = Files(root, "amd64"); !errors.As(err, &mismatch) || !strings.Contains(err.Error(), "it has no file src/runtime/lock_futex.go") {
		t.Errorf("the error is %v", err)
	}
}

func TestSupported(t *testing.T) {
	for system, want := range map[string]bool{"linux/amd64": true, "linux/arm64": true, "linux/386": false, "darwin/arm64": false, "windows/amd64": false} {
		goos, goarch, _ := strings.Cut(system, "/")
		if got := Supported(goos, goarch) == nil; got != want {
			t.Errorf("%s: supported is %v, want %v", system, got, want)
		}
	}
}
