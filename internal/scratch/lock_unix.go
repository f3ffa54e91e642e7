//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package scratch

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lock locks a directory until unlock is called or the process ends. The error is that
// of a directory that another process has locked.
func lock(path string) (unlock func(), err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { f.Close() }, nil
}
