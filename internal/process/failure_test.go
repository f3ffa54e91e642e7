//go:build unix

package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestExitErrors(t *testing.T) {
	for _, test := range []struct{ script, want string }{
		{"exit 0", "exited with status 0 during the test; a node must go on until its stdin is closed"},
		{"exit 7", "crashed: exit status 7"},
		{"exit 127", "crashed: exit status 127, which is how a shell reports a command that it cannot find"},
		{"exit 126", "crashed: exit status 126, which is how a shell reports a command that it cannot execute"},
		{"kill -s SEGV $$", "crashed: killed by the signal SIGSEGV (segmentation fault)"},
		{"kill -s KILL $$", "crashed: killed by the signal SIGKILL (killed), which this test did not send; the system does so when memory runs out"},
	} {
		if got := exitError(exec.Command("/bin/sh", "-c", test.script).Run()); got.Error() != test.want {
			t.Errorf("%s: %q, want %q", test.script, got, test.want)
		}
	}
}

func TestStartErrors(t *testing.T) {
	dir := t.TempDir()
	elf := "\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xf7\x7f" + strings.Repeat("\x00", 100)
	for _, test := range []struct{ name, text, want string }{
		{"no-interpreter", "import sys\n", "is a script that does not name its interpreter; its first line must begin with #!"},
		{"foreign", elf, "is not a program for this system ("},
		{"crlf", "#!/bin/sh\r\nexit 0\r\n", "ends with a carriage return"},
		{"missing-interpreter", "#!/nowhere/python3 -u\n", `the interpreter of ` + filepath.Join(dir, "missing-interpreter") + `, "/nowhere/python3 -u", does not exist`},
	} {
		path := filepath.Join(dir, test.name)
		if err := os.WriteFile(path, []byte(test.text), 0o777); err != nil {
			t.Fatal(err)
		}
		wantStartError(t, path, test.want)
	}
	wantStartError(t, filepath.Join(dir, "none"), "no such file or directory")
}

func wantStartError(t *testing.T, path, want string) {
	t.Helper()
	e := New(Options{Bin: path, Log: (&logs{}).create}, nil)
	defer e.Stop()
	_, err := e.Start("n0")
	if err == nil || !strings.HasPrefix(err.Error(), "start node n0: ") || !strings.Contains(err.Error(), want) {
		t.Errorf("starting %s gives %v, want %q in it", path, err, want)
		return
	}
	if strings.Contains(err.Error(), "fork/exec") {
		t.Errorf("the name of a function of Go shows: %v", err)
	}
}
