package tidy

import (
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// ordered are the packages in which the order of a map must not show: those that
// decide what happens in a simulated run, and those that judge it.
var ordered = []string{
	"glomers/checkers/...", "glomers/internal/kernel", "glomers/internal/network", "glomers/internal/service",
	"glomers/internal/workload", "glomers/internal/nemesis", "glomers/internal/runner", "glomers/internal/verdict",
	"glomers/internal/trial", "glomers/internal/sim/...",
}

// unordered marks a loop over a map whose effect does not depend on the order.
const unordered = "// unordered:"

// TestNoMapOrderShows finds loops over maps. A loop passes if it collects keys or
// values in a slice that the same function sorts afterwards, or if its line is marked
// "// unordered: reason" and its body consists of steps that commute: entries of
// maps are set or deleted, sums, minima, maxima and flags are updated.
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
	for body, want := range map[string]bool{
		`for k := range m { println(k) }`:                                          false,
		`for k := range m { keys = append(keys, k) }`:                              false,
		`for k := range m { keys = append(keys, k) }; sort.Strings(keys)`:          true,
		`sort.Strings(keys); for k := range m { keys = append(keys, k) }`:          false,
		`for k := range m { keys = append(keys, k) }; slices.SortFunc(keys, nil)`:  true,
		"for k, v := range m { // unordered: a sum\n n += v; o[k] = v }":           true,
		"for _, v := range m { // unordered: a maximum\n n = max(n, v) }":          true,
		"for _, v := range m { // unordered: any\n if v > 1 { found = true } }":    true,
		"for k, v := range m { // unordered: a lie\n o[\"last\"] = v; print(k) }":  false,
		"for k := range m { // unordered: a lie\n last = k }":                      false,
		"for _, v := range m { // unordered: a lie\n n = v }":                      false,
		"for _, v := range m { // unordered: a lie\n n += v; if n > 9 { break } }": false,
		`for k := range maps.Keys(m) { println(k) }`:                               false,
		`for _, k := range slices.Sorted(maps.Keys(m)) { println(k) }`:             true,
		`keys = slices.Collect(maps.Keys(m))`:                                      false,
	} {
		src := "package p\nimport (\"maps\"; \"slices\"; \"sort\")\nvar _, _, _ = maps.Keys[map[int]int], slices.Sort[[]int], sort.Ints\n" +
			"func f(m, o map[string]int) {\nvar keys []string; var n int; var found bool; var last string; _, _, _, _ = keys, n, found, last\n" + body + "\n}\n"
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "p.go", src, parser.ParseComments)
		if err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		info := newInfo()
		if _, err := (&types.Config{Importer: exported(t, fset, "maps", "slices", "sort")}).Check("p", fset, []*ast.File{f}, info); err != nil {
			t.Fatalf("%s: %v", body, err)
		}
		loops := 0
		if problems := mapOrder(fset, f, info, &loops); (len(problems) == 0) != want {
			t.Errorf("%s: found %q, want it accepted: %v", body, problems, want)
		}
	}
}

// mapOrder returns the loops of a file whose order may show.
func mapOrder(fset *token.FileSet, f *ast.File, info *types.Info, loops *int) []string {
	marked := map[int]bool{}
	for _, group := range f.Comments {
		for _, c := range group.List {
			if strings.HasPrefix(c.Text, unordered) {
				marked[fset.Position(c.Pos()).Line] = true
			}
		}
	}
	var problems []string
	report := func(n ast.Node, what string) {
		problems = append(problems, fmt.Sprintf("%v: %s", fset.Position(n.Pos()), what))
	}
	sorted := map[ast.Node]bool{} // calls of maps.Keys and the like whose result is sorted at once
	var function *ast.BlockStmt
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			function = n.Body
		case *ast.CallExpr:
			switch name := called(info, n); {
			case strings.HasPrefix(name, "slices.Sorted") || name == "maps.Collect":
				for _, arg := range n.Args {
					sorted[arg] = true
				}
			case (name == "maps.Keys" || name == "maps.Values" || name == "maps.All") && !sorted[n]:
				report(n, name+" gives the order of a map: wrap it in slices.Sorted")
			}
		case *ast.RangeStmt:
			tv, ok := info.Types[n.X]
			if !ok {
				return true
			}
			if _, isMap := tv.Type.Underlying().(*types.Map); !isMap {
				return true
			}
			*loops++
			switch {
			case marked[fset.Position(n.Pos()).Line]:
				if bad := notCommuting(info, n, n.Body); bad != nil {
					report(bad, "this step of a loop marked unordered may depend on the order of the map")
				}
			case !collectsAndSorts(info, n, function):
				report(n, "a loop over a map: range over slices.Sorted(maps.Keys(m)), sort what it collects, or mark it "+unordered+" reason")
			}
		}
		return true
	})
	return problems
}

// called returns the name of a called function with its package, such as
// slices.Sort.
func called(info *types.Info, call *ast.CallExpr) string {
	fun := call.Fun
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun = index.X
	}
	switch fun := fun.(type) {
	case *ast.SelectorExpr:
		if obj, ok := info.Uses[fun.Sel].(*types.Func); ok && obj.Pkg() != nil && obj.Signature().Recv() == nil {
			return obj.Pkg().Name() + "." + obj.Name()
		}
	case *ast.Ident:
		if _, ok := info.Uses[fun].(*types.Builtin); ok {
			return fun.Name
		}
	}
	return ""
}

// collectsAndSorts reports whether a loop only appends to a slice that the function
// sorts after the loop.
func collectsAndSorts(info *types.Info, loop *ast.RangeStmt, function *ast.BlockStmt) bool {
	var slice string
	for _, stmt := range flatten(loop.Body.List) {
		assign, ok := stmt.(*ast.AssignStmt)
		if !ok || len(assign.Lhs) != 1 {
			return false
		}
		call, ok := assign.Rhs[0].(*ast.CallExpr)
		if !ok || called(info, call) != "append" || types.ExprString(assign.Lhs[0]) != types.ExprString(call.Args[0]) {
			return false
		}
		slice = types.ExprString(assign.Lhs[0])
	}
	found := false
	ast.Inspect(function, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok && call.Pos() > loop.End() && len(call.Args) > 0 && types.ExprString(call.Args[0]) == slice {
			name := called(info, call)
			found = found || strings.HasPrefix(name, "slices.Sort") || strings.HasPrefix(name, "sort.") || name == "edn.SortMap" || name == "edn.Sort"
		}
		return true
	})
	return found && slice != ""
}

// flatten returns the statements with the bodies of ifs in their place.
func flatten(list []ast.Stmt) []ast.Stmt {
	var out []ast.Stmt
	for _, s := range list {
		if branch, ok := s.(*ast.IfStmt); ok && branch.Else == nil {
			out = append(out, flatten(branch.Body.List)...)
			continue
		}
		out = append(out, s)
	}
	return out
}

// notCommuting returns a statement of a loop that need not commute with itself, nil
// if there is none.
func notCommuting(info *types.Info, loop *ast.RangeStmt, block *ast.BlockStmt) ast.Node {
	local := func(e ast.Expr) bool { // a variable of this round of the loop
		root := e
		for {
			switch x := root.(type) {
			case *ast.IndexExpr:
				root = x.X
				continue
			case *ast.SelectorExpr:
				root = x.X
				continue
			}
			break
		}
		id, ok := root.(*ast.Ident)
		if !ok {
			return false
		}
		obj := info.ObjectOf(id)
		return obj != nil && obj.Pos() >= loop.Pos() && obj.Pos() < loop.End()
	}
	usesKey := func(e ast.Expr) bool {
		uses := false
		ast.Inspect(e, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				uses = uses || local(id)
			}
			return true
		})
		return uses
	}
	var check func(stmts []ast.Stmt) ast.Node
	assignment := func(s *ast.AssignStmt) bool {
		switch s.Tok {
		case token.DEFINE, token.ADD_ASSIGN, token.SUB_ASSIGN, token.OR_ASSIGN, token.AND_ASSIGN, token.XOR_ASSIGN:
			if s.Tok != token.DEFINE { // strings are concatenated in an order
				basic, ok := info.TypeOf(s.Lhs[0]).Underlying().(*types.Basic)
				return ok && basic.Info()&(types.IsInteger|types.IsBoolean) != 0
			}
			return true
		}
		for i, lhs := range s.Lhs {
			if index, ok := lhs.(*ast.IndexExpr); ok && usesKey(index.Index) || local(lhs) {
				continue
			}
			if len(s.Rhs) != len(s.Lhs) {
				return false
			}
			if tv := info.Types[s.Rhs[i]]; tv.Value != nil { // always the same constant
				continue
			}
			if id, ok := s.Rhs[i].(*ast.Ident); ok && (id.Name == "true" || id.Name == "false") {
				continue
			}
			call, ok := s.Rhs[i].(*ast.CallExpr)
			if !ok {
				return false
			}
			name := called(info, call)
			if name != "max" && name != "min" || !slices.ContainsFunc(call.Args, func(a ast.Expr) bool { return types.ExprString(a) == types.ExprString(lhs) }) {
				return false
			}
		}
		return true
	}
	check = func(stmts []ast.Stmt) ast.Node {
		for _, s := range stmts {
			var bad ast.Node
			switch s := s.(type) {
			case *ast.AssignStmt:
				if !assignment(s) {
					bad = s
				}
			case *ast.IncDecStmt, *ast.DeclStmt:
			case *ast.ExprStmt:
				if call, ok := s.X.(*ast.CallExpr); !ok || called(info, call) != "delete" {
					bad = s
				}
			case *ast.IfStmt:
				if bad = check(s.Body.List); bad == nil && s.Else != nil {
					bad = check([]ast.Stmt{s.Else})
				}
			case *ast.BlockStmt:
				bad = check(s.List)
			case *ast.RangeStmt:
				bad = check(s.Body.List)
			case *ast.BranchStmt:
				if s.Tok != token.CONTINUE {
					bad = s
				}
			case *ast.ReturnStmt: // the same whatever round comes first
				for _, r := range s.Results {
					if usesKey(r) {
						bad = s
					}
				}
			default:
				bad = s
			}
			if bad != nil {
				return bad
			}
		}
		return nil
	}
	return check(block.List)
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
	imports := exported(t, fset, patterns...)
	out, err := exec.Command("go", append([]string{"list", "-f", "{{.ImportPath}}|{{.Dir}}|{{join .GoFiles \",\"}}"}, patterns...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var pkgs []checked
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		path, rest, _ := strings.Cut(line, "|")
		dir, names, _ := strings.Cut(rest, "|")
		p := checked{fset: fset, info: newInfo()}
		for _, name := range strings.Split(names, ",") {
			f, err := parser.ParseFile(fset, filepath.Join(dir, name), nil, parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			p.files = append(p.files, f)
		}
		if _, err := (&types.Config{Importer: imports}).Check(path, fset, p.files, p.info); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		pkgs = append(pkgs, p)
	}
	return pkgs
}

// exported imports packages, and what they import, from the build cache.
func exported(t *testing.T, fset *token.FileSet, patterns ...string) types.Importer {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}}|{{.Export}}"}, patterns...)...).Output()
	if err != nil {
		t.Fatalf("go list -export: %v", err)
	}
	files := map[string]string{}
	for _, line := range strings.Split(string(out), "\n") {
		path, file, _ := strings.Cut(line, "|")
		files[path] = file
	}
	return importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(files[path]) })
}
