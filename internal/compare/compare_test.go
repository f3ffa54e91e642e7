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
}

// TestSum checks what makes a table stale: another token, title or line of code, but not
// another word in a comment.
func TestSum(t *testing.T) {
	sum := func(text string) string {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "main.go"), text)
		d, err := compare.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		d.Name = "design"
		return compare.Sum([]compare.Design{d})
	}
	for _, test := range []struct {
		name, old, new string
		same           bool
	}{
		{"a comment at the end of a line", "// a comment", "// another one", true},
		{"a comment removed", " // a comment", "", true},
		{"a comment of several lines", "/* two lines\nof comment */", "/* one line */", true},
		{"the second sentence of the package comment", "Everything else\n// is as", "All else is\n// as", true},
		{"blank lines", "comment\n\n\tprintln", "comment\n\tprintln", true},
		{"the title", "Star with one hub", "Star with two hubs", false},
		{"a string", `"a"`, `"b"`, false},
		{"blanks in a string", `"a"`, `"a "`, false},
		{"a name", "println(\"a\")", "print(\"a\")", false},
		{"lines of code", `println("a")`, "println(\n\t\t\"a\",\n\t)", false},
		{"a directive", "func main", "//go:noinline\nfunc main", false},
	} {
		changed := strings.Replace(program, test.old, test.new, 1)
		if changed == program {
			t.Fatalf("%s: the program has no %q", test.name, test.old)
		}
		if same := sum(changed) == sum(program); same != test.same {
			t.Errorf("%s changed: the sum is the same: %t, expected %t", test.name, same, test.same)
		}
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
