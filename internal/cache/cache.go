// Package cache keeps files that can be made again in a directory which several
// processes use at the same time, and removes those that were not used for long.
//
// An entry is a directory below the cache's. Its modification time says when it was
// last used. From time to time [Open] removes the entries that were not used for
// [MaxAge], and, if the rest takes more than [MaxSize], those whose last use is the
// longest ago. It spares what was used within the last hour, because some process may be
// working with it, so that a busy hour can take more.
package cache

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

const (
	// MaxAge is for how long an entry is kept without being used.
	MaxAge = 5 * 24 * time.Hour
	// MaxSize is how many bytes the entries may take together.
	MaxSize = 2 << 30

	minAge   = time.Hour // what was used since then is never removed
	interval = time.Hour // how often entries are removed
)

// Cache is a directory of entries.
type Cache struct {
	dir     string
	maxSize int64
	now     func() time.Time
}

// The names below a cache's directory that are no entries.
const (
	locks   = "locks"
	trimmed = "trimmed" // its modification time says when entries were last removed

	marks = "marks" // the file in locks that is locked while an entry is marked or taken away
)

// Open returns the cache in a directory, which it creates, and removes what is too old
// or too much, unless that was done within the last hour. The directory is otherwise of
// no use to anybody: Open removes any file there that is old.
func Open(dir string) (*Cache, error) {
	c := &Cache{dir: dir, maxSize: MaxSize, now: time.Now}
	return c, c.open()
}

func (c *Cache) open() error {
	if err := os.MkdirAll(filepath.Join(c.dir, locks), 0o777); err != nil {
		return fmt.Errorf("make the cache: %w; set GLOMERS_CACHE to a directory that can be written", err)
	}
	return c.trim()
}

// Path returns the path of an entry, which need not be there.
func (c *Cache) Path(name string) string { return filepath.Join(c.dir, name) }

// Use returns the directory of an entry, which it creates. From then on nobody removes
// the entry for an hour.
func (c *Cache) Use(name string) (dir string, err error) {
	unlock, err := c.lock(marks)
	if err != nil {
		return "", err
	}
	defer unlock()
	dir, now := c.Path(name), c.now()
	if err := errors.Join(os.MkdirAll(dir, 0o777), os.Chtimes(dir, now, now)); err != nil {
		return "", fmt.Errorf("use the cache: %w", err)
	}
	return dir, nil
}

// Hold is Use for those that write the entry: until release is called, others that
// hold it wait. A process must not hold two entries at the same time.
func (c *Cache) Hold(name string) (dir string, release func(), err error) {
	// The files that are locked stay for ever, because to remove one that another process
	// is about to lock would let two hold the same entry. So there is not one for each
	// entry, but a fixed number of them.
	sum := fnv.New32a()
	sum.Write([]byte(name))
	release, err = c.lock(fmt.Sprintf("%02x", sum.Sum32()%256))
	if err != nil {
		return "", nil, err
	}
	if dir, err = c.Use(name); err != nil {
		release()
		return "", nil, err
	}
	return dir, release, nil
}

func (c *Cache) lock(file string) (unlock func(), err error) {
	unlock, err = lockedfile.MutexAt(filepath.Join(c.dir, locks, file)).Lock()
	if err != nil {
		return nil, fmt.Errorf("lock the cache: %w", err)
	}
	return unlock, nil
}

// entry is a file or directory of the cache.
type entry struct {
	name string
	used time.Time
	size int64
}

// trim removes what is too old or too much, if it is time to look.
func (c *Cache) trim() error {
	now := c.now()
	stamp := filepath.Join(c.dir, trimmed)
	if info, err := os.Stat(stamp); err == nil && now.Sub(info.ModTime()).Abs() < interval {
		return nil
	}
	// The stamp is set first, so that other processes do not do the same.
	err := errors.Join(os.WriteFile(stamp, nil, 0o666), os.Chtimes(stamp, now, now))
	if err == nil {
		err = c.trimNow(now)
	}
	if err != nil {
		return fmt.Errorf("trim the cache: %w", err)
	}
	return nil
}

// trimNow removes what is too old or too much. That an entry cannot be removed is no
// reason to fail: it is tried again the next time.
func (c *Cache) trimNow(now time.Time) error {
	entries, err := c.entries()
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.name, b.name)) })
	var size int64
	for _, e := range entries {
		size += e.size
	}
	for _, e := range entries {
		age := now.Sub(e.used)
		if age < minAge || age < MaxAge && size <= c.maxSize {
			continue
		}
		if c.remove(e) == nil {
			size -= e.size
		}
	}
	return nil
}

// entries returns the entries. What disappears meanwhile is left out.
func (c *Cache) entries() ([]entry, error) {
	files, err := os.ReadDir(c.dir)
	if err != nil {
		return nil, err
	}
	var all []entry
	for _, f := range files {
		if f.Name() == locks || f.Name() == trimmed {
			continue
		}
		info, err := f.Info()
		if err != nil {
			continue
		}
		size, err := Size(c.Path(f.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, entry{f.Name(), info.ModTime(), size})
	}
	return all, nil
}

var errUsed = errors.New("was used meanwhile")

// remove removes an entry, unless it was used since it was looked at.
func (c *Cache) remove(e entry) error {
	doomed, err := c.takeAway(e)
	if err != nil {
		return err
	}
	return os.RemoveAll(doomed)
}

// takeAway gives an entry another name, which nobody uses. To remove all its files takes
// longer than other processes should wait. If this process is killed before they are
// removed, they are an entry like any other, as old as it was.
func (c *Cache) takeAway(e entry) (path string, err error) {
	unlock, err := c.lock(marks)
	if err != nil {
		return "", err
	}
	defer unlock()
	info, err := os.Lstat(c.Path(e.name))
	if err != nil {
		return "", err
	}
	if !info.ModTime().Equal(e.used) {
		return "", errUsed
	}
	path = c.Path(fmt.Sprintf("removed-%d-%s", os.Getpid(), e.name))
	return path, os.Rename(c.Path(e.name), path)
}

// Size returns the bytes of a file, or of the files below a directory.
func Size(path string) (size int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) { // it was removed meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return size, err
}
