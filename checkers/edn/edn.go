// Package edn reads and writes extensible data notation, the form in which
// Jepsen and Maelstrom record histories and results
// (https://github.com/edn-format/edn).
//
// EDN values are Go values:
//
//	nil, true, "text", 12, 1.5   nil, bool, string, int64, float64
//	12N, 1/3, \a                 *big.Int, *big.Rat, Char
//	:ok, foo/bar                 Keyword, Symbol
//	[1 2], (1 2), #{1 2}         []any, List, Set
//	{:a 1}                       Map, in the order of the text
//	#inst "…"                    Tagged
package edn

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"glomers/checkers/brief"
)

// Keyword is a keyword without its colon.
type Keyword string

// Valid reports whether the keyword can be written: it is not empty and has no
// spaces, brackets and other characters that end a name.
func (k Keyword) Valid() bool {
	if k == "" || k[0] == ':' || len(k) > MaxName-1 || !utf8.ValidString(string(k)) {
		return false
	}
	for i := range len(k) {
		if delimiter[k[i]] || k[i] < ' ' {
			return false
		}
	}
	return true
}

// Symbol is a symbol such as foo or foo/bar.
type Symbol string

// Char is a character literal.
type Char rune

// List is a list in parentheses.
type List []any

// Set is a set in the order of the text.
type Set []any

// Entry is one key and its value.
type Entry struct{ Key, Value any }

// Map is a map in the order of the text.
type Map []Entry

// Tagged is a tagged element. Tags that mean nothing to the reader are kept.
type Tagged struct {
	Tag   string
	Value any
}

// Get returns the value of the first entry whose key equals key, which must be
// a comparable scalar such as a Keyword, a string or an int64.
func (m Map) Get(key any) (any, bool) {
	for _, e := range m {
		if scalarEqual(e.Key, key) {
			return e.Value, true
		}
	}
	return nil, false
}

func scalarEqual(a, b any) bool {
	switch a.(type) {
	case []any, List, Set, Map, Tagged:
		return false
	}
	return a == b
}

// String returns the compact text of v, as Append writes it.
func String(v any) string { return string(Append(nil, v)) }

// Brief returns the compact text of v, shortened to at most max runes, for messages.
// Its cost is proportional to max, however large v is.
func Brief(v any, max int) string {
	return brief.Text(appendValue(nil, v, utf8.UTFMax*max), max)
}

// Append appends the compact text of v to dst: elements are separated by one
// space, map entries by a comma and a space, as Clojure prints them. Integers
// of every Go size are accepted. A value that EDN does not know is written as
// the string of its %v form.
func Append(dst []byte, v any) []byte { return appendValue(dst, v, math.MaxInt) }

// appendValue is Append, but may stop once dst is longer than limit.
func appendValue(dst []byte, v any, limit int) []byte {
	switch v := v.(type) {
	case nil:
		return append(dst, "nil"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case int64:
		return strconv.AppendInt(dst, v, 10)
	case int:
		return strconv.AppendInt(dst, int64(v), 10)
	case float64:
		return appendFloat(dst, v, 64)
	case float32:
		return appendFloat(dst, float64(v), 32)
	case *big.Int:
		return append(append(dst, v.String()...), 'N')
	case *big.Rat:
		return append(dst, v.String()...)
	case string:
		return appendString(dst, v[:min(len(v), limit)])
	case Char:
		return appendChar(dst, rune(v))
	case Keyword:
		return append(append(dst, ':'), v...)
	case Symbol:
		return append(dst, v...)
	case []any:
		return appendSeq(dst, "[", v, "]", limit)
	case List:
		return appendSeq(dst, "(", v, ")", limit)
	case Set:
		return appendSeq(dst, "#{", v, "}", limit)
	case Map:
		dst = append(dst, '{')
		for i, e := range v {
			if len(dst) > limit {
				return dst
			}
			if i > 0 {
				dst = append(dst, ", "...)
			}
			dst = append(appendValue(dst, e.Key, limit), ' ')
			dst = appendValue(dst, e.Value, limit)
		}
		return append(dst, '}')
	case Tagged:
		dst = append(append(dst, '#'), v.Tag...)
		if _, ok := v.Value.(Map); !ok {
			dst = append(dst, ' ')
		}
		return appendValue(dst, v.Value, limit)
	}
	return appendString(dst, fmt.Sprint(v))
}

func appendSeq(dst []byte, open string, seq []any, end string, limit int) []byte {
	dst = append(dst, open...)
	for i, x := range seq {
		if len(dst) > limit {
			return dst
		}
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = appendValue(dst, x, limit)
	}
	return append(dst, end...)
}

func appendFloat(dst []byte, f float64, bits int) []byte {
	switch {
	case math.IsNaN(f):
		return append(dst, "##NaN"...)
	case math.IsInf(f, 1):
		return append(dst, "##Inf"...)
	case math.IsInf(f, -1):
		return append(dst, "##-Inf"...)
	}
	start := len(dst)
	format := byte('f')
	if abs := max(f, -f); abs != 0 && (abs < 1e-3 || abs >= 1e7) {
		format = 'E' // as Java prints it
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bits)
	if format == 'E' {
		s := strings.Replace(string(dst[start:]), "E+", "E", 1)
		mantissa, exponent, _ := strings.Cut(s, "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exponent)
		return append(dst[:start], mantissa+"E"+strconv.Itoa(n)...)
	}
	if !strings.Contains(string(dst[start:]), ".") {
		dst = append(dst, ".0"...)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\b':
			dst = append(dst, `\b`...)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

var charNames = map[rune]string{'\n': "newline", '\r': "return", ' ': "space", '\t': "tab", '\f': "formfeed", '\b': "backspace"}

func appendChar(dst []byte, r rune) []byte {
	dst = append(dst, '\\')
	if name, ok := charNames[r]; ok {
		return append(dst, name...)
	}
	return utf8.AppendRune(dst, r)
}

// Compare orders values as results are printed: nil, booleans, numbers by
// size, strings, keywords, symbols, then everything else by its text. It
// returns a negative number, zero or a positive number.
func Compare(a, b any) int {
	ra, rb := rank(a), rank(b)
	if ra != rb {
		return ra - rb
	}
	switch x := a.(type) {
	case string:
		return strings.Compare(x, b.(string))
	case Keyword:
		return strings.Compare(string(x), string(b.(Keyword)))
	case int64:
		if y, ok := b.(int64); ok {
			return cmp.Compare(x, y)
		}
	}
	if ra == numberRank {
		return cmp.Compare(number(a), number(b))
	}
	return strings.Compare(String(a), String(b))
}

const numberRank = 2

func rank(v any) int {
	switch v.(type) {
	case nil:
		return 0
	case bool:
		return 1
	case int64, float64, float32, int, *big.Int, *big.Rat:
		return numberRank
	case string:
		return 3
	case Keyword:
		return 4
	case Symbol:
		return 5
	}
	return 6
}

func number(v any) float64 {
	switch v := v.(type) {
	case int64:
		return float64(v)
	case int:
		return float64(v)
	case float32:
		return float64(v)
	case float64:
		return v
	case *big.Int:
		f, _ := new(big.Float).SetInt(v).Float64()
		return f
	case *big.Rat:
		f, _ := v.Float64()
		return f
	}
	return 0
}

// Sort orders values by Compare.
func Sort(values []any) {
	slices.SortStableFunc(values, Compare)
}

// Equal reports whether two values are equal as EDN defines it: lists and
// vectors with equal elements are equal, maps and sets compare without order.
func Equal(a, b any) bool { return Canonical(a) == Canonical(b) }

// Canonical returns a text that is the same for equal values and different for
// different ones, usable as a map key for any value.
func Canonical(v any) string {
	switch v := v.(type) {
	case string:
		return string(appendString(nil, v))
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return string(appendCanonical(nil, v))
}

func appendCanonical(dst []byte, v any) []byte {
	switch v := v.(type) {
	case []any:
		return appendCanonicalSeq(dst, v)
	case List:
		return appendCanonicalSeq(dst, v)
	case Set:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = Canonical(x)
		}
		slices.Sort(parts)
		return append(dst, "#{"+strings.Join(parts, " ")+"}"...)
	case Map:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = Canonical(e.Key) + " " + Canonical(e.Value)
		}
		slices.Sort(parts)
		return append(dst, "{"+strings.Join(parts, ", ")+"}"...)
	case Tagged:
		return appendCanonical(append(append(append(dst, '#'), v.Tag...), ' '), v.Value)
	}
	return Append(dst, v)
}

func appendCanonicalSeq(dst []byte, seq []any) []byte {
	dst = append(dst, '[')
	for i, x := range seq {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = appendCanonical(dst, x)
	}
	return append(dst, ']')
}
