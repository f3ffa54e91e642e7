package checkers

import (
	"fmt"
	"strings"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// taggedOp is an operation as results.edn shows it.
func taggedOp(op *history.Op) any {
	if op == nil {
		return nil
	}
	return edn.Tagged{Tag: "jepsen.history.Op", Value: op.MarshalEDN()}
}

// ednMap returns a map with keywords for keys.
func ednMap(keysAndValues ...any) edn.Map {
	m := make(edn.Map, 0, len(keysAndValues)/2)
	for i := 0; i < len(keysAndValues); i += 2 {
		m = append(m, edn.Entry{Key: edn.Keyword(keysAndValues[i].(string)), Value: keysAndValues[i+1]})
	}
	return m
}

// keywordList is a list of names as results.edn shows it.
func keywordList(names []string) edn.List {
	out := edn.List{}
	for _, n := range names {
		out = append(out, edn.Keyword(n))
	}
	return out
}

// mapKey returns a Go map key that is equal for equal EDN values.
func mapKey(v any) any {
	switch v := v.(type) {
	case int64, string, bool, edn.Keyword, nil:
		return v
	case float64:
		if v == v { // not NaN, which Go's == holds to differ from itself
			return v
		}
	}
	return canonicalKey(edn.Canonical(v))
}

type canonicalKey string

// sequence returns the elements of a vector, list or set; nil counts as empty.
func sequence(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case edn.List:
		return v, true
	case edn.Set:
		return v, true
	case nil:
		return nil, true
	}
	return nil, false
}

// listOf joins the first four values.
func listOf(values []any) string {
	var words []string
	for i, v := range values {
		if i == 4 {
			return strings.Join(words, ", ") + fmt.Sprintf(" and %d more", len(values)-i)
		}
		words = append(words, edn.Brief(v, shown))
	}
	return strings.Join(words, ", ")
}

// joinAnd joins words: "a, b and c".
func joinAnd(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}
