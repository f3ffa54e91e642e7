// Package overlay makes the changes to Go's standard library that let a program
// run in virtual time: the clock, idle time, randomness, standard input and
// output, and system calls are handed to the simulation.
//
// The library itself is not changed, and nothing of it is kept here. The changed
// files are made from the toolchain that builds the program, and the go command
// reads them instead of the originals ([go build -overlay]). Each change replaces a
// text that must occur in its file a known number of times, nearly always once. A
// toolchain in which a count differs cannot build for native simulation.
//
// [go build -overlay]: https://pkg.go.dev/cmd/go#hdr-Compile_packages_and_dependencies
package overlay

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A MismatchError says that a toolchain's standard library is not what the edits
// expect.
type MismatchError struct {
	File  string // below GOROOT
	Text  string // that is expected there; empty if there is no such file
	Count int    // how often it was found,
	Want  int    // and how often it was expected
}

func (e *MismatchError) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("the standard library of this Go version is not as expected: it has no file %s", e.File)
	}
	return fmt.Sprintf("the standard library of this Go version is not as expected: %s has the text %q %d times, expected %d", e.File, e.Text, e.Count, e.Want)
}

// edit replaces what matches a regular expression in a file of the standard
// library.
type edit struct {
	file string // below GOROOT/src
	old  *regexp.Regexp
	new  string // $1 is the first group
	n    int    // how many places there must be
	none bool   // there may also be none, in older versions
}

// replace is an edit of a literal text.
func replace(file, old, new string) edit {
	return each(file, 1, old, new)
}

// each is an edit of a literal text that must be there n times.
func each(file string, n int, old, new string) edit {
	return edit{file, regexp.MustCompile(regexp.QuoteMeta(old)), strings.ReplaceAll(new, "$", "$$"), n, false}
}

// later is an edit of a literal text that the oldest versions do not have yet.
func later(file, old, new string) edit {
	e := replace(file, old, new)
	e.none = true
	return e
}

// pattern is an edit of what matches a regular expression.
func pattern(file, old, new string) edit { return edit{file, regexp.MustCompile(old), new, 1, false} }

// OldestGo is the oldest version of Go whose standard library the edits fit.
const OldestGo = "go1.24"

// Supported returns an error for a system whose standard library this package
// does not know.
func Supported(goos, goarch string) error {
	if goos != "linux" || goarch != "amd64" && goarch != "arm64" {
		return fmt.Errorf("it needs linux/amd64 or linux/arm64, and this is %s/%s", goos, goarch)
	}
	return nil
}

// Files returns the content of the changed and added files, by their path in the
// toolchain at root. The error is a *MismatchError if an edit does not apply.
func Files(root, goarch string) (map[string][]byte, error) {
	files := map[string][]byte{}
	src := filepath.Join(root, "src")
	for _, e := range edits(goarch) {
		path := filepath.Join(src, filepath.FromSlash(e.file))
		text, ok := files[path]
		if !ok {
			var err error
			text, err = os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil, &MismatchError{File: "src/" + e.file, Want: e.n}
			}
			if err != nil {
				return nil, fmt.Errorf("read the standard library: %w", err)
			}
		}
		if n := len(e.old.FindAllIndex(text, -1)); n != e.n && !(n == 0 && e.none) {
			return nil, &MismatchError{"src/" + e.file, e.old.String(), n, e.n}
		}
		files[path] = e.old.ReplaceAll(text, []byte(e.new))
	}
	added := additions(goarch)
	for _, path := range slices.Sorted(maps.Keys(added)) {
		files[filepath.Join(src, filepath.FromSlash(path))] = []byte(added[path])
	}
	return files, nil
}
