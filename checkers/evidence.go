package checkers

import (
	"slices"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// evidence collects the examples of one kind of error: a text for each, and for the
// first one the value or key that it is about and the operations that prove it. Zero is
// no error.
type evidence struct {
	details []string
	about   []any
	proof   []int
}

// add takes an example: its text, what it is about (nil for nothing in particular), and
// the completions that prove it.
func (e *evidence) add(text string, about any, proof ...*history.Op) {
	if e.details == nil {
		if about != nil {
			e.about = []any{about}
		}
		for _, op := range proof {
			if op != nil && !slices.Contains(e.proof, op.Index) {
				e.proof = append(e.proof, op.Index)
			}
		}
		slices.Sort(e.proof)
	}
	e.details = append(e.details, text)
}

// finding makes a finding of what was collected.
func (e *evidence) finding(check, summary string) Finding {
	return Finding{Check: check, Summary: summary, Details: firstFew(e.details), About: e.about, Proof: e.proof}
}

// evidenceOf reads the evidence from the results of anomalies, which name a key and
// the operations.
func evidenceOf(list []TxnAnomaly) evidence {
	if len(list) == 0 {
		return evidence{}
	}
	return evidence{texts(list), keyIn(list[0].Fields), operationsIn(list[0].Fields)}
}

// keyIn returns the first key that a result names, as a list of one; nil if there is
// none.
func keyIn(v any) []any {
	switch v := v.(type) {
	case edn.Map:
		if mop, ok := v.Get(edn.Keyword("mop")); ok {
			if parts, ok := sequence(mop); ok && len(parts) == 3 {
				return parts[1:2:2]
			}
		}
		if key, ok := v.Get(edn.Keyword("key")); ok {
			return []any{key}
		}
		for _, e := range v {
			if key := keyIn(e.Value); key != nil {
				return key
			}
		}
	case edn.List:
		return keyInAny(v)
	case []any:
		return keyInAny(v)
	}
	return nil
}

func keyInAny(list []any) []any {
	for _, x := range list {
		if key := keyIn(x); key != nil {
			return key
		}
	}
	return nil
}

// operationsIn returns the indices of the operations that a result holds, ascending.
func operationsIn(v any) []int {
	var found []int
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case edn.Tagged:
			op, _ := v.Value.(edn.Map)
			if index, ok := op.Get(edn.Keyword("index")); ok {
				if i, ok := index.(int64); ok && !slices.Contains(found, int(i)) {
					found = append(found, int(i))
				}
			}
		case edn.Map:
			for _, e := range v {
				walk(e.Value)
			}
		case edn.List:
			for _, x := range v {
				walk(x)
			}
		case []any:
			for _, x := range v {
				walk(x)
			}
		}
	}
	walk(v)
	slices.Sort(found)
	return found
}
