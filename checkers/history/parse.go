package history

import (
	"fmt"
	"time"

	"glomers/checkers/edn"
)

// shown is how many runes of a wrong value an error quotes.
const shown = 80

// fromJSON returns the operation of a JSON line. What EDN has keywords for is a
// string there: the type, the function, the nemesis, the functions of
// micro-operations.
func fromJSON(v any, index int) (Op, error) {
	m, ok := v.(edn.Map)
	if !ok {
		return Op{}, fmt.Errorf("expected a line with one object, an operation, found %s", edn.Brief(v, shown))
	}
	for i := range m {
		name := edn.Keyword(m[i].Key.(string)) // as every key of a JSON object
		if !name.Valid() {
			continue
		}
		m[i].Key = name
		if s, ok := m[i].Value.(string); ok && (name == "type" || name == "f" || name == "process") {
			m[i].Value = edn.Keyword(s)
		}
	}
	if f, _ := m.Get(edn.Keyword("f")); isTxn(f) {
		for i := range m {
			if m[i].Key == edn.Keyword("value") {
				keywordMops(m[i].Value)
			}
		}
	}
	return fromEDN(m, index)
}

func isTxn(f any) bool {
	return f == edn.Keyword("txn") || f == edn.Keyword("send") || f == edn.Keyword("poll")
}

// keywordMops turns [["r", 1, null]] into [[:r 1 nil]].
func keywordMops(v any) {
	seq, _ := v.([]any)
	for _, mop := range seq {
		if parts, _ := mop.([]any); len(parts) > 0 {
			if s, _ := parts[0].(string); edn.Keyword(s).Valid() {
				parts[0] = edn.Keyword(s)
			}
		}
	}
}

// fromEDN returns the operation of a map, with or without the tag of Jepsen's
// records: #jepsen.history.Op{…}.
func fromEDN(v any, index int) (Op, error) {
	if t, ok := v.(edn.Tagged); ok {
		v = t.Value
	}
	m, ok := v.(edn.Map)
	if !ok {
		return Op{}, fmt.Errorf("expected a map with an operation, found %s", edn.Brief(v, shown))
	}
	op := Op{Index: index}
	seen := fields(0)
	for _, e := range m {
		key, _ := e.Key.(edn.Keyword)
		field, known := knownFields[key]
		if !known {
			op.Extra = append(op.Extra, e)
			continue
		}
		if seen&field != 0 {
			return op, fmt.Errorf("the operation has more than one :%s: %s", key, edn.Brief(m, shown))
		}
		seen |= field
		if want := op.set(key, e.Value); want != "" {
			return op, fmt.Errorf(":%s is %s, expected %s, in %s", key, edn.Brief(e.Value, shown), want, edn.Brief(m, shown))
		}
	}
	if seen&required != required {
		return op, fmt.Errorf("not an operation: it needs :type, :process and :f: %s", edn.Brief(m, shown))
	}
	return op, nil
}

// fields is a set of fields of an operation.
type fields uint

const (
	hasType fields = 1 << iota
	hasProcess
	hasF
	hasIndex
	hasTime
	hasValue
	hasError
	hasFinal

	required = hasType | hasProcess | hasF
)

var knownFields = map[edn.Keyword]fields{
	"type": hasType, "process": hasProcess, "f": hasF, "index": hasIndex, "time": hasTime,
	"value": hasValue, "error": hasError, "final?": hasFinal,
}

// set sets a field of the operation. For a value of the wrong shape it returns
// what was expected.
func (o *Op) set(key edn.Keyword, v any) (want string) {
	ok := true
	switch key {
	case "index": // the position counts
	case "value":
		o.Value = v
	case "error":
		o.Error = v
	case "time":
		var n int64
		n, ok = v.(int64)
		o.Time, want = time.Duration(n), "nanoseconds"
	case "type":
		o.Type, ok = parseType(v)
		want = ":invoke, :ok, :fail or :info"
	case "process":
		o.Process, ok = parseProcess(v)
		want = "a number from 0 or :nemesis"
	case "final?":
		o.Final, ok = v.(bool)
		ok, want = ok || v == nil, "true or false"
	case "f":
		want = "a keyword"
		switch f := v.(type) {
		case edn.Keyword:
			o.F = string(f)
		case string:
			o.F = f
		}
		ok = edn.Keyword(o.F).Valid()
	}
	if ok {
		return ""
	}
	return want
}

func parseType(v any) (Type, bool) {
	for i, name := range typeNames {
		if v == name {
			return Type(i), true
		}
	}
	return 0, false
}

func parseProcess(v any) (int, bool) {
	switch p := v.(type) {
	case int64:
		return int(p), p >= 0 && p <= 1<<31
	case edn.Keyword:
		return Nemesis, p == "nemesis"
	}
	return 0, false
}
