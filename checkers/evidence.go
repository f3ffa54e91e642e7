package checkers

import (
	"slices"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// Evidence is what one example of an error is about, and what proves it.
type Evidence struct {
	About []any // the value or key; none for nothing in particular
	Proof []int // indices of operations, each once
}

// evidenceFrom returns the evidence of an example: what it is about (nil for nothing in
// particular), and the operations that prove it, of which nil ones are left out.
func evidenceFrom(about any, proof ...*history.Op) Evidence {
	var e Evidence
	if about != nil {
		e.About = []any{about}
	}
	for _, op := range proof {
		if op != nil && !slices.Contains(e.Proof, op.Index) {
			e.Proof = append(e.Proof, op.Index)
		}
	}
	slices.Sort(e.Proof)
	return e
}

// evidence collects the examples of one kind of error: a text for each, and for those
// that a finding shows also what proves them. The zero value holds none.
type evidence struct {
	details  []string
	examples []Evidence
}

// add takes an example: its text, what it is about (nil for nothing in particular), and
// the completions that prove it.
func (e *evidence) add(text string, about any, proof ...*history.Op) {
	e.details = append(e.details, text)
	if len(e.details) <= few {
		e.examples = append(e.examples, evidenceFrom(about, proof...))
	}
}

// finding returns a Finding with the examples as its details.
func (e *evidence) finding(check, summary string) Finding {
	f := Finding{Check: check, Summary: summary, Details: firstFew(e.details), Examples: e.examples}
	if len(e.examples) > 0 {
		f.About, f.Proof = e.examples[0].About, e.examples[0].Proof
	}
	return f
}

// evidenceOf turns anomalies into evidence. The keys and operations are taken from
// the fields of their results.
func evidenceOf(list []TxnAnomaly) evidence {
	e := evidence{details: texts(list)}
	for _, a := range list[:min(len(list), few)] {
		e.examples = append(e.examples, Evidence{keyIn(a.Fields), operationsIn(a.Fields)})
	}
	return e
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
