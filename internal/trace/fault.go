package trace

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// repeatedByNext reports whether an operation of the nemesis is the beginning of one
// whose end follows at once, and says what was done.
func (t *Trace) repeatedByNext(op *history.Op) bool {
	i := op.Index + 1
	return i < len(t.h.Ops) && !t.h.Ops[i].Client() && t.h.Ops[i].F == op.F && t.h.Ops[i].Time == op.Time
}

// fault is the text of an operation of the nemesis.
func fault(op *history.Op) string {
	switch text, ok := partition(op.Value); {
	case ok:
		return fmt.Sprintf("%s: %s", op.F, text)
	case op.Value == nil:
		return op.F
	case op.Value == edn.Keyword("network-healed"):
		return op.F + ": the network is whole again"
	}
	return op.F + " " + edn.Brief(op.Value, shown)
}

// partition says who is cut off from whom, for a value such as
// [:isolated {"n0" #{"n1"} "n1" #{"n0"}}]: the nodes and whom they do not hear.
func partition(v any) (string, bool) {
	pair, ok := sequence(v)
	if !ok || len(pair) != 2 || pair[0] != edn.Keyword("isolated") {
		return "", false
	}
	deaf, ok := pair[1].(edn.Map)
	if !ok {
		return "", false
	}
	sides := map[string][]string{} // whom they do not hear → the nodes
	for _, e := range deaf {
		unheard, _ := sequence(e.Value)
		var ids []string
		for _, id := range unheard {
			ids = append(ids, fmt.Sprint(id))
		}
		slices.Sort(ids)
		key := strings.Join(ids, ", ")
		sides[key] = append(sides[key], fmt.Sprint(e.Key))
	}
	var one, other string
	for _, unheard := range slices.Sorted(maps.Keys(sides)) { // of two; others are not described
		slices.Sort(sides[unheard])
		one, other = unheard, strings.Join(sides[unheard], ", ")
	}
	if len(sides) == 2 && slices.Equal(sides[other], strings.Split(one, ", ")) {
		if len(other) > len(one) || len(other) == len(one) && other > one {
			one, other = other, one
		}
		if n := len(strings.Split(one, ", ")); n > few {
			one = fmt.Sprintf("the other %d nodes", n)
		}
		return other + " | " + one, true
	}
	if len(sides) == 1 && one == "" {
		return "nobody is cut off", true
	}
	return "", false
}
