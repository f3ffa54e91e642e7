// Package scratch makes directories for temporary files, of which none stays behind for
// long: the process that made one removes it, and if that process was killed, the next
// one does that asks for a directory.
//
// Each directory is locked (flock) as long as the process that made it lives. The system
// releases the lock when the process ends, however it ends, so that a directory nobody
// has locked is nobody's. Where directories cannot be locked, as on Windows, those of
// killed processes stay.
package scratch

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// prefix begins the names of the directories. It must not occur in the name of anything
// else in the directory for temporary files, since that might be removed.
const prefix = "glomers-scratch-"

// young is the age below which a directory is spared: its owner may not have locked it
// yet.
const young = time.Minute

// Dir makes a directory for temporary files. Remove removes it and what it holds.
func Dir() (path string, remove func() error, err error) {
	sweep(os.TempDir())
	if path, err = os.MkdirTemp("", prefix); err != nil {
		return "", nil, err
	}
	// A directory that its owner cannot lock nobody else can lock either, so that none
	// is removed while it is in use.
	unlock, err := lock(path)
	if err != nil {
		unlock = func() {}
	}
	return path, func() error {
		defer unlock()
		return removeAll(path)
	}, nil
}

// sweep removes the directories in dir that nobody uses any more. One that cannot be
// removed is left for the next process.
func sweep(dir string) {
	paths, err := filepath.Glob(filepath.Join(dir, prefix+"*"))
	if err != nil {
		return
	}
	for _, path := range paths {
		if info, err := os.Lstat(path); err != nil || !info.IsDir() || time.Since(info.ModTime()) < young {
			continue
		}
		if unlock, err := lock(path); err == nil {
			removeAll(path)
			unlock()
		}
	}
}

// removeAll removes a directory, even if the directories in it deny that to their owner.
func removeAll(root string) error {
	err := os.RemoveAll(root)
	if errors.Is(err, fs.ErrPermission) {
		filepath.WalkDir(root, func(path string, entry fs.DirEntry, _ error) error {
			if entry != nil && entry.IsDir() {
				os.Chmod(path, 0o700)
			}
			return nil
		})
		err = os.RemoveAll(root)
	}
	return err
}
