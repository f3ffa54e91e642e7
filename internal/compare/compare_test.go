package compare_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"glomers/internal/compare"
)

const program = `// Star with one hub. Everything else
// is as in the stage before.
package main

/* two lines
of comment */

func main() {
	println("a") // a comment

	println(` + "`b\n\nc`" + `)
}
`

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.go"), program)
	write(t, filepath.Join(dir, "stage_test.go"), "package main\n")
	write(t, filepath.Join(dir, "alternatives", "b", "main.go"), program)
	write(t, filepath.Join(dir, "alternatives", "a", "main.go"), program)
	designs, err := compare.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range designs {
		names = append(names, d.Name)
		if d.Title != "Star with one hub" || d.Lines != 6 {
			t.Errorf("%s: title %q, %d lines of code, expected %q and 6", d.Name, d.Title, d.Lines, "Star with one hub")
		}
	}
	if got := strings.Join(names, " "); got != "reference a b" {
		t.Errorf("found %s", got)
	}
	before := compare.Sum(designs)
	write(t, filepath.Join(dir, "alternatives", "b", "main.go"), program+"\n")
	if designs, err = compare.Find(dir); err != nil {
		t.Fatal(err)
	}
	if compare.Sum(designs) == before {
		t.Error("the sum is the same after a change of the code")
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	if _, err := compare.Read(dir); err == nil || !strings.Contains(err.Error(), "holds no Go program") {
		t.Errorf("an empty directory: %v", err)
	}
	write(t, filepath.Join(dir, "main.go"), "package")
	if _, err := compare.Read(dir); err == nil || !strings.Contains(err.Error(), "main.go:1:") {
		t.Errorf("a broken program: %v", err)
	}
}

func TestWriteTable(t *testing.T) {
	page := []byte("before\n<!-- compare -->\nold\n<!-- end of compare -->\nafter\n")
	page, err := compare.WriteTable(page, "abc", "| new |\n")
	if err != nil {
		t.Fatal(err)
	}
	if want := "before\n<!-- compare abc -->\n| new |\n<!-- end of compare -->\nafter\n"; string(page) != want {
		t.Errorf("got %q, expected %q", page, want)
	}
	if sum, err := compare.SumIn(page); sum != "abc" || err != nil {
		t.Errorf("the sum is %q, %v", sum, err)
	}
	if _, err := compare.WriteTable([]byte("nothing"), "abc", ""); err == nil || !strings.Contains(err.Error(), "no place for a table") {
		t.Errorf("a page without a place: %v", err)
	}
}
