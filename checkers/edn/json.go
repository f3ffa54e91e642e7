package edn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	r := &jsonReader{text: text, dec: json.NewDecoder(bytes.NewReader(text))}
	r.dec.UseNumber()
	if !utf8.Valid(text) {
		return nil, r.fail(invalidUTF8(text), "text that is not UTF-8")
	}
	v, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if end := r.dec.InputOffset(); len(bytes.TrimLeft(text[end:], " \t\r\n")) > 0 {
		return nil, r.fail(end, "more text after the JSON value")
	}
	return v, nil
}

func invalidUTF8(text []byte) int64 {
	for i := 0; ; {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size <= 1 {
			return int64(i)
		}
		i += size
	}
}

// jsonReader reads JSON and knows the line and column of its errors.
type jsonReader struct {
	text []byte
	dec  *json.Decoder
}

func (r *jsonReader) fail(offset int64, format string, args ...any) error {
	before := r.text[:min(offset, int64(len(r.text)))]
	line := 1 + bytes.Count(before, []byte{'\n'})
	return &SyntaxError{line, len(before) - bytes.LastIndexByte(before, '\n'), fmt.Sprintf(format, args...)}
}

func (r *jsonReader) token() (json.Token, error) {
	token, err := r.dec.Token()
	var syntax *json.SyntaxError
	switch {
	case err == io.EOF, err == io.ErrUnexpectedEOF:
		return nil, r.fail(int64(len(r.text)), "the JSON text ends too early")
	case errors.As(err, &syntax):
		at := r.offending(syntax)
		return nil, r.fail(at, "found %s where JSON does not allow it", quoteRune(r.text[max(at, 0):]))
	case err != nil:
		return nil, r.fail(r.dec.InputOffset(), "%v", err)
	}
	return token, nil
}

// quoteRune quotes the first rune of a text.
func quoteRune(text []byte) string {
	c, _ := utf8.DecodeRune(text)
	return strconv.QuoteRune(c)
}

// offending returns the offset of the character that an error of encoding/json
// names: depending on who found it, it is the last one before Offset or the first
// one after it.
func (r *jsonReader) offending(err *json.SyntaxError) int64 {
	if at := err.Offset; at < int64(len(r.text)) && strings.Contains(err.Error(), strconv.QuoteRune(rune(r.text[at]))) {
		return at
	}
	return err.Offset - 1
}

func (r *jsonReader) value(depth int) (any, error) {
	token, err := r.token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case json.Delim:
		return r.collection(t, depth+1)
	case json.Number:
		if len(t) <= MaxNumber {
			if v, ok := parseNumber([]byte(t)); ok {
				return v, nil
			}
		}
		return nil, r.fail(r.dec.InputOffset(), "a number out of range: %s", brief.Text(t, shown))
	case string:
		if len(t) > MaxString {
			return nil, r.fail(r.dec.InputOffset(), "a string longer than %d MiB", MaxString>>20)
		}
	}
	return token, nil
}

func (r *jsonReader) collection(open json.Delim, depth int) (any, error) {
	if depth > MaxDepth {
		return nil, r.fail(r.dec.InputOffset(), "arrays and objects nested deeper than %d", MaxDepth)
	}
	seq, m := []any{}, Map{}
	for r.dec.More() {
		v, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		if open == '[' {
			seq = append(seq, v)
			continue
		}
		value, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		m = append(m, Entry{v, value})
	}
	if _, err := r.token(); err != nil {
		return nil, err
	}
	if open == '[' {
		return seq, nil
	}
	return m, nil
}
