package process

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// killMarked kills every process whose environment has a variable that begins with
// the mark, until none is left. After a second it gives up: some processes, such as
// those blocked in the kernel, do not end when they are killed.
func killMarked(mark string) {
	for deadline := time.Now().Add(time.Second); ; time.Sleep(time.Millisecond) {
		found := false
		for _, pid := range marked(mark) {
			found = true
			p, err := os.FindProcess(pid) // opens a pidfd, so that a reused id does no harm
			if err != nil {
				continue
			}
			if hasMark(pid, mark) {
				p.Kill()
			}
			p.Release()
		}
		if !found || time.Now().After(deadline) {
			return
		}
	}
}

// marked returns the ids of the processes with a mark.
func marked(mark string) []int {
	var pids []int
	entries, _ := os.ReadDir("/proc") // without /proc there is nothing to find
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && hasMark(pid, mark) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// hasMark reports whether a process has a mark. It is false for a process that
// has ended, or is another user's.
func hasMark(pid int, mark string) bool {
	environ, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "environ"))
	return err == nil && (bytes.HasPrefix(environ, []byte(mark)) || bytes.Contains(environ, []byte("\x00"+mark)))
}
