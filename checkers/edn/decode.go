package edn

import (
	"fmt"
	"io"
	"math"
	"strconv"

	"glomers/checkers/brief"
)

// The limits of a Decoder. They are far above what a test writes, and keep a
// corrupt or malicious text from exhausting memory or the stack.
const (
	MaxForm   = 64 << 20  // bytes of the text of one top-level form
	MaxMemory = 512 << 20 // estimated bytes of the values of one top-level form
	MaxString = 16 << 20  // bytes of one string
	MaxName   = 64 << 10  // bytes of one keyword, symbol or tag
	MaxNumber = 4 << 10   // bytes of one number
	MaxDepth  = 512       // nesting of collections, tags and discarded forms
)

// shown is how many runes of a wrong text an error quotes.
const shown = 60

// A SyntaxError says where the text stopped being EDN, or JSON.
type SyntaxError struct {
	Line, Column int // from 1; columns count bytes
	Msg          string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Msg) }

// Position returns the place of the error.
func (e *SyntaxError) Position() (line, column int) { return e.Line, e.Column }

// Decoder reads top-level forms one by one, so that a file need not fit in
// memory.
type Decoder struct {
	r          io.Reader
	buf        []byte
	pos, end   int   // the unread bytes of buf
	base       int64 // offset of buf[0] in the input
	err        error // of the reader
	failed     error // the first SyntaxError; there is no way to resume after it
	line       int
	lineStart  int64 // offset of the first byte of the line
	formStart  int64
	depth      int
	memory     int64 // estimate for all forms so far
	formMemory int64 // what memory was when the form began
	maxForm    int64
	maxMemory  int64
	reuse      Map            // for the entries of the next map
	names      map[string]any // interned keywords and symbols
	strs       map[string]any // interned short strings
	scratch    []byte
}

// NewDecoder returns a decoder that reads from r.
func NewDecoder(r io.Reader) *Decoder {
	return &Decoder{r: r, buf: make([]byte, 256<<10), line: 1, maxForm: MaxForm, maxMemory: MaxMemory, names: map[string]any{}, strs: map[string]any{}}
}

// Position returns the line and column, from 1, of the next unread byte.
func (d *Decoder) Position() (line, column int) {
	return d.line, int(d.base+int64(d.pos)-d.lineStart) + 1
}

// newLine notes that a line begins at the next unread byte.
func (d *Decoder) newLine() {
	d.line++
	d.lineStart = d.base + int64(d.pos)
}

func (d *Decoder) fail(format string, args ...any) error {
	line, column := d.Position()
	d.failed = &SyntaxError{line, column, fmt.Sprintf(format, args...)}
	return d.failed
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
	if d.failed != nil {
		return false, d.failed
	}
	if err := d.skip(); err != nil {
		return false, err
	}
	_, ok := d.peek()
	if !ok && d.err != io.EOF {
		return false, d.err
	}
	return ok, nil
}

// EnterVector consumes the opening bracket of a vector and reports whether there
// was one. Its elements can then be decoded one by one, until LeaveVector
// reports true: a vector of any length need not fit in memory.
func (d *Decoder) EnterVector() bool { return d.consume('[') }

// LeaveVector consumes the closing bracket of a vector and reports whether there
// was one.
func (d *Decoder) LeaveVector() bool { return d.consume(']') }

func (d *Decoder) consume(bracket byte) bool {
	if more, err := d.More(); err != nil || !more || d.buf[d.pos] != bracket {
		return false
	}
	d.pos++
	return true
}

// Memory estimates how many bytes all values decoded so far would take together.
// Interned names and short strings are not counted.
func (d *Decoder) Memory() int64 { return d.memory }

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
	d.formMemory = d.memory
	d.depth = 0
	return d.value()
}

// DecodeMap is Decode for a caller that reads many maps and keeps none: the entries of
// a map, tagged or not, are stored in scratch if they fit.
func (d *Decoder) DecodeMap(scratch Map) (any, error) {
	d.reuse = scratch[:0]
	v, err := d.Decode()
	d.reuse = nil
	return v, err
}

// charge adds to the estimate of the memory that the current form takes.
func (d *Decoder) charge(bytes int) error {
	d.memory += int64(bytes)
	if d.memory-d.formMemory > d.maxMemory {
		return d.fail("a form whose values take more than %d MiB", d.maxMemory>>20)
	}
	return nil
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
			d.newLine()
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
			if err := d.discard(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
}

// discard skips #_ and the form that follows.
func (d *Decoder) discard() error {
	d.pos += len("#_")
	if d.depth++; d.depth > MaxDepth {
		return d.fail("discarded forms nested deeper than %d", MaxDepth)
	}
	reuse := d.reuse
	d.reuse = nil
	_, err := d.nested("a form to discard")
	d.reuse = reuse
	d.depth--
	return err
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
	if d.base+int64(d.pos)-d.formStart > d.maxForm {
		return nil, d.fail("a form larger than %d MiB", d.maxForm>>20)
	}
	c := d.buf[d.pos]
	switch c {
	case '{':
		return d.mapping()
	case '[':
		v, err := d.sequence(']')
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

// The sizes of values on 64-bit machines.
const (
	interfaceSize = 16 // one element of a collection
	entrySize     = 2 * interfaceSize
	boxSize       = 24 // the slice header or string header that an interface points to
)

// Size estimates how many bytes of memory a value takes.
func Size(v any) int64 {
	n := int64(interfaceSize)
	seq := func(values []any) int64 {
		n += boxSize
		for _, x := range values {
			n += Size(x)
		}
		return n
	}
	switch v := v.(type) {
	case string:
		return n + boxSize + int64(len(v))
	case []any:
		return seq(v)
	case List:
		return seq(v)
	case Set:
		return seq(v)
	case Map:
		n += boxSize
		for _, e := range v {
			n += Size(e.Key) + Size(e.Value)
		}
	case Tagged:
		return n + boxSize + Size(v.Value)
	case nil, bool:
	default:
		return n + boxSize
	}
	return n
}

func (d *Decoder) sequence(end byte) ([]any, error) {
	if err := d.enter(); err != nil {
		return nil, err
	}
	d.reuse = nil
	var small [8]any
	out := small[:0]
	for {
		done, err := d.until(end)
		if err != nil {
			return nil, err
		}
		if done {
			return append(make([]any, 0, len(out)), out...), d.charge(boxSize)
		}
		v, err := d.value()
		if err == nil {
			err = d.charge(interfaceSize)
		}
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
	if d.reuse != nil {
		out := d.reuse
		d.reuse = nil
		return d.entries(out, 0)
	}
	var small [8]Entry
	out, err := d.entries(small[:0], entrySize)
	if err != nil {
		return nil, err
	}
	return append(make(Map, 0, len(out)), out...), d.charge(boxSize)
}

// entries appends the entries of a map to out, up to the closing bracket, and
// charges size bytes for each.
func (d *Decoder) entries(out Map, size int) (Map, error) {
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
		if err == nil {
			err = d.charge(size)
		}
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
