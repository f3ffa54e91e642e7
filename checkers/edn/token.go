package edn

import (
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"glomers/checkers/brief"
)

// token reads the bytes of a number, keyword or symbol. They are valid until
// the next read.
func (d *Decoder) token() ([]byte, error) {
	start := d.pos
	for i := start; i < min(d.end, start+MaxName+1); i++ {
		if delimiter[d.buf[i]] {
			d.pos = i
			return d.buf[start:i], nil
		}
	}
	d.scratch = d.scratch[:0]
	for {
		c, ok := d.peek()
		if !ok || delimiter[c] {
			return d.scratch, nil
		}
		d.scratch = append(d.scratch, c)
		d.pos++
		if len(d.scratch) > MaxName {
			return nil, d.tooLong()
		}
	}
}

func (d *Decoder) tooLong() error {
	return d.fail("a name longer than %d KiB, or a number longer than %d KiB", MaxName>>10, MaxNumber>>10)
}

var delimiter = func() (t [256]bool) {
	for _, c := range []byte(" \t\r\n\f,;\"()[]{}\\") {
		t[c] = true
	}
	return t
}()

func (d *Decoder) atom() (any, error) {
	token, err := d.token()
	if err != nil {
		return nil, err
	}
	switch c := token[0]; {
	case c >= '0' && c <= '9', len(token) > 1 && (c == '-' || c == '+') && token[1] >= '0' && token[1] <= '9':
		if len(token) > MaxNumber {
			return nil, d.tooLong()
		}
		v, ok := parseNumber(token)
		if !ok {
			return nil, d.fail("malformed number %s", brief.Quote(token, shown))
		}
		return v, d.charge(len(token))
	}
	if v, ok := d.names[string(token)]; ok {
		return v, nil
	}
	var v any
	switch s := string(token); s {
	case "nil":
		return nil, nil
	case "true":
		v = true
	case "false":
		v = false
	default:
		if !utf8.ValidString(s) {
			return nil, d.fail("%s is not UTF-8", brief.Quote(s, shown))
		}
		if c := s[0]; c < ' ' || c == 0x7f {
			return nil, d.fail("unexpected control character %q", s[:1])
		}
		if s[0] != ':' {
			v = Symbol(s)
			break
		}
		if len(s) == 1 || s[1] == ':' {
			return nil, d.fail("malformed keyword %s", brief.Quote(s, shown))
		}
		v = Keyword(s[1:])
	}
	if len(token) <= maxInterned && len(d.names) < 1<<14 {
		d.names[string(token)] = v
		return v, nil
	}
	return v, d.charge(boxSize + len(token))
}

// maxInterned is the length in bytes up to which names and strings are interned.
const maxInterned = 32

// smallInts holds boxed integers. Allocating a box for each integer would double the
// memory of a history.
var smallInts = func() (t [1 << 15]any) {
	for i := range t {
		t[i] = int64(i)
	}
	return t
}()

// Int boxes an integer without allocating for small ones.
func Int(n int64) any {
	if n >= 0 && n < int64(len(smallInts)) {
		return smallInts[n]
	}
	return n
}

func parseNumber(token []byte) (any, bool) {
	if len(token) < 19 {
		n, i, neg := int64(0), 0, false
		if token[0] == '-' || token[0] == '+' {
			neg, i = token[0] == '-', 1
		}
		for ; i < len(token) && token[i] >= '0' && token[i] <= '9'; i++ {
			n = n*10 + int64(token[i]-'0')
		}
		if i == len(token) {
			if neg {
				n = -n
			}
			return Int(n), true
		}
	}
	s := string(token)
	if strings.ContainsAny(s, "_xXpP") { // Go's forms, not EDN's
		return nil, false
	}
	switch {
	case strings.HasSuffix(s, "N"):
		n, ok := new(big.Int).SetString(s[:len(s)-1], 10)
		return n, ok
	case strings.Contains(s, "/"):
		num, den, _ := strings.Cut(s, "/")
		a, ok1 := new(big.Int).SetString(num, 10)
		b, ok2 := new(big.Int).SetString(den, 10)
		if !ok1 || !ok2 || b.Sign() == 0 {
			return nil, false
		}
		return new(big.Rat).SetFrac(a, b), true
	case strings.ContainsAny(s, ".eEM"):
		f, err := strconv.ParseFloat(strings.TrimSuffix(s, "M"), 64)
		return f, err == nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	n, ok := new(big.Int).SetString(s, 10)
	return n, ok
}

func (d *Decoder) str() (any, error) {
	d.pos++
	for i := d.pos; i < d.end; i++ { // the common case: no escape, within the buffer
		switch c := d.buf[i]; {
		case c == '"':
			raw := d.buf[d.pos:i]
			if v, ok := d.strs[string(raw)]; ok {
				d.pos = i + 1
				return v, nil
			}
			if !utf8.Valid(raw) {
				return nil, d.fail("a string that is not UTF-8")
			}
			d.pos = i + 1
			return d.internString(raw)
		case c == '\\', c == '\n':
			i = d.end
		}
	}
	out := d.scratch[:0]
	for {
		c, ok := d.peek()
		if !ok {
			return nil, d.truncated(`'"'`)
		}
		d.pos++
		switch c {
		case '"':
			d.scratch = out[:0]
			if !utf8.Valid(out) {
				return nil, d.fail("a string that is not UTF-8")
			}
			return d.internString(out)
		case '\n':
			d.newLine()
			out = append(out, c)
		case '\\':
			r, err := d.escape()
			if err != nil {
				return nil, err
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
		if len(out) > MaxString {
			return nil, d.fail("a string longer than %d MiB", MaxString>>20)
		}
	}
}

func (d *Decoder) internString(raw []byte) (any, error) {
	if len(raw) > maxInterned || len(d.strs) >= 1<<14 {
		return string(raw), d.charge(boxSize + len(raw))
	}
	s := string(raw)
	var v any = s
	d.strs[s] = v
	return v, nil
}

func (d *Decoder) escape() (rune, error) {
	c, ok := d.peek()
	if !ok {
		return 0, d.truncated("an escape")
	}
	d.pos++
	switch c {
	case 'n':
		return '\n', nil
	case 't':
		return '\t', nil
	case 'r':
		return '\r', nil
	case 'b':
		return '\b', nil
	case 'f':
		return '\f', nil
	case '"', '\\', '/':
		return rune(c), nil
	case 'u':
		r, err := d.hex4()
		if err != nil || !utf16.IsSurrogate(r) || !d.need(2) || d.buf[d.pos] != '\\' || d.buf[d.pos+1] != 'u' {
			return r, err
		}
		d.pos += 2
		low, err := d.hex4()
		return utf16.DecodeRune(r, low), err
	}
	return 0, d.fail(`unknown escape \%c`, c)
}

// hex4 reads the four digits of a \u escape, a unit of UTF-16.
func (d *Decoder) hex4() (rune, error) {
	r := rune(0)
	for range 4 {
		c, ok := d.peek()
		n, err := strconv.ParseUint(string(rune(c)), 16, 8)
		if !ok || err != nil {
			return 0, d.fail(`\u needs four hexadecimal digits`)
		}
		d.pos++
		r = r<<4 | rune(n)
	}
	return r, nil
}

func (d *Decoder) char() (any, error) {
	d.pos++
	c, ok := d.peek()
	if !ok {
		return nil, d.truncated("a character")
	}
	if delimiter[c] {
		d.pos++
		if c == '\n' {
			d.newLine()
		}
		return Char(c), nil
	}
	token, err := d.token()
	if err != nil {
		return nil, err
	}
	for _, r := range slices.Sorted(maps.Keys(charNames)) {
		if string(token) == charNames[r] {
			return Char(r), nil
		}
	}
	r, size := utf8.DecodeRune(token)
	switch {
	case size == len(token) && r != utf8.RuneError:
		return Char(r), nil
	case token[0] == 'u' && len(token) == 5:
		if n, err := strconv.ParseUint(string(token[1:]), 16, 32); err == nil && !utf16.IsSurrogate(rune(n)) {
			return Char(n), nil
		}
	}
	return nil, d.fail(`unknown character \%s`, brief.Text(token, shown))
}
