//go:build unix

package scratch

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain turns the test binary into a process that makes a directory, and is killed.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_OWNER") == "" {
		os.Exit(m.Run())
	}
	dir, _, err := Dir()
	if err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "program"), []byte("built"), 0o666); err != nil {
		panic(err)
	}
	fmt.Println(dir)
	bufio.NewReader(os.Stdin).ReadByte() // until it is killed
}

// age makes a directory look older than those that are spared.
func age(t *testing.T, dir string) {
	t.Helper()
	if err := os.Chtimes(dir, time.Time{}, time.Now().Add(-2*young)); err != nil {
		t.Fatal(err)
	}
}

func there(dir string) bool {
	_, err := os.Stat(dir)
	return err == nil
}

// TestKilledOwner: the directory of a process that was killed is removed by the next one,
// and not before.
func TestKilledOwner(t *testing.T) {
	temp := t.TempDir()
	owner := exec.Command(os.Args[0])
	owner.Env = append(os.Environ(), "TEST_OWNER=1", "TMPDIR="+temp)
	if _, err := owner.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimSpace(line)
	age(t, dir)
	if sweep(temp); !there(dir) {
		t.Error("the directory of a process that lives was removed")
	}
	if err := owner.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	owner.Wait() // it says that it was killed
	if sweep(temp); there(dir) {
		t.Error("the directory of a process that was killed is still there")
	}
}

// TestSweepSpares: what may be in use, and what others keep in the directory for temporary
// files, stays.
func TestSweepSpares(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	used, remove, err := Dir()
	if err != nil {
		t.Fatal(err)
	}
	age(t, used)
	var spared []string
	for _, name := range []string{prefix + "new", "glomers-notes", "glomers-node"} {
		dir := filepath.Join(temp, name)
		if err := os.Mkdir(dir, 0o777); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(name, prefix) {
			age(t, dir)
		}
		spared = append(spared, dir)
	}
	sweep(temp)
	for _, dir := range append(spared, used) {
		if !there(dir) {
			t.Errorf("%s was removed", filepath.Base(dir))
		}
	}
	if err := remove(); err != nil || there(used) {
		t.Errorf("its owner could not remove the directory: %v", err)
	}
}

// TestRemoveReadOnly: a directory goes even if what it holds denies writing.
func TestRemoveReadOnly(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	dir, remove, err := Dir()
	if err != nil {
		t.Fatal(err)
	}
	inner := filepath.Join(dir, "inner")
	if err := os.Mkdir(inner, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(inner, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(inner, 0); err != nil {
		t.Fatal(err)
	}
	if err := remove(); err != nil || there(dir) {
		t.Errorf("the directory could not be removed: %v", err)
	}
}
