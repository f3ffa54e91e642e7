package edn

import (
	"fmt"
	"math"
	"math/big"
	"reflect"
	"strings"
)

// A Marshaler is a type with an EDN form of its own, which Marshal uses.
type Marshaler interface{ MarshalEDN() any }

// Marshal turns a Go value into an EDN value. A struct becomes a Map whose keys
// are the names of its json tags as keywords, in the order of the fields, with
// omitempty honoured; a slice becomes a List; a map a Map in sorted order.
// Values that are EDN already stay as they are.
func Marshal(v any) any {
	switch v := v.(type) {
	case Marshaler:
		if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.IsNil() {
			return nil
		}
		return v.MarshalEDN()
	case nil, bool, string, int64, float64, float32, *big.Int, *big.Rat, Char, Keyword, Symbol, []any, List, Set, Map, Tagged:
		return v
	}
	return marshal(reflect.ValueOf(v))
}

func marshal(rv reflect.Value) any {
	switch rv.Kind() {
	case reflect.Pointer, reflect.Interface:
		if rv.IsNil() {
			return nil
		}
		return Marshal(rv.Elem().Interface())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return rv.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := rv.Uint(); n > math.MaxInt64 {
			return new(big.Int).SetUint64(n)
		}
		return int64(rv.Uint())
	case reflect.String:
		return rv.String()
	case reflect.Bool:
		return rv.Bool()
	case reflect.Slice, reflect.Array:
		out := make(List, rv.Len())
		for i := range out {
			out[i] = Marshal(rv.Index(i).Interface())
		}
		return out
	case reflect.Map:
		out := make(Map, 0, rv.Len())
		for it := rv.MapRange(); it.Next(); { // unordered: sorted below
			out = append(out, Entry{Marshal(it.Key().Interface()), Marshal(it.Value().Interface())})
		}
		SortMap(out)
		return out
	case reflect.Struct:
		return marshalStruct(rv)
	}
	return fmt.Sprint(rv.Interface())
}

func marshalStruct(rv reflect.Value) Map {
	out := make(Map, 0, rv.NumField())
	for i := range rv.NumField() {
		field := rv.Type().Field(i)
		if !field.IsExported() {
			continue
		}
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch {
		case name == "-":
		case field.Anonymous && name == "":
			if m, ok := Marshal(rv.Field(i).Interface()).(Map); ok {
				out = append(out, m...)
			}
		case strings.Contains(options, "omitempty") && isEmpty(rv.Field(i)):
		default:
			out = append(out, Entry{Keyword(name), Marshal(rv.Field(i).Interface())})
		}
	}
	return out
}

func isEmpty(rv reflect.Value) bool {
	switch rv.Kind() {
	case reflect.Slice, reflect.Map:
		return rv.Len() == 0
	}
	return rv.IsZero()
}

// SortMap orders the entries of m by their keys.
func SortMap(m Map) {
	keys := make([]any, len(m))
	byKey := make(map[string]Entry, len(m))
	for i, e := range m {
		keys[i] = e.Key
		byKey[Canonical(e.Key)] = e
	}
	Sort(keys)
	for i, k := range keys {
		m[i] = byKey[Canonical(k)]
	}
}

// Pretty returns the text of v broken over lines of about 80 columns, as
// results.edn is laid out.
func Pretty(v any) []byte { return appendPretty(nil, v, 0) }

func appendPretty(dst []byte, v any, indent int) []byte {
	compact := Append(nil, v)
	if len(compact)+indent <= 80 {
		return append(dst, compact...)
	}
	pad := func(n int) { dst = append(append(dst, '\n'), strings.Repeat(" ", indent+n)...) }
	switch v := v.(type) {
	case Map:
		dst = append(dst, '{')
		for i, e := range v {
			if i > 0 {
				dst = append(dst, ',')
				pad(1)
			}
			key := Append(nil, e.Key)
			dst = append(append(dst, key...), ' ')
			dst = appendPretty(dst, e.Value, indent+len(key)+2)
		}
		return append(dst, '}')
	case Tagged:
		dst = append(append(append(dst, '#'), v.Tag...), ' ')
		return appendPretty(dst, v.Value, indent+len(v.Tag)+2)
	case []any:
		return appendPrettySeq(dst, "[", v, "]", indent)
	case List:
		return appendPrettySeq(dst, "(", v, ")", indent)
	case Set:
		return appendPrettySeq(dst, "#{", v, "}", indent)
	}
	return append(dst, compact...)
}

func appendPrettySeq(dst []byte, open string, seq []any, end string, indent int) []byte {
	dst = append(dst, open...)
	for i, x := range seq {
		if i > 0 {
			dst = append(append(dst, '\n'), strings.Repeat(" ", indent+len(open))...)
		}
		dst = appendPretty(dst, x, indent+len(open))
	}
	return append(dst, end...)
}
