package tidy

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// mapOrder returns the places of a file where the order of a map may show.
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
	var function *ast.BlockStmt   // nil for a function in the value of a variable
	inspect := func(n ast.Node) bool {
		isMarked := n != nil && marked[fset.Position(n.Pos()).Line]
		switch n := n.(type) {
		case *ast.CallExpr:
			switch name := called(info, n); {
			case strings.HasPrefix(name, "slices.Sorted") || name == "maps.Collect":
				for _, arg := range n.Args {
					sorted[arg] = true
				}
			case (name == "maps.Keys" || name == "maps.Values" || name == "maps.All") && !sorted[n]:
				report(n, name+" gives the order of a map: wrap it in slices.Sorted")
			case (name == "reflect.Value.MapKeys" || name == "reflect.Value.MapRange" || name == "sync.Map.Range") && !isMarked:
				report(n, name+" gives the order of a map: sort what it gives, and mark it "+unordered+" reason")
			}
		case *ast.RangeStmt:
			if t := info.TypeOf(n.X); t == nil || !mayBeMap(t) {
				return true
			}
			*loops++
			l := &loop{RangeStmt: n, info: info}
			switch {
			case isMarked:
				if bad := l.commutes(); bad != nil {
					report(bad, "this step of a loop marked unordered may depend on the order of the map")
				}
			case function == nil || !l.collectsAndSorts(function):
				report(n, "a loop over a map: range over slices.Sorted(maps.Keys(m)), sort what it collects, or mark it "+unordered+" reason")
			}
		}
		return true
	}
	for _, decl := range f.Decls {
		function = nil
		if fun, ok := decl.(*ast.FuncDecl); ok {
			function = fun.Body
		}
		ast.Inspect(decl, inspect)
	}
	return problems
}

// mayBeMap reports whether a type is a map, or a type parameter that may be one.
func mayBeMap(t types.Type) bool {
	if p, ok := t.(*types.TypeParam); ok {
		constraint := p.Constraint().Underlying().(*types.Interface)
		for i := range constraint.NumEmbeddeds() {
			union, ok := constraint.EmbeddedType(i).(*types.Union)
			if !ok {
				continue
			}
			for j := range union.Len() {
				if mayBeMap(union.Term(j).Type()) {
					return true
				}
			}
		}
		return false
	}
	_, ok := t.Underlying().(*types.Map)
	return ok
}

// called returns the name of a called function or method with its package, such as
// slices.Sort or reflect.Value.MapKeys, and that of a builtin without one.
func called(info *types.Info, call *ast.CallExpr) string {
	fun := call.Fun
	if index, ok := fun.(*ast.IndexExpr); ok {
		fun = index.X
	}
	switch fun := fun.(type) {
	case *ast.SelectorExpr:
		obj, ok := info.Uses[fun.Sel].(*types.Func)
		if !ok || obj.Pkg() == nil {
			return ""
		}
		name := obj.Pkg().Name() + "."
		if recv := obj.Signature().Recv(); recv != nil {
			t := recv.Type()
			if p, ok := t.(*types.Pointer); ok {
				t = p.Elem()
			}
			if named, ok := t.(*types.Named); ok {
				name += named.Obj().Name() + "."
			}
		}
		return name + obj.Name()
	case *ast.Ident:
		if _, ok := info.Uses[fun].(*types.Builtin); ok {
			return fun.Name
		}
	}
	return ""
}

// A loop is a loop over a map.
type loop struct {
	*ast.RangeStmt
	info *types.Info

	// updated are the variables from outside of the loop that it changes, and how: all
	// changes of one must be of one kind.
	updated map[types.Object]string
}

// collectsAndSorts reports whether the loop only appends to slices that the function
// sorts after the loop.
func (l *loop) collectsAndSorts(function *ast.BlockStmt) bool {
	l.updated = map[types.Object]string{}
	var slicesOf []string
	var appended func(list []ast.Stmt) bool
	appended = func(list []ast.Stmt) bool {
		for _, s := range list {
			switch s := s.(type) {
			case *ast.IfStmt:
				if s.Init != nil || s.Else != nil || !l.pure(s.Cond) || !appended(s.Body.List) {
					return false
				}
			case *ast.AssignStmt:
				call, ok := s.Rhs[0].(*ast.CallExpr)
				if len(s.Lhs) != 1 || !ok || called(l.info, call) != "append" || types.ExprString(s.Lhs[0]) != types.ExprString(call.Args[0]) {
					return false
				}
				l.updated[l.root(s.Lhs[0])] = "append"
				slicesOf = append(slicesOf, types.ExprString(s.Lhs[0]))
			default:
				return false
			}
		}
		return true
	}
	if !appended(l.Body.List) || len(slicesOf) == 0 {
		return false
	}
	// A second time, now that what the loop changes is known.
	pure := true
	ast.Inspect(l.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			pure = pure && l.pure(n.Cond)
		case *ast.CallExpr:
			if called(l.info, n) == "append" {
				for _, arg := range n.Args[1:] {
					pure = pure && l.pure(arg)
				}
				return false
			}
		}
		return true
	})
	for _, slice := range slicesOf {
		found := false
		ast.Inspect(function, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && call.Pos() > l.End() && len(call.Args) > 0 && types.ExprString(call.Args[0]) == slice {
				name := called(l.info, call)
				found = found || strings.HasPrefix(name, "slices.Sort") || strings.HasPrefix(name, "sort.") || name == "edn.SortMap" || name == "edn.Sort"
			}
			return true
		})
		pure = pure && found
	}
	return pure
}

// commutes returns a step of the loop that may depend on the order of the rounds, nil
// if there is none. A round may
//
//   - change variables of its own;
//   - add to integers, take a minimum or a maximum, set to one constant;
//   - set or delete the entry of its own key in another map, or set any entry to a
//     constant;
//   - end the function with constant results, if it changes nothing.
//
// It may read nothing that other rounds change, and call only functions that are known to
// change nothing.
func (l *loop) commutes() ast.Node {
	l.updated = map[types.Object]string{}
	if bad := l.updates(l.Body); bad != nil {
		return bad
	}
	return l.block(l.Body.List)
}

// updates finds what the loop changes, and returns a step that changes it in a way that
// does not commute.
func (l *loop) updates(body ast.Node) (bad ast.Node) {
	note := func(at ast.Node, target ast.Expr, kind string) {
		if l.local(target) || bad != nil {
			return
		}
		obj := l.root(target)
		if known, ok := l.updated[obj]; obj == nil || kind == "" || ok && known != kind {
			bad = at
			return
		}
		l.updated[obj] = kind
	}
	returns, result := false, ""
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, lhs := range n.Lhs {
				if n.Tok != token.DEFINE {
					note(n, lhs, l.kindOf(n, i))
				}
			}
		case *ast.IncDecStmt:
			note(n, n.X, "sum")
		case *ast.ExprStmt:
			if call, ok := n.X.(*ast.CallExpr); ok && called(l.info, call) == "delete" {
				note(n, call.Args[0], "delete")
			}
		case *ast.ReturnStmt:
			var text []string
			for _, r := range n.Results {
				text = append(text, types.ExprString(r))
			}
			if returns && strings.Join(text, ", ") != result && bad == nil {
				bad = n
			}
			returns, result = true, strings.Join(text, ", ")
		}
		return true
	})
	if bad == nil && returns && len(l.updated) > 0 {
		return body
	}
	return bad
}

// kindOf says how an assignment changes its i-th target, "" for a way that does not
// commute.
func (l *loop) kindOf(s *ast.AssignStmt, i int) string {
	switch s.Tok {
	case token.ADD_ASSIGN, token.SUB_ASSIGN: // of integers: texts are joined in an order, and fractions rounded
		if basic, ok := l.info.TypeOf(s.Lhs[i]).Underlying().(*types.Basic); ok && basic.Info()&types.IsInteger != 0 {
			return "sum"
		}
		return ""
	case token.OR_ASSIGN, token.AND_ASSIGN, token.XOR_ASSIGN:
		return s.Tok.String()
	case token.ASSIGN:
	default:
		return ""
	}
	if l.ownEntry(s.Lhs[i]) {
		return "entry"
	}
	if len(s.Rhs) != len(s.Lhs) {
		return ""
	}
	if value := l.info.Types[s.Rhs[i]].Value; value != nil {
		return "constant " + value.ExactString()
	}
	target := types.ExprString(s.Lhs[i])
	switch rhs := s.Rhs[i].(type) {
	case *ast.BinaryExpr: // found = found || …
		if (rhs.Op == token.LOR || rhs.Op == token.LAND) && types.ExprString(rhs.X) == target {
			return rhs.Op.String()
		}
	case *ast.CallExpr:
		name := called(l.info, rhs)
		if (name == "max" || name == "min") && slices.ContainsFunc(rhs.Args, func(a ast.Expr) bool { return types.ExprString(a) == target }) {
			return name
		}
	}
	return ""
}

// block returns the first of the steps that may depend on other rounds.
func (l *loop) block(steps []ast.Stmt) ast.Node {
	for _, s := range steps {
		if bad := l.step(s); bad != nil {
			return bad
		}
	}
	return nil
}

func (l *loop) step(s ast.Stmt) ast.Node {
	ok := true
	switch s := s.(type) {
	case nil:
	case *ast.AssignStmt:
		for i, rhs := range s.Rhs {
			switch {
			case len(s.Lhs) != len(s.Rhs) || s.Tok != token.ASSIGN || l.local(s.Lhs[i]) || l.ownEntry(s.Lhs[i]):
				ok = ok && l.pure(rhs)
			default: // a combination of the target's own value and others
				ok = ok && l.pureBut(rhs, types.ExprString(s.Lhs[i]))
			}
		}
	case *ast.IncDecStmt, *ast.DeclStmt:
	case *ast.ExprStmt:
		call, isCall := s.X.(*ast.CallExpr)
		ok = isCall && called(l.info, call) == "delete" && l.pure(call.Args[1])
	case *ast.IfStmt:
		if bad := l.step(s.Init); bad != nil {
			return bad
		}
		if ok = l.pure(s.Cond); ok {
			if bad := l.block(s.Body.List); bad != nil {
				return bad
			}
			return l.step(s.Else)
		}
	case *ast.BlockStmt:
		return l.block(s.List)
	case *ast.RangeStmt:
		if ok = l.pure(s.X); ok {
			return l.block(s.Body.List)
		}
	case *ast.BranchStmt:
		ok = s.Tok == token.CONTINUE && s.Label == nil
	case *ast.ReturnStmt: // the same whatever round comes first
		for _, r := range s.Results {
			ok = ok && l.pure(r) && !l.mentionsLocal(r)
		}
	default:
		ok = false
	}
	if !ok {
		return s
	}
	return nil
}

// ownEntry reports whether an expression is an entry of a map under the key of the round,
// or a part of one.
func (l *loop) ownEntry(e ast.Expr) bool {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			if id, ok := x.Index.(*ast.Ident); ok && l.Key != nil && l.info.ObjectOf(id) != nil && l.info.ObjectOf(id) == l.keyObject() {
				return true
			}
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		default:
			return false
		}
	}
}

func (l *loop) keyObject() types.Object {
	id, ok := l.Key.(*ast.Ident)
	if !ok {
		return nil
	}
	return l.info.ObjectOf(id)
}

// root is the variable that an expression such as a.b[c] is a part of.
func (l *loop) root(e ast.Expr) types.Object {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			if field, ok := l.info.Uses[x.Sel].(*types.Var); ok && field.IsField() {
				if _, nested := x.X.(*ast.Ident); nested {
					return field // of one variable; two with the same field count as one
				}
			}
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		case *ast.Ident:
			return l.info.ObjectOf(x)
		default:
			return nil
		}
	}
}

// local reports whether an expression is a part of a variable of the round itself.
func (l *loop) local(e ast.Expr) bool {
	for {
		switch x := e.(type) {
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.Ident:
			if x.Name == "_" {
				return true
			}
			obj := l.info.ObjectOf(x)
			return obj != nil && obj.Pos() >= l.Pos() && obj.Pos() < l.End()
		default:
			return false
		}
	}
}

func (l *loop) mentionsLocal(e ast.Expr) bool {
	found := false
	ast.Inspect(e, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			found = found || l.local(id)
		}
		return true
	})
	return found
}

// pure reports whether the value of an expression is the same in whatever order the
// rounds come, and finding it changes nothing.
func (l *loop) pure(e ast.Expr) bool { return l.pureBut(e, "") }

// pureBut is pure for an expression in which one part, with the given text, may be
// anything.
func (l *loop) pureBut(e ast.Expr, part string) bool {
	ok := true
	ast.Inspect(e, func(n ast.Node) bool {
		switch n := n.(type) {
		case ast.Expr:
			if types.ExprString(n) == part || l.ownEntry(n) {
				return false
			}
			switch n := n.(type) {
			case *ast.CallExpr:
				ok = ok && l.harmless(n)
			case *ast.FuncLit:
				ok = false
			case *ast.UnaryExpr:
				ok = ok && n.Op != token.ARROW
			case *ast.SelectorExpr:
				_, changed := l.updated[l.root(n)]
				ok = ok && !changed
			case *ast.Ident:
				_, changed := l.updated[l.info.ObjectOf(n)]
				ok = ok && (!changed || l.info.ObjectOf(n) == nil)
			}
		}
		return ok
	})
	return ok
}

// harmless reports whether a call is a conversion, or one of a function that changes
// nothing and depends on nothing but its arguments.
func (l *loop) harmless(call *ast.CallExpr) bool {
	if l.info.Types[call.Fun].IsType() {
		return true
	}
	name := called(l.info, call)
	switch name {
	case "len", "cap", "max", "min", "make", "new", "append", "maps.Clone", "slices.Clone", "slices.Contains", "slices.Equal":
		return true
	}
	for _, pkg := range []string{"strings.", "strconv.", "math.", "fmt.Sprint", "fmt.Errorf", "time.Duration.", "time.Time.", "edn."} {
		if strings.HasPrefix(name, pkg) && !strings.Contains(name, ".Write") {
			return true
		}
	}
	return false
}
