package cache

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is what the processes of a test take for the time.
type clock struct{ time.Time }

func (c *clock) pass(d time.Duration) { c.Time = c.Add(d) }

// open opens a cache that holds at most 100 bytes, as a process that begins now does.
func open(t *testing.T, dir string, at *clock) *Cache {
	t.Helper()
	c := &Cache{dir: dir, maxSize: 100, now: func() time.Time { return at.Time }}
	if err := c.open(); err != nil {
		t.Fatal(err)
	}
	return c
}

// put writes an entry of some bytes.
func put(t *testing.T, c *Cache, name string, size int) {
	t.Helper()
	dir, release, err := c.Hold(name)
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, size), 0o666); err != nil {
		t.Fatal(err)
	}
	use(t, c, name) // the file has made the directory as new as it really is
}

func use(t *testing.T, c *Cache, name string) {
	t.Helper()
	if _, err := c.Use(name); err != nil {
		t.Fatal(err)
	}
}

// names returns the entries.
func names(t *testing.T, c *Cache) string {
	t.Helper()
	entries, err := c.entries()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.name)
	}
	return strings.Join(all, " ")
}

func expect(t *testing.T, c *Cache, want string) {
	t.Helper()
	if got := names(t, c); got != want {
		t.Errorf("the entries are %q, expected %q", got, want)
	}
}

func TestOldEntriesGo(t *testing.T) {
	dir, now := t.TempDir(), &clock{time.Unix(1_800_000_000, 0)}
	c := open(t, dir, now)
	put(t, c, "a", 10)
	put(t, c, "b", 10)
	if err := os.WriteFile(c.Path("file"), nil, 0o666); err != nil { // as older versions left them
		t.Fatal(err)
	}
	if err := os.Chtimes(c.Path("file"), now.Time, now.Time); err != nil {
		t.Fatal(err)
	}
	now.pass(3 * 24 * time.Hour)
	use(t, open(t, dir, now), "b")
	expect(t, c, "a b file")
	now.pass(3 * 24 * time.Hour)
	c = open(t, dir, now)
	expect(t, c, "b")
	now.pass(5 * 24 * time.Hour)
	expect(t, open(t, dir, now), "")
}

func TestTheLeastRecentlyUsedGoFirst(t *testing.T) {
	dir, now := t.TempDir(), &clock{time.Unix(1_800_000_000, 0)}
	c := open(t, dir, now)
	for _, name := range []string{"a", "b", "c", "d"} {
		put(t, c, name, 40)
		now.pass(time.Minute)
	}
	use(t, c, "a")
	now.pass(2 * time.Hour)
	expect(t, open(t, dir, now), "a d")
}

// What was used within the last hour stays, whatever it takes: it may be in use.
func TestFreshEntriesStay(t *testing.T) {
	dir, now := t.TempDir(), &clock{time.Unix(1_800_000_000, 0)}
	c := open(t, dir, now)
	put(t, c, "a", 1000)
	now.pass(50 * time.Minute)
	put(t, c, "b", 1000)
	now.pass(50 * time.Minute)
	expect(t, open(t, dir, now), "b")
	now.pass(90 * time.Minute)
	expect(t, open(t, dir, now), "")
}

// Entries are looked at once an hour, and at once if the clock was wrong.
func TestTrimsAreRare(t *testing.T) {
	dir, now := t.TempDir(), &clock{time.Unix(1_800_000_000, 0)}
	c := open(t, dir, now)
	put(t, c, "a", 1000)
	now.pass(55 * time.Minute)
	put(t, c, "b", 1000)
	now.pass(10 * time.Minute)
	expect(t, open(t, dir, now), "b")
	now.pass(55 * time.Minute) // b is old enough, but it is not looked at
	expect(t, open(t, dir, now), "b")
	now.pass(10 * time.Minute)
	expect(t, open(t, dir, now), "")
	now.pass(-365 * 24 * time.Hour)
	put(t, c, "c", 1000)
	now.pass(2 * time.Hour)
	expect(t, open(t, dir, now), "")
}

// An entry that was used after it was found to be old stays.
func TestUsedMeanwhile(t *testing.T) {
	dir, now := t.TempDir(), &clock{time.Unix(1_800_000_000, 0)}
	c := open(t, dir, now)
	put(t, c, "a", 10)
	now.pass(10 * 24 * time.Hour)
	entries, err := c.entries()
	if err != nil {
		t.Fatal(err)
	}
	use(t, c, "a")
	if err := c.remove(entries[0]); !errors.Is(err, errUsed) {
		t.Errorf("the error is %v", err)
	}
	expect(t, c, "a")
}

// A process that was killed while it removed an entry leaves the rest to the next one.
func TestKilledWhileRemoving(t *testing.T) {
	dir, now := t.TempDir(), &clock{time.Unix(1_800_000_000, 0)}
	c := open(t, dir, now)
	put(t, c, "a", 10)
	now.pass(10 * 24 * time.Hour)
	entries, err := c.entries()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.takeAway(entries[0]); err != nil {
		t.Fatal(err)
	}
	if names(t, c) == "" {
		t.Error("nothing is left to remove")
	}
	expect(t, open(t, dir, now), "")
}

// Processes that open, hold and use entries at the same time find what they have used
// just before, though others remove all that is old.
func TestManyProcesses(t *testing.T) {
	dir, now := t.TempDir(), &clock{time.Now().Add(-10 * 24 * time.Hour)}
	all := []string{"a", "b", "c", "d", "e"}
	c := open(t, dir, now)
	for _, name := range all {
		put(t, c, name, 1000)
	}
	now.pass(10 * 24 * time.Hour)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				if err := c.trimNow(now.Time); err != nil {
					t.Error(err)
					return
				}
				name := all[i%len(all)]
				held, release, err := c.Hold(name)
				if err != nil {
					t.Error(err)
					return
				}
				path := filepath.Join(held, "mine")
				err = os.WriteFile(path, []byte{byte(i)}, 0o666)
				text, err2 := os.ReadFile(path)
				if err := errors.Join(err, err2); err != nil || !slices.Equal(text, []byte{byte(i)}) {
					t.Errorf("%s has %v, %v", name, text, err)
				}
				release()
			}
		})
	}
	wg.Wait()
	expect(t, c, "a b c d e")
}
