package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"unicode/utf8"

	"glomers/internal/nodeio"
)

// exitError says how a process ended, from the error of exec.Cmd.Wait.
func exitError(err error) error {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nodeio.ErrExited
	case !errors.As(err, &exit):
		return fmt.Errorf("ended in an unknown way: %w", err)
	}
	if s, ok := killedBy(exit.ProcessState); ok {
		return fmt.Errorf("crashed: %s", s)
	}
	switch code := exit.ExitCode(); code {
	case 126:
		return fmt.Errorf("crashed: exit status %d, which is how a shell reports a command that it cannot execute", code)
	case 127:
		return fmt.Errorf("crashed: exit status %d, which is how a shell reports a command that it cannot find", code)
	default:
		return fmt.Errorf("crashed: exit status %d", code)
	}
}

// startError explains why an executable could not be started.
func startError(node, bin string, err error) error {
	start, _ := firstBytes(bin) // if the file is unreadable, err says why
	interpreter, script := strings.CutPrefix(firstLine(start), "#!")
	switch {
	case isNotExecutable(err) && isText(start) && !script:
		return fmt.Errorf("start node %s: %s is a script that does not name its interpreter; its first line must begin with #!, such as #!/usr/bin/env python3", node, bin)
	case isNotExecutable(err):
		return fmt.Errorf("start node %s: %s is not a program for this system (%s/%s)", node, bin, runtime.GOOS, runtime.GOARCH)
	case errors.Is(err, fs.ErrNotExist) && script && strings.HasSuffix(interpreter, "\r"):
		return fmt.Errorf("start node %s: the first line of %s ends with a carriage return, as Windows editors write it, so that its interpreter is not found; save it with Unix line ends", node, bin)
	case errors.Is(err, fs.ErrNotExist) && script:
		return fmt.Errorf("start node %s: the interpreter of %s, %q, does not exist", node, bin, strings.TrimSpace(interpreter))
	}
	var cause syscall.Errno
	if errors.As(err, &cause) { // without the name of Go's function
		return fmt.Errorf("start node %s: %s: %w", node, bin, cause)
	}
	return fmt.Errorf("start node %s: %w", node, err)
}

// firstBytes returns the beginning of a file.
func firstBytes(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	start := make([]byte, 256)
	n, err := io.ReadFull(f, start)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	start = start[:n]
	if i := bytes.LastIndexByte(start, '\n'); i >= 0 {
		start = start[:i+1] // whole lines, so that no character is cut in two
	}
	return start, err
}

// isText reports whether the beginning of a file is text.
func isText(b []byte) bool { return utf8.Valid(b) && !bytes.Contains(b, []byte{0}) }

// firstLine returns the first line of a text, without its end.
func firstLine(text []byte) string {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	return string(line)
}
