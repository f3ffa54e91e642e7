// Package tidy tests the project itself: which package may use which, and that
// no file lies where it does not belong.
package tidy

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"glomers/internal/nemesis"
	"glomers/stages"
)

const root = "../.."

// goFile is a file of the project that is not a test.
type goFile struct {
	path    string // from the root, with slashes
	pkg     string // its directory
	fset    *token.FileSet
	syntax  *ast.File
	imports []string
}

func goFiles(t *testing.T) []goFile {
	t.Helper()
	var files []goFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != root || slices.Contains([]string{"store", "bin", "my"}, rel)) {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(rel, "/testdata/") {
			return nil
		}
		f := goFile{path: rel, pkg: filepath.ToSlash(filepath.Dir(rel)), fset: token.NewFileSet()}
		if f.syntax, err = parser.ParseFile(f.fset, path, nil, 0); err != nil {
			return err
		}
		for _, i := range f.syntax.Imports {
			name, err := strconv.Unquote(i.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, name)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func within(pkg string, dirs ...string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return pkg == d || strings.HasPrefix(pkg, d+"/") })
}

// handlers are the packages that must not know what kind of time they run in.
var handlers = []string{"internal/kernel", "internal/network", "internal/service", "internal/workload", "internal/nemesis"}

// TestImports keeps each package to its place.
func TestImports(t *testing.T) {
	rules := []struct {
		who    func(pkg string) bool
		banned []string // import paths, or prefixes that end with a slash
		except string   // the files that may
	}{
		{func(p string) bool { return within(p, "checkers") }, []string{"glomers/internal/", "os/exec", "net", "net/", "log", "math/rand", "math/rand/v2"}, ""},
		{func(p string) bool { return within(p, handlers...) }, []string{"os", "os/", "net", "net/", "sync", "sync/", "log", "log/", "context", "io/"}, ""},
		{func(p string) bool { return within(p, "internal") && !within(p, "internal/cli", "internal/stagetest") },
			[]string{"flag", "github.com/spf13/", "github.com/jedib0t/", "github.com/schollz/", "golang.org/x/term"}, ""},
		{func(p string) bool { return within(p, "internal/trace", "internal/report", "internal/web") },
			[]string{"glomers/internal/runner", "glomers/internal/kernel", "glomers/internal/network"}, ""},
		{func(p string) bool { return within(p, "internal/sim", "internal/process", "internal/nodeio") },
			[]string{"glomers/internal/runner", "glomers/internal/store", "glomers/internal/cli", "glomers/stages"}, ""},
		{func(p string) bool { return within(p, "internal/sim") }, []string{"net", "net/", "math/rand"}, ""},
		{func(p string) bool { return within(p, "internal/sim/wasm") }, []string{"os/exec", "glomers/internal/kernel", "glomers/internal/network"}, ""},
		{func(p string) bool { return p == "internal/sim" }, []string{"os", "os/", "sync", "glomers/internal/sim/", "github.com/tetratelabs/"}, ""},
		{func(p string) bool { return within(p, "internal/store", "internal/solution") },
			[]string{"glomers/internal/runner", "glomers/internal/kernel", "glomers/internal/network"}, ""},
		{func(p string) bool { return within(p, "internal/kernel") }, []string{"glomers/"}, ""},
		{func(p string) bool {
			return within(p, "internal/network", "internal/service", "internal/workload", "internal/nemesis")
		},
			[]string{"glomers/internal/runner", "glomers/internal/process", "glomers/internal/store", "glomers/internal/cli", "glomers/stages"}, ""},
	}
	for _, f := range goFiles(t) {
		for _, rule := range rules {
			if !rule.who(f.pkg) {
				continue
			}
			for _, name := range f.imports {
				for _, b := range rule.banned {
					if name == b || strings.HasSuffix(b, "/") && strings.HasPrefix(name, b) {
						t.Errorf("%s imports %s, which %s must not", f.path, name, f.pkg)
					}
				}
			}
		}
		if within(f.pkg, "stages") && f.pkg != "stages" {
			for _, name := range f.imports {
				if strings.Contains(name, ".") && name != "github.com/jepsen-io/maelstrom/demo/go" || strings.HasPrefix(name, "glomers") {
					t.Errorf("%s imports %s: a solution uses the standard library and Maelstrom's library only", f.path, name)
				}
			}
		}
	}
}

// TestCalls forbids clocks, goroutines and output where they would break a rule.
func TestCalls(t *testing.T) {
	for _, f := range goFiles(t) {
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			at := func() string { return f.fset.Position(n.Pos()).String() }
			switch n := n.(type) {
			case *ast.GoStmt:
				if within(f.pkg, handlers...) || within(f.pkg, "checkers") {
					t.Errorf("%s: a goroutine in %s", at(), f.pkg)
				}
			case *ast.SelectorExpr:
				pkg, ok := n.X.(*ast.Ident)
				if !ok {
					return true
				}
				call := pkg.Name + "." + n.Sel.Name
				switch call {
				case "time.Now", "time.Since", "time.Sleep", "time.After", "time.NewTimer", "time.NewTicker":
					if within(f.pkg, handlers...) || within(f.pkg, "checkers") {
						t.Errorf("%s: %s in %s, which has no clock of its own", at(), call, f.pkg)
					}
				case "rand.Int", "rand.IntN", "rand.Float64", "rand.Uint64", "rand.Shuffle", "rand.Perm", "rand.N", "rand.ExpFloat64":
					if within(f.pkg, handlers...) {
						t.Errorf("%s: %s in %s: randomness comes from a named stream", at(), call, f.pkg)
					}
				case "os.Exit":
					if f.pkg != "cmd/glomers" && !within(f.pkg, "internal/cli", "internal/stagetest", "stages") {
						t.Errorf("%s: %s in %s: only the command exits", at(), call, f.pkg)
					}
				case "fmt.Print", "fmt.Printf", "fmt.Println", "os.Stdout", "os.Stderr":
					if f.pkg != "cmd/glomers" && !within(f.pkg, "internal/cli", "internal/stagetest", "stages") {
						t.Errorf("%s: %s in %s: only the command prints", at(), call, f.pkg)
					}
				}
			}
			return true
		})
	}
}

// TestNames forbids packages that are named after nothing.
func TestNames(t *testing.T) {
	for _, f := range goFiles(t) {
		if name := f.syntax.Name.Name; slices.Contains([]string{"util", "utils", "common", "helpers", "misc"}, name) {
			t.Errorf("%s: a package named %s says nothing about what it is for", f.path, name)
		}
	}
}

// TestTopLevel keeps stray files out of the first thing that a reader sees.
func TestTopLevel(t *testing.T) {
	allowed := []string{".ci", ".git", ".gitignore", "LICENSE", "Makefile", "README.md", "go.mod", "go.sum", "checkers", "cmd", "docs", "internal", "stages", "testdata"}
	out, err := exec.Command("git", "-C", root, "ls-files").Output()
	if err != nil {
		t.Skip("not a git checkout") // an unpacked archive has no list of its files
	}
	for _, file := range strings.Fields(string(out)) {
		if top, _, _ := strings.Cut(file, "/"); !slices.Contains(allowed, top) {
			t.Errorf("%s does not belong at the top level", file)
		}
	}
}

// TestHardModes keeps the table of hard modes in docs up to date.
func TestHardModes(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "simulation.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stages.All() {
		if row := "| " + s.ID + " | `" + strings.Join(s.Hard.Flags, " ") + "` | " + s.Hard.Why + " |"; !strings.Contains(string(text), row) {
			t.Errorf("docs/simulation.md lacks the row: %s", row)
		}
	}
}

// TestFaultsInDocs keeps the table of faults in docs up to date.
func TestFaultsInDocs(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "simulation.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| fault | what happens | engines |")
	for _, f := range nemesis.Faults {
		engines := "sim, process"
		switch {
		case f.Official:
			engines = "all"
		case f.Simulated:
			engines = "sim"
		case f.Name == nemesis.FaultPause: // Windows has no such signal
			engines = "sim; process on Unix"
		}
		row := regexp.MustCompile("(?m)^\\| `" + f.Name + "` \\| .+ \\| " + engines + " \\|$")
		if !row.MatchString(table) {
			t.Errorf("docs/simulation.md lacks a row of its table of faults: | `%s` | … | %s |", f.Name, engines)
		}
	}
}

// TestStageFiles checks that every stage has all its parts, and that no directory
// is a stage that the catalogue does not know.
func TestStageFiles(t *testing.T) {
	known := map[string]bool{}
	for _, s := range stages.All() {
		known[s.Dir] = true
		dir := filepath.Join(root, "stages", s.Dir)
		for _, name := range []string{"main.go", "README.md", "stage_test.go", "starter/main.go"} {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Errorf("stage %s lacks %s", s.ID, name)
			}
		}
		for _, pattern := range []string{"testdata/*.txtar", "broken/*/main.go"} {
			if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) == 0 {
				t.Errorf("stage %s lacks %s", s.ID, pattern)
			}
		}
		if s.Hint == "" || s.Goal == "" {
			t.Errorf("stage %s lacks its hint or its goal", s.ID)
		}
		makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(makefile), s.ID) {
			t.Errorf("the Makefile does not know stage %s", s.ID)
		}
	}
	entries, err := os.ReadDir(filepath.Join(root, "stages"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !known[e.Name()] {
			t.Errorf("stages/%s is not in the catalogue", e.Name())
		}
	}
}
