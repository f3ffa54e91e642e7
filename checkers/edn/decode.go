package edn

import (
	"fmt"
	"io"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"glomers/checkers/brief"
)

// Limits of the decoder. They are far above what a test writes and keep a
// damaged file from filling the memory.
const (
	MaxForm  = 256 << 20 // bytes of one top-level form
	MaxDepth = 512       // nesting of collections
)

// shown is how many runes of a wrong text an error quotes.
const shown = 60

// A SyntaxError says where the text stopped being EDN.
type SyntaxError struct {
	Line, Column int // from 1
	Msg          string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg) }

// Decoder reads top-level forms one by one, so that a file need not fit in
// memory.
type Decoder struct {
	r         io.Reader
	buf       []byte
	pos, end  int
	base      int64 // offset of buf[0] in the input
	err       error // of the reader
	line      int
	lineStart int64 // offset of the first byte of the line
	formStart int64
	depth     int
	names     map[string]any // interned keywords and symbols
	strs      map[string]any // interned short strings
	scratch   []byte
}

// NewDecoder returns a decoder that reads from r.
func NewDecoder(r io.Reader) *Decoder {
	return &Decoder{r: r, buf: make([]byte, 256<<10), line: 1, names: map[string]any{}, strs: map[string]any{}}
}

// Position returns the line and column, from 1, of the next unread byte.
func (d *Decoder) Position() (line, column int) {
	return d.line, int(d.base+int64(d.pos)-d.lineStart) + 1
}

func (d *Decoder) fail(format string, args ...any) error {
	line, column := d.Position()
	return &SyntaxError{line, column, fmt.Sprintf(format, args...)}
}

// need makes n unread bytes available in the buffer and reports whether the
// input has them.
func (d *Decoder) need(n int) bool {
	for tries := 0; d.end-d.pos < n; tries++ {
		if d.err != nil {
			return false
		}
		if d.pos > 0 {
			d.base += int64(d.pos)
			d.end = copy(d.buf, d.buf[d.pos:d.end])
			d.pos = 0
		}
		var read int
		read, d.err = d.r.Read(d.buf[d.end:])
		d.end += read
		if tries > 100 && d.err == nil {
			d.err = io.ErrNoProgress
		}
	}
	return true
}

func (d *Decoder) peek() (byte, bool) {
	if d.pos == d.end && !d.need(1) {
		return 0, false
	}
	return d.buf[d.pos], true
}

// More skips white space, comments and discarded forms and reports whether
// another byte follows.
func (d *Decoder) More() (bool, error) {
	if err := d.skip(); err != nil {
		return false, err
	}
	_, ok := d.peek()
	if !ok && d.err != io.EOF {
		return false, d.err
	}
	return ok, nil
}

// Peek returns the next byte after white space without consuming it. It
// returns io.EOF at the end.
func (d *Decoder) Peek() (byte, error) {
	ok, err := d.More()
	if err != nil {
		return 0, err
	}
	if !ok {
		return 0, io.EOF
	}
	return d.buf[d.pos], nil
}

// Open consumes the opening bracket of a top-level vector, whose elements can
// then be decoded one by one until Close reports true.
func (d *Decoder) Open() { d.pos++ }

// Close consumes a closing square bracket, if that is what comes next.
func (d *Decoder) Close() bool {
	c, err := d.Peek()
	if err == nil && c == ']' {
		d.pos++
		return true
	}
	return false
}

// Decode reads the next form. It returns io.EOF when there is none, and a
// *SyntaxError when the text is not EDN.
func (d *Decoder) Decode() (any, error) {
	if ok, err := d.More(); err != nil || !ok {
		if err == nil {
			err = io.EOF
		}
		return nil, err
	}
	d.formStart = d.base + int64(d.pos)
	return d.value()
}

func (d *Decoder) skip() error {
	for {
		c, ok := d.peek()
		if !ok {
			return nil
		}
		switch {
		case c == '\n':
			d.pos++
			d.line++
			d.lineStart = d.base + int64(d.pos)
		case c == ' ' || c == ',' || c == '\t' || c == '\r' || c == '\f':
			d.pos++
		case c == ';':
			for ok && c != '\n' {
				d.pos++
				c, ok = d.peek()
			}
		case c == '#':
			if !d.need(2) || d.buf[d.pos+1] != '_' {
				return nil
			}
			d.pos += 2
			if _, err := d.nested("a form to discard"); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// nested reads a form inside another one, where the end of the input is an
// error.
func (d *Decoder) nested(what string) (any, error) {
	if err := d.skip(); err != nil {
		return nil, err
	}
	if _, ok := d.peek(); !ok {
		return nil, d.truncated(what)
	}
	return d.value()
}

func (d *Decoder) truncated(what string) error {
	if d.err != nil && d.err != io.EOF {
		return d.err
	}
	return d.fail("the text ends where %s was expected", what)
}

func (d *Decoder) value() (any, error) {
	if d.base+int64(d.pos)-d.formStart > MaxForm {
		return nil, d.fail("a form larger than %d MiB", MaxForm>>20)
	}
	c := d.buf[d.pos]
	switch c {
	case '{':
		return d.mapping()
	case '[':
		v, err := d.sequence(']')
		if v == nil {
			v = []any{}
		}
		return v, err
	case '(':
		v, err := d.sequence(')')
		return List(v), err
	case '"':
		return d.str()
	case '\\':
		return d.char()
	case '#':
		return d.dispatch()
	case ']', ')', '}':
		return nil, d.fail("unexpected %q", c)
	}
	return d.atom()
}

func (d *Decoder) enter() error {
	d.pos++
	if d.depth++; d.depth > MaxDepth {
		return d.fail("collections nested deeper than %d", MaxDepth)
	}
	return nil
}

// until skips to the next element and reports whether the closing bracket was
// there instead.
func (d *Decoder) until(end byte) (bool, error) {
	if err := d.skip(); err != nil {
		return false, err
	}
	c, ok := d.peek()
	if !ok {
		return false, d.truncated(strconv.QuoteRune(rune(end)))
	}
	if c == end {
		d.pos++
		d.depth--
	}
	return c == end, nil
}

func (d *Decoder) sequence(end byte) ([]any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	var small [8]any
	out := small[:0]
	for {
		done, err := d.until(end)
		if err != nil {
			return nil, err
		}
		if done {
			return append(make([]any, 0, len(out)), out...), nil
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
}

func (d *Decoder) mapping() (any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	out := make(Map, 0, 8)
	for {
		done, err := d.until('}')
		if err != nil || done {
			return out, err
		}
		key, err := d.value()
		if err != nil {
			return nil, err
		}
		if err := d.skip(); err != nil {
			return nil, err
		}
		if c, ok := d.peek(); ok && c == '}' {
			return nil, d.fail("map key %s has no value", Brief(key, shown))
		}
		v, err := d.nested("the value of a map key")
		if err != nil {
			return nil, err
		}
		out = append(out, Entry{key, v})
	}
}

func (d *Decoder) dispatch() (any, error) {
	d.pos++
	c, ok := d.peek()
	if !ok {
		return nil, d.truncated("a tag")
	}
	switch {
	case c == '{':
		v, err := d.sequence('}')
		return Set(v), err
	case c == '#':
		d.pos++
		name, err := d.token()
		if err != nil {
			return nil, err
		}
		switch string(name) {
		case "Inf":
			return math.Inf(1), nil
		case "-Inf":
			return math.Inf(-1), nil
		case "NaN":
			return math.NaN(), nil
		}
		return nil, d.fail("unknown symbolic value ##%s", brief.Text(name, shown))
	}
	token, err := d.token()
	if err != nil {
		return nil, err
	}
	if len(token) == 0 {
		return nil, d.fail("expected a tag after #, found %q", c)
	}
	tag := string(token)
	if d.depth++; d.depth > MaxDepth {
		return nil, d.fail("tags nested deeper than %d", MaxDepth)
	}
	v, err := d.nested("the value of #" + brief.Text(tag, shown))
	d.depth--
	return Tagged{tag, v}, err
}

// token reads the bytes of a number, keyword or symbol. They are valid until
// the next read.
func (d *Decoder) token() ([]byte, error) {
	start := d.pos
	for i := start; i < d.end; i++ {
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
		if len(d.scratch) > 1<<20 {
			return nil, d.fail("a number or name longer than 1 MiB")
		}
	}
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
		v, ok := parseNumber(token)
		if !ok {
			return nil, d.fail("malformed number %s", brief.Quote(token, shown))
		}
		return v, nil
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
	if len(d.names) < 1<<14 {
		d.names[string(token)] = v
	}
	return v, nil
}

// smallInts holds boxed integers: boxing each anew would double the memory of
// a history.
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
			return d.internString(raw), nil
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
			return d.internString(out), nil
		case '\n':
			d.line++
			d.lineStart = d.base + int64(d.pos)
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
		if len(out) > MaxForm {
			return nil, d.fail("a string larger than %d MiB", MaxForm>>20)
		}
	}
}

func (d *Decoder) internString(raw []byte) any {
	if len(raw) > 32 || len(d.strs) >= 1<<14 {
		return string(raw)
	}
	s := string(raw)
	var v any = s
	d.strs[s] = v
	return v
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
	return 0, d.fail(`unknown escape \%c`, c)
}

func (d *Decoder) char() (any, error) {
	d.pos++
	c, ok := d.peek()
	if !ok {
		return nil, d.truncated("a character")
	}
	if delimiter[c] {
		d.pos++
		return Char(c), nil
	}
	token, err := d.token()
	if err != nil {
		return nil, err
	}
	for r, name := range charNames {
		if string(token) == name {
			return Char(r), nil
		}
	}
	r, size := utf8.DecodeRune(token)
	switch {
	case size == len(token) && r != utf8.RuneError:
		return Char(r), nil
	case token[0] == 'u' && len(token) == 5:
		if n, err := strconv.ParseUint(string(token[1:]), 16, 32); err == nil {
			return Char(n), nil
		}
	}
	return nil, d.fail(`unknown character \%s`, brief.Text(token, shown))
}
