package tidy

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ordered are the packages in which the order of a map must not show: those that
// decide what happens in a simulated run, those that judge it, and those that show it.
var ordered = []string{"glomers/checkers/...", "glomers/internal/...", "glomers/stages", "glomers/cmd/..."}

// unordered marks a loop over a map whose effect does not depend on the order.
const unordered = "// unordered:"

// TestNoMapOrderShows finds loops over maps, and calls that give their order. A loop
// passes if it collects keys or values in slices that the same function sorts afterwards,
// or if its line is marked "// unordered: reason" and its rounds commute; see commutes.
//
// One thing is left to the eye: that a function given to slices.SortFunc never calls two
// elements equal that differ.
func TestNoMapOrderShows(t *testing.T) {
	pkgs := typeCheck(t, ordered)
	loops := 0
	for _, p := range pkgs {
		for _, f := range p.files {
			for _, problem := range mapOrder(p.fset, f, p.info, &loops) {
				t.Error(problem)
			}
		}
	}
	if loops < 10 {
		t.Errorf("only %d loops over maps were found: does the test still look at the code?", loops)
	}
}

// TestMapOrderIsSeen: the rule finds what it forbids, and nothing else.
func TestMapOrderIsSeen(t *testing.T) {
	fset := token.NewFileSet()
	imports := importsFrom(fset, list(t, "maps", "reflect", "slices", "sort"))
	for body, want := range map[string]bool{
		`for k := range m { println(k) }`:                                     false,
		`for k := range maps.Keys(m) { println(k) }`:                          false,
		`for _, k := range slices.Sorted(maps.Keys(m)) { println(k) }`:        true,
		`keys = slices.Collect(maps.Keys(m))`:                                 false,
		`for it := reflect.ValueOf(m).MapRange(); it.Next(); { println(it) }`: false,
		`any := func() { for k := range m { println(k) } }; any()`:            false,
		"func of[M ~map[string]int](m M) { for k := range m { println(k) } }": false,
		"var g = func(m map[string]int) { for k := range m { println(k) } }":  false,

		// Collected and sorted.
		`for k := range m { keys = append(keys, k) }`:                                             false,
		`for k := range m { keys = append(keys, k) }; sort.Strings(keys)`:                         true,
		`sort.Strings(keys); for k := range m { keys = append(keys, k) }`:                         false,
		`for k := range m { keys = append(keys, k) }; slices.SortFunc(keys, nil)`:                 true,
		`for k, v := range m { if v > 1 { keys = append(keys, k) } }; sort.Strings(keys)`:         true,
		`for k := range m { if len(keys) < 3 { keys = append(keys, k) } }; sort.Strings(keys)`:    false, // any three
		`for k := range m { more = append(more, k); keys = append(keys, k) }; sort.Strings(keys)`: false, // more is not sorted
		`for k := range m { keys = append(keys, k+draw()) }; sort.Strings(keys)`:                  false, // but not for whom
		`for k := range m { if luck() { keys = append(keys, k) } }; sort.Strings(keys)`:           false,

		// Marked, and commuting.
		"for k, v := range m { // unordered: sums\n n += v; o[k] = v; count++ }":                              true,
		"for _, v := range m { // unordered: a maximum\n n = max(n, v) }":                                     true,
		"for _, v := range m { // unordered: any\n if v > 1 { found = true } }":                               true,
		"for _, v := range m { // unordered: any\n if v > 1 { return } }":                                     true,
		"for k := range m { // unordered: a set\n set[m[k]] = true }":                                         true,
		"for k, v := range m { // unordered: sets\n if sets[k] == nil { sets[k] = set }; sets[k][v] = true }": true,
		"for k, v := range m { // unordered: newest\n if mine, ok := o[k]; !ok || mine < v { o[k] = v } }":    true,
		"for k := range m { // unordered: a part\n if m[k] > 1 { delete(o, k) } }":                            true,
		"for k, v := range m { // unordered: local\n twice := 2*v; twice++; o[k] = twice }":                   true,

		// Marked, and not commuting.
		"for k, v := range m { // unordered: a lie\n o[\"last\"] = v; print(k) }":                        false,
		"for k := range m { // unordered: a lie\n last = k }":                                            false,
		"for _, v := range m { // unordered: a lie\n n = v }":                                            false,
		"for k := range m { // unordered: a lie\n last += k }":                                           false, // text
		"for _, v := range m { // unordered: a lie\n x += float64(v) }":                                  false, // rounding
		"for _, v := range m { // unordered: a lie\n n += v; if n > 9 { break } }":                       false,
		"for _, v := range m { // unordered: a lie\n n += v; if n > 9 { found = true } }":                false,
		"for k, v := range m { // unordered: a lie\n n += v; o[k] = n }":                                 false, // sums so far
		"for k := range m { // unordered: a lie\n o[k] = len(o) }":                                       false, // a number in the order
		"for k := range m { // unordered: a lie\n o[k] = count; count++ }":                               false,
		"for k, v := range m { // unordered: a lie\n inverse[v] = k }":                                   false, // the last of equal ones
		"for k := range m { // unordered: a lie\n o[k] = roll(1) }":                                      false, // a draw each
		"for k, v := range m { // unordered: a lie\n found = v > 1; o[k] = v }":                          false,
		"for _, v := range m { // unordered: a lie\n if v > 1 { found = true } else { found = false } }": false,
		"for _, v := range m { // unordered: a lie\n n += v; n = max(n, v) }":                            false,
		"for _, v := range m { // unordered: a lie\n if v > 1 { return }; n += v }":                      false,
		"for k := range m { // unordered: a lie\n keys = append(keys, k) }":                              false,
		"for k := range m { // unordered: a lie\n go print(k) }":                                         false,
		"for k := range m { // unordered: a lie\n if o[\"x\"] == 1 { delete(o, k) } }":                   false,
	} {
		outside := ""
		if strings.HasPrefix(body, "func") || strings.HasPrefix(body, "var") {
			outside, body = body, ""
		}
		src := `package p
import ("maps"; "reflect"; "slices"; "sort")
var _, _, _, _ = maps.Keys[map[int]int], slices.Sort[[]int], sort.Ints, reflect.ValueOf
func draw() string
func roll(int) int
func luck() bool
func f(m, o map[string]int, sets map[string]map[int]bool, set map[int]bool, inverse map[int]string) {
	var keys, more []string; var n, count int; var x float64; var found bool; var last string
	_, _, _, _, _, _, _ = keys, more, n, count, x, found, last
	` + body + `
}
` + outside
		f, err := parser.ParseFile(fset, "p.go", src, parser.ParseComments)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		info := newInfo()
		if _, err := (&types.Config{Importer: imports}).Check("p", fset, []*ast.File{f}, info); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		loops := 0
		if problems := mapOrder(fset, f, info, &loops); (len(problems) == 0) != want {
			t.Errorf("%s: found %q, want it accepted: %v", body+outside, problems, want)
		}
	}
}

type checked struct {
	fset  *token.FileSet
	files []*ast.File
	info  *types.Info
}

func newInfo() *types.Info {
	return &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}, Defs: map[*ast.Ident]types.Object{}}
}

// typeCheck parses and type-checks packages, without their tests.
func typeCheck(t *testing.T, patterns []string) []checked {
	t.Helper()
	fset := token.NewFileSet()
	listed := list(t, patterns...)
	imports := importsFrom(fset, listed)
	var pkgs []checked
	for _, l := range listed {
		if l.DepOnly || len(l.GoFiles) == 0 { // or a package of tests
			continue
		}
		p := checked{fset: fset, info: newInfo()}
		for _, name := range l.GoFiles {
			f, err := parser.ParseFile(fset, filepath.Join(l.Dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			p.files = append(p.files, f)
		}
		if _, err := (&types.Config{Importer: imports}).Check(l.ImportPath, fset, p.files, p.info); err != nil {
			t.Fatalf("%s: %v", l.ImportPath, err)
		}
		pkgs = append(pkgs, p)
	}
	return pkgs
}

// listed is a package as go list describes it.
type listed struct {
	ImportPath, Dir, Export string
	GoFiles                 []string
	DepOnly                 bool // only imported by those asked for
}

// list returns packages and what they import.
func list(t *testing.T, patterns ...string) []listed {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,DepOnly"}, patterns...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		switch err := dec.Decode(&p); err {
		case nil:
			pkgs = append(pkgs, p)
		case io.EOF:
			return pkgs
		default:
			t.Fatalf("go list: %v", err)
		}
	}
}

// importsFrom imports packages from the build cache.
func importsFrom(fset *token.FileSet, pkgs []listed) types.Importer {
	files := map[string]string{}
	for _, p := range pkgs {
		files[p.ImportPath] = p.Export
	}
	return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })
}
