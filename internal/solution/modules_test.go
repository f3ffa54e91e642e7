package solution

import (
	"bytes"
	"context"
	"errors"
	"go/version"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"glomers/internal/cache"
	stdlib "glomers/internal/sim/native/overlay"
	"glomers/internal/toolchaintest"
)

// extract writes the files of a txtar archive to a new directory, and returns it.
func extract(t *testing.T, archive string) string {
	t.Helper()
	dir := t.TempDir()
	if err := txtar.Write(txtar.Parse([]byte(archive)), dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// builders build a package in the ways that the engines need, and return the path of what
// was built.
var builders = map[string]func(t *testing.T, dir string, kept *cache.Cache) (string, error){
	"process": func(t *testing.T, dir string, _ *cache.Cache) (string, error) {
		return Build(context.Background(), dir, t.TempDir(), nil)
	},
	"wasm": func(_ *testing.T, dir string, kept *cache.Cache) (string, error) {
		return BuildWasm(context.Background(), dir, kept)
	},
	"native": func(t *testing.T, dir string, kept *cache.Cache) (string, error) {
		if err := stdlib.Supported(runtime.GOOS, runtime.GOARCH); err != nil {
			t.Skip(err)
		}
		toolchain, err := FindNativeToolchain(context.Background(), dir, kept)
		if err != nil {
			return "", err
		}
		return toolchain.Build(context.Background(), dir, false)
	},
}

// holds reports whether a file holds a text.
func holds(t *testing.T, file, text string) bool {
	t.Helper()
	all, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Contains(all, []byte(text))
}

const mainGo = `
-- node/main.go --
package main

import (
	"os"

	"example.com/words"
)

func main() { os.Stdout.WriteString(words.Hello) }
`

// TestModules: a solution is built as the go command builds it in its directory, whatever
// its module is made of, for every engine.
func TestModules(t *testing.T) {
	const hello = "hello from the package words"
	const wordsGo = "package words\n\nvar Hello = \"" + hello + "\"\n"
	for _, c := range []struct{ name, dir, goflags, archive string }{
		{name: "a package that go.mod replaces by a directory", dir: "node", archive: mainGo + `
-- node/go.mod --
module example.com/node

go 1.24

require example.com/words v0.0.0

replace example.com/words => ../words
-- words/go.mod --
module example.com/words

go 1.24
-- words/words.go --
` + wordsGo},
		{name: "a workspace", dir: "node", archive: mainGo + `
-- go.work --
go 1.24

use (
	./node
	./words
)
-- node/go.mod --
module example.com/node

go 1.24
-- words/go.mod --
module example.com/words

go 1.24
-- words/words.go --
` + wordsGo},
		{name: "vendored packages", dir: "node", archive: mainGo + `
-- node/go.mod --
module example.com/node

go 1.24

require example.com/words v1.0.0
-- node/vendor/modules.txt --
# example.com/words v1.0.0
## explicit; go 1.24
example.com/words
-- node/vendor/example.com/words/words.go --
` + wordsGo},
		{name: "a package below the root of its module", dir: "node", archive: mainGo + `
-- go.mod --
module example.com

go 1.24
-- words/words.go --
` + wordsGo},
		{name: "build constraints and tags", dir: "node", goflags: "-tags=loud", archive: `
-- node/go.mod --
module example.com/node

go 1.24
-- node/main.go --
package main

import "os"

func main() { os.Stdout.WriteString(hello()) }
-- node/quiet.go --
//go:build !loud

package main

func hello() string { return "" }
-- node/loud.go --
//go:build loud

package main

func hello() string { return "` + hello + `" }
-- node/elsewhere_plan9.go --
package main

func hello() string { return "for another system" }
-- node/main_test.go --
package main

func hello() string { return "for tests" }
`},
		{name: "an embedded file", dir: "node", archive: `
-- node/go.mod --
module example.com/node

go 1.24
-- node/main.go --
package main

import (
	_ "embed"
	"os"
)

//go:embed hello.txt
var hello string

func main() { os.Stdout.WriteString(hello) }
-- node/hello.txt --
` + hello + "\n"},
		{name: "a single file of a module", dir: "node/main.go", archive: mainGo + `
-- go.mod --
module example.com

go 1.24
-- node/other.go --
package main

func main() {}
-- words/words.go --
` + wordsGo},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("GOPROXY", "off")
			t.Setenv("GOFLAGS", c.goflags)
			path := filepath.Join(extract(t, c.archive), filepath.FromSlash(c.dir))
			for engine, build := range builders {
				t.Run(engine, func(t *testing.T) {
					file, err := build(t, path, openCache(t))
					var failed *BuildError
					if errors.As(err, &failed) {
						t.Fatal(failed.Output)
					}
					if err != nil {
						t.Fatal(err)
					}
					if !holds(t, file, hello) {
						t.Errorf("the program lacks the text %q", hello)
					}
				})
			}
		})
	}
}

// program is a module whose program prints a text.
func program(text string) string {
	return "-- go.mod --\nmodule example.com/node\n\ngo 1.24\n-- main.go --\npackage main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"" + text + "\") }\n"
}

// TestBuildAgain: what is built for simulation is kept: it is linked again only after a
// change.
func TestBuildAgain(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the tools are watched by a shell script")
	}
	for _, engine := range []string{"wasm", "native"} {
		t.Run(engine, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			tools := write(t, "tools", "#!/bin/sh\necho \"$@\" >>"+log+"\nexec \"$@\"\n", 0o755)
			t.Setenv("GOFLAGS", "-toolexec="+tools)
			dir, kept := extract(t, program("the first version")), openCache(t)
			last := ""
			for _, c := range []struct {
				text  string // that the program prints
				links int    // until then
			}{{"the first version", 1}, {"the first version", 1}, {"the second version", 2}} {
				main := "package main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(\"" + c.text + "\") }\n"
				if err := os.WriteFile(filepath.Join(dir, "main.go"), []byte(main), 0o666); err != nil {
					t.Fatal(err)
				}
				file, err := builders[engine](t, dir, kept)
				if err != nil {
					t.Fatal(err)
				}
				if last != "" && file != last || !holds(t, file, c.text) {
					t.Errorf("the program is %s, expected %s, with the text %q", file, last, c.text)
				}
				calls, err := os.ReadFile(log)
				if err != nil {
					t.Fatal(err)
				}
				if links := strings.Count(string(calls), "/link -o "); links != c.links {
					t.Errorf("for %s the linker was called %d times, expected %d", c.text, links, c.links)
				}
				last = file
			}
		})
	}
}

// TestBuildAtTheSameTime: several commands can build the same package into one cache.
func TestBuildAtTheSameTime(t *testing.T) {
	for _, engine := range []string{"wasm", "native"} {
		t.Run(engine, func(t *testing.T) {
			dir, parent := extract(t, program("hello")), t.TempDir()
			if _, err := builders[engine](t, dir, openCache(t)); err != nil { // skips, or fails, here
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					kept, err := cache.Open(parent)
					if err != nil {
						t.Error(err)
						return
					}
					if file, err := builders[engine](t, dir, kept); err != nil || !holds(t, file, "hello") {
						t.Errorf("built %s, %v", file, err)
					}
				})
			}
			all.Wait()
		})
	}
}

// TestEntryOf: a package has the same entry in the cache however its path is written, and
// another one than a package of the same name elsewhere. People can tell whose it is.
func TestEntryOf(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	relative, err := entryOf("3c")
	if err != nil {
		t.Fatal(err)
	}
	absolute, err := entryOf(filepath.Join(dir, "3c"))
	if err != nil || absolute != relative {
		t.Errorf("the entries are %s and %s, %v; expected the same", relative, absolute, err)
	}
	if other, err := entryOf(filepath.Join(dir, "other", "3c")); err != nil || other == relative {
		t.Errorf("two packages share the entry %s, %v", other, err)
	}
	if !strings.HasPrefix(relative, "3c-") || strings.ContainsAny(relative, `/\`) {
		t.Errorf("the entry is %s, expected a name that begins with that of the package", relative)
	}
}

// TestBuildErrors: an error says what is wrong, in the compiler's words where those are the
// best.
func TestBuildErrors(t *testing.T) {
	const mod = "-- go.mod --\nmodule example.com/node\n\ngo 1.24\n"
	for name, archive := range map[string]string{
		"undefined: missing": mod + "-- main.go --\npackage main\n\nfunc main() { missing() }\n",
		"syntax error":       mod + "-- main.go --\npackage main\n\nfunc main() {\n",
		"no required module provides package example.com/": mod + "-- main.go --\npackage main\n\nimport _ \"example.com/words\"\n\nfunc main() {}\n",
		"function main is undeclared":                      mod + "-- main.go --\npackage main\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("GOPROXY", "off")
			t.Setenv("GOFLAGS", "")
			dir := extract(t, archive)
			for engine, build := range builders {
				t.Run(engine, func(t *testing.T) {
					_, err := build(t, dir, openCache(t))
					var failed *BuildError
					if !errors.As(err, &failed) {
						t.Fatalf("found the error %v, expected a BuildError", err)
					}
					if !strings.Contains(failed.Output, name) || strings.HasSuffix(failed.Output, "\n") {
						t.Errorf("the output is %q, expected %q in it", failed.Output, name)
					}
					if want := "the Go package " + dir + " does not build"; err.Error() != want {
						t.Errorf("the error is %q, expected %q", err, want)
					}
				})
			}
		})
	}
}

// TestLibrary: a package that is no program is refused by name, for every engine.
func TestLibrary(t *testing.T) {
	dir := extract(t, "-- go.mod --\nmodule example.com/words\n\ngo 1.24\n-- words.go --\npackage words\n")
	for engine, build := range builders {
		t.Run(engine, func(t *testing.T) {
			want := "the Go package " + dir + " is not a program: expected package main"
			if _, err := build(t, dir, openCache(t)); err == nil || err.Error() != want {
				t.Errorf("found the error %v, expected %s", err, want)
			}
		})
	}
}

// TestOtherTargets: a program that builds for this system only is told from one that does
// not build at all.
func TestOtherTargets(t *testing.T) {
	const program = "package main\n\nfunc main() { only() }\n"
	for engine, c := range map[string]struct{ constraint, target string }{
		"wasm":   {"!wasip1", "wasip1, the system of simulated nodes"},
		"native": {"cgo", "native simulation, which has no cgo"},
	} {
		t.Run(engine, func(t *testing.T) {
			t.Setenv("CGO_ENABLED", "1")
			dir := extract(t, "-- go.mod --\nmodule example.com/node\n\ngo 1.24\n-- main.go --\n"+program+
				"-- only.go --\n//go:build "+c.constraint+"\n\npackage main\n\nfunc only() {}\n")
			_, err := builders[engine](t, dir, openCache(t))
			var target *TargetError
			if !errors.As(err, &target) || target.Target != c.target || !strings.Contains(target.Output, "undefined: only") {
				t.Fatalf("found %v, expected a TargetError for %s with the compiler's words", err, c.target)
			}
			if want := "the Go package " + dir + " does not build for " + c.target; err.Error() != want {
				t.Errorf("the error is %q, expected %q", err, want)
			}
		})
	}
}

// TestAppengine: a module for WebAssembly is built with the tag appengine if it does not
// build without, and only then.
func TestAppengine(t *testing.T) {
	for want, constraint := range map[string]string{"with the tag": "!wasip1 || appengine", "without the tag": "!appengine"} {
		t.Run(want, func(t *testing.T) {
			dir := extract(t, "-- go.mod --\nmodule example.com/node\n\ngo 1.24\n-- main.go --\npackage main\n\nimport \"os\"\n\nfunc main() { os.Stdout.WriteString(text) }\n"+
				"-- text.go --\n//go:build "+constraint+"\n\npackage main\n\nvar text = \""+want+"\"\n")
			file, err := BuildWasm(context.Background(), dir, openCache(t))
			if err != nil || !holds(t, file, want) {
				t.Errorf("built %s, %v", file, err)
			}
		})
	}
}

// TestInterruptedBuild: Ctrl-C during a build is no error of the program.
func TestInterruptedBuild(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Build(ctx, extract(t, program("hello")), t.TempDir(), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("found the error %v, expected %v", err, context.Canceled)
	}
}

// TestNoGo: without Go, the error says what to do.
func TestNoGo(t *testing.T) {
	dir := extract(t, program("hello"))
	t.Setenv("PATH", t.TempDir())
	if _, err := Build(context.Background(), dir, t.TempDir(), nil); err == nil || !strings.Contains(err.Error(), "the go command is not on PATH; install Go, or give an executable with --bin") {
		t.Errorf("found the error %v", err)
	}
}

// TestRaceNeedsCompiler: without a C compiler, the error of the race detector names it, and
// says what to do.
func TestRaceNeedsCompiler(t *testing.T) {
	if runtime.GOOS == "darwin" {
		t.Skip("the race detector needs no C compiler here")
	}
	dir := extract(t, program("hello"))
	t.Setenv("CC", "no-such-compiler --fast")
	for _, path := range []string{dir, filepath.Join(dir, "main.go")} {
		_, err := BuildRace(context.Background(), path, t.TempDir())
		if err == nil || !strings.Contains(err.Error(), "cannot build "+path+": the race detector needs a C compiler") || !strings.Contains(err.Error(), "no-such-compiler is not here; install it, or set CC") {
			t.Errorf("found the error %v", err)
		}
	}
	if err := stdlib.Supported(runtime.GOOS, runtime.GOARCH); err != nil {
		t.Skip(err)
	}
	for arch, needed := range map[string]bool{"amd64": false, "arm64": true} { // for native simulation
		toolchain, err := findNativeToolchain(context.Background(), dir, openCache(t), arch)
		if err != nil {
			t.Fatal(err)
		}
		var unavailable *UnavailableError
		if err := toolchain.CheckRace(context.Background()); errors.As(err, &unavailable) != needed || err != nil != needed {
			t.Errorf("%s: found the error %v", arch, err)
		}
	}
}

// TestSources: a path that is no Go package is refused with what was expected there, before
// the go command is asked.
func TestSources(t *testing.T) {
	dir := extract(t, program("hello")+"-- notes/notes.txt --\nnone\n-- node.py --\nprint()\n")
	for _, good := range []string{dir, filepath.Join(dir, "main.go")} {
		if err := CheckSource(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for name, want := range map[string]string{
		"nowhere": "nowhere does not exist; expected the directory of a Go package, or a Go file",
		"notes":   "notes holds no Go files; expected a Go package with a main function",
		"node.py": "node.py is a file; expected the directory of a Go package, or --bin ",
	} {
		path := filepath.Join(dir, name)
		_, process := Build(context.Background(), path, t.TempDir(), nil)
		_, race := BuildRace(context.Background(), path, t.TempDir())
		_, wasm := BuildWasm(context.Background(), path, openCache(t))
		for _, err := range []error{CheckSource(path), process, race, wasm} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("found the error %v, expected %q", err, want)
			}
		}
	}
}

// TestChosenToolchain: native simulation builds with the version of Go that the solution's
// go.mod asks for, or GOTOOLCHAIN, and no two versions share what is kept in the cache.
func TestChosenToolchain(t *testing.T) {
	if err := stdlib.Supported(runtime.GOOS, runtime.GOARCH); err != nil {
		t.Skip(err)
	}
	ids, kept := map[string]string{}, openCache(t)
	toolchaintest.Each(t, func(t *testing.T, name string) {
		mod := "module example.com/node\n\ngo 1.24\n"
		if version.Compare(name, runtime.Version()) > 0 {
			t.Setenv("GOTOOLCHAIN", "auto")
			mod += "\ntoolchain " + name + "\n"
		} else { // go.mod cannot ask for an older version than the go command's
			t.Setenv("GOTOOLCHAIN", name)
		}
		t.Setenv("GOPROXY", "off")
		toolchain, err := FindNativeToolchain(context.Background(), extract(t, "-- go.mod --\n"+mod), kept)
		if err != nil {
			t.Fatal(err)
		}
		if found := goVersion(toolchain.Root); found != name {
			t.Errorf("it builds with %s, expected %s", found, name)
		}
		if other, ok := ids[toolchain.ID]; ok {
			t.Errorf("%s and %s have the same id", name, other)
		}
		ids[toolchain.ID] = name
	})
}
