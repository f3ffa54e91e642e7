package edn

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"glomers/checkers/brief"
)

// ToJSON returns the JSON text of an EDN value with the same nesting: keywords
// and symbols are plain strings, sequences are arrays, keys that are not strings
// are written as their EDN text.
func ToJSON(v any) []byte {
	var b bytes.Buffer
	writeJSON(&b, v)
	return b.Bytes()
}

func writeJSON(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case bool, int64, int:
		fmt.Fprint(b, v)
	case float64:
		writeJSONFloat(b, v, 64)
	case float32:
		writeJSONFloat(b, float64(v), 32)
	case *big.Int:
		b.WriteString(v.String())
	case []any:
		writeJSONSeq(b, v)
	case List:
		writeJSONSeq(b, v)
	case Set:
		writeJSONSeq(b, v)
	case Map:
		b.WriteByte('{')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSONString(b, jsonKey(e.Key))
			b.WriteByte(':')
			writeJSON(b, e.Value)
		}
		b.WriteByte('}')
	case Tagged:
		writeJSON(b, v.Value)
	default:
		writeJSONString(b, jsonKey(v))
	}
}

func jsonKey(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case Keyword:
		return string(v)
	case Symbol:
		return string(v)
	case Char:
		return string(rune(v))
	}
	return String(v)
}

func writeJSONSeq(b *bytes.Buffer, seq []any) {
	b.WriteByte('[')
	for i, x := range seq {
		if i > 0 {
			b.WriteByte(',')
		}
		writeJSON(b, x)
	}
	b.WriteByte(']')
}

func writeJSONFloat(b *bytes.Buffer, f float64, bits int) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		writeJSONString(b, fmt.Sprint(f))
		return
	}
	b.Write(appendFloat(nil, f, bits))
}

func writeJSONString(b *bytes.Buffer, s string) {
	text, _ := json.Marshal(s) // a string always has a JSON form
	b.Write(text)
}

// FromJSON turns JSON text into an EDN value: objects become maps with string
// keys in the order of the text, whole numbers int64 or *big.Int, other numbers
// float64. Arrays and objects may be nested MaxDepth deep. The error is a
// *SyntaxError.
func FromJSON(text []byte) (any, error) {
	r := &jsonReader{text: text}
	if !utf8.Valid(text) {
		return nil, r.fail(invalidUTF8(text), "text that is not UTF-8")
	}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	end := r.at
	if r.space(); r.at < len(text) {
		return nil, r.fail(end, "more text after the JSON value")
	}
	return v, nil
}

func invalidUTF8(text []byte) int {
	for i := 0; ; {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
}

// jsonReader reads JSON (RFC 8259) and knows the line and column of its errors.
// Every answer of a node passes it, so it builds values without an intermediate form.
type jsonReader struct {
	text []byte
	at   int
}

func (r *jsonReader) fail(offset int, format string, args ...any) error {
	before := r.text[:offset]
	line := 1 + bytes.Count(before, []byte{'\n'})
	return &SyntaxError{line, len(before) - bytes.LastIndexByte(before, '\n'), fmt.Sprintf(format, args...)}
}

// unexpected is the error for the current character.
func (r *jsonReader) unexpected() error {
	if r.at >= len(r.text) {
		return r.fail(len(r.text), "the JSON text ends too early")
	}
	c, _ := utf8.DecodeRune(r.text[r.at:])
	return r.fail(r.at, "found %s where JSON does not allow it", strconv.QuoteRune(c))
}

func (r *jsonReader) space() {
	for r.at < len(r.text) && (r.text[r.at] == ' ' || r.text[r.at] == '\t' || r.text[r.at] == '\r' || r.text[r.at] == '\n') {
		r.at++
	}
}

// peek returns the current character, 0 at the end.
func (r *jsonReader) peek() byte {
	if r.at < len(r.text) {
		return r.text[r.at]
	}
	return 0
}

func (r *jsonReader) value(depth int) (any, error) {
	r.space()
	switch c := r.peek(); c {
	case '{', '[':
		r.at++
		if depth++; depth > MaxDepth {
			return nil, r.fail(r.at, "arrays and objects nested deeper than %d", MaxDepth)
		}
		if c == '[' {
			return r.array(depth)
		}
		return r.object(depth)
	case '"':
		return r.str()
	case 't':
		return true, r.word("true")
	case 'f':
		return false, r.word("false")
	case 'n':
		return nil, r.word("null")
	}
	return r.number()
}

func (r *jsonReader) word(word string) error {
	for i := range len(word) {
		if r.peek() != word[i] {
			return r.unexpected()
		}
		r.at++
	}
	return nil
}

func (r *jsonReader) array(depth int) (any, error) {
	seq := []any{}
	if r.space(); r.peek() == ']' {
		r.at++
		return seq, nil
	}
	for {
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		seq = append(seq, v)
		if done, err := r.separator(']'); done || err != nil {
			return seq, err
		}
	}
}

func (r *jsonReader) object(depth int) (any, error) {
	m := Map{}
	if r.space(); r.peek() == '}' {
		r.at++
		return m, nil
	}
	for {
		if r.space(); r.peek() != '"' {
			return nil, r.unexpected()
		}
		name, err := r.str()
		if err != nil {
			return nil, err
		}
		if r.space(); r.peek() != ':' {
			return nil, r.unexpected()
		}
		r.at++
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		m = append(m, Entry{name, v})
		if done, err := r.separator('}'); done || err != nil {
			return m, err
		}
	}
}

// separator reads a comma, or the end of an array or object.
func (r *jsonReader) separator(end byte) (done bool, err error) {
	r.space()
	switch r.peek() {
	case ',', end:
		r.at++
		return r.text[r.at-1] == end, nil
	}
	return false, r.unexpected()
}

func (r *jsonReader) str() (any, error) {
	start, escaped := r.at, false
	for r.at++; r.peek() != '"'; r.at++ {
		switch {
		case r.peek() < ' ':
			return nil, r.unexpected()
		case r.peek() == '\\':
			escaped = true
			if err := r.escape(); err != nil {
				return nil, err
			}
		}
	}
	r.at++
	text := string(r.text[start+1 : r.at-1])
	if escaped {
		_ = json.Unmarshal(r.text[start:r.at], &text) // its form has been checked
	}
	if len(text) > MaxString {
		return nil, r.fail(r.at, "a string longer than %d MiB", MaxString>>20)
	}
	return text, nil
}

// escape moves to the last character of an escape in a string.
func (r *jsonReader) escape() error {
	r.at++
	switch r.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			r.at++
			if c := r.peek(); !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) {
				return r.unexpected()
			}
		}
		return nil
	}
	return r.unexpected()
}

func (r *jsonReader) number() (any, error) {
	start := r.at
	if r.peek() == '-' {
		r.at++
	}
	if r.peek() == '0' {
		r.at++
	} else if err := r.digits(); err != nil {
		return nil, err
	}
	if r.peek() == '.' {
		r.at++
		if err := r.digits(); err != nil {
			return nil, err
		}
	}
	if r.peek()|0x20 == 'e' {
		r.at++
		if c := r.peek(); c == '+' || c == '-' {
			r.at++
		}
		if err := r.digits(); err != nil {
			return nil, err
		}
	}
	text := r.text[start:r.at]
	if len(text) <= MaxNumber {
		if v, ok := parseNumber(text); ok {
			return v, nil
		}
	}
	return nil, r.fail(r.at, "a number out of range: %s", brief.Text(string(text), shown))
}

// digits reads at least one digit.
func (r *jsonReader) digits() error {
	start := r.at
	for c := r.peek(); c >= '0' && c <= '9'; c = r.peek() {
		r.at++
	}
	if r.at == start {
		return r.unexpected()
	}
	return nil
}
