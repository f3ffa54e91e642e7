// Package fressian reads Fressian, the binary format in which Maelstrom stores the
// messages of a run and Jepsen the test map
// (https://github.com/Datomic/fressian/wiki).
//
// Values are those of package edn: keywords, maps in the order of the file, int64
// and so on. A struct with a tag that the reader does not know is an edn.Tagged
// with its components in a []any.
package fressian

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"unicode/utf8"

	"glomers/checkers/brief"
	"glomers/checkers/edn"
)

// The limits of a Decoder, which keep a corrupt file from exhausting memory.
const (
	MaxDepth  = 512       // nesting of values
	MaxMemory = 512 << 20 // estimated bytes of one top-level value, and of the cache
	MaxString = 16 << 20  // bytes of one string
)

// Decoder reads top-level values one by one.
type Decoder struct {
	r      *bufio.Reader
	offset int64
	depth  int
	memory int
	values []any        // the cache of values, to which later values refer by number
	types  []structType // the cache of struct types, likewise
}

type structType struct {
	tag    string
	fields int
}

// NewDecoder returns a decoder that reads from r.
func NewDecoder(r io.Reader) *Decoder { return &Decoder{r: bufio.NewReader(r)} }

// Offset returns the number of bytes that were read.
func (d *Decoder) Offset() int64 { return d.offset }

// Decode reads the next value. It returns io.EOF if there is none, and
// io.ErrUnexpectedEOF, wrapped, if the input ends inside it. Errors name the offset
// in bytes.
func (d *Decoder) Decode() (any, error) {
	if _, err := d.r.Peek(1); err != nil {
		return nil, err
	}
	d.depth, d.memory = 0, 0
	v, err := d.value()
	if err != nil {
		return nil, fmt.Errorf("byte %d: %w", d.offset, err)
	}
	if v == reserved || v == end {
		return nil, fmt.Errorf("byte %d: expected a value", d.offset)
	}
	return v, nil
}

// marker stands where a value is expected, but is none.
type marker string

const (
	reserved = marker("a value that is still being read")
	end      = marker("the end of a list")
)

func (d *Decoder) byte() (byte, error) {
	b, err := d.r.ReadByte()
	if err != nil {
		return 0, unexpected(err)
	}
	d.offset++
	return b, nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// unsigned reads n bytes, at most eight, as a number.
func (d *Decoder) unsigned(n int) (uint64, error) {
	var b [8]byte
	got, err := io.ReadFull(d.r, b[8-n:])
	d.offset += int64(got)
	return binary.BigEndian.Uint64(b[:]), unexpected(err)
}

func (d *Decoder) charge(bytes int) error {
	if d.memory += bytes; d.memory > MaxMemory {
		return fmt.Errorf("a value of more than %d MiB, the limit", MaxMemory>>20)
	}
	return nil
}

// value reads a value, or a marker.
func (d *Decoder) value() (any, error) {
	if d.depth++; d.depth > MaxDepth {
		return nil, fmt.Errorf("values nested deeper than %d, the limit", MaxDepth)
	}
	defer func() { d.depth-- }()
	if err := d.charge(16); err != nil {
		return nil, err
	}
	code, err := d.byte()
	if err != nil {
		return nil, err
	}
	switch {
	case code < codePackedIntEnd || code == codeMinusOne || code == codeInt:
		return d.integer(code)
	case code < codeCacheEnd:
		return d.cached(int64(code - codeCacheStart))
	case code < codeStructCacheEnd:
		return d.structNumber(int64(code - codeStructCacheStart))
	case code >= codeBytesStart && code < codeBytesEnd:
		return d.bytes(int64(code - codeBytesStart))
	case code >= codeStringStart && code < codeStringEnd:
		return d.str(int64(code - codeStringStart))
	case code >= codeListStart && code < codeListEnd:
		return d.list(int64(code - codeListStart))
	}
	if s, ok := builtin[code]; ok {
		return d.structure(s)
	}
	return d.coded(code)
}

// coded reads the rest of a value whose first byte is a single code rather than one
// of a range.
func (d *Decoder) coded(code byte) (any, error) {
	switch code {
	case codeNull:
		return nil, nil
	case codeTrue, codeFalse:
		return code == codeTrue, nil
	case codeDouble0, codeDouble1:
		return float64(code - codeDouble0), nil
	case codeDouble:
		bits, err := d.unsigned(8)
		return math.Float64frombits(bits), err
	case codeFloat:
		bits, err := d.unsigned(4)
		return float64(math.Float32frombits(uint32(bits))), err
	case codeGetCache:
		return d.counted(d.cached)
	case codePutCache:
		return d.cache()
	case codeBytes:
		return d.counted(d.bytes)
	case codeString:
		return d.counted(d.str)
	case codeStringChunk, codeBytesChunk:
		return nil, errors.New("strings in chunks are not supported")
	case codeList:
		return d.counted(d.list)
	case codeClosedList, codeOpenList:
		return d.openList(code == codeOpenList)
	case codeEnd:
		return end, nil
	case codeStructType:
		return d.structType()
	case codeStruct:
		return d.counted(d.structNumber)
	case codeReset:
		d.values, d.types = nil, nil
		return d.value()
	case codeFooter: // magic, length and checksum
		if _, err := io.CopyN(io.Discard, d.r, 11); err != nil {
			return nil, unexpected(err)
		}
		d.offset += 11
		d.values, d.types = nil, nil
		return d.value()
	}
	return nil, fmt.Errorf("unknown code %#x", code)
}

// object is value without the markers.
func (d *Decoder) object() (any, error) {
	v, err := d.value()
	if m, ok := v.(marker); ok && err == nil {
		return nil, fmt.Errorf("expected a value, found %s", string(m))
	}
	return v, err
}

// integer reads the rest of an integer. Except for full 64-bit integers, the first
// byte holds the upper bits.
func (d *Decoder) integer(code byte) (any, error) {
	if code == codeInt {
		n, err := d.unsigned(8)
		return int64(n), err
	}
	if code == codeMinusOne || code < codePackedInt[0].start {
		return int64(int8(code)), nil
	}
	for i := len(codePackedInt) - 1; ; i-- {
		if p := codePackedInt[i]; code >= p.start {
			rest, err := d.unsigned(i + 1)
			return (int64(code)-int64(p.zero))<<(8*(i+1)) | int64(rest), err
		}
	}
}

// counted reads a number and calls f with it.
func (d *Decoder) counted(f func(int64) (any, error)) (any, error) {
	n, err := d.number()
	if err != nil {
		return nil, err
	}
	return f(n)
}

func (d *Decoder) number() (int64, error) {
	v, err := d.object()
	if err != nil {
		return 0, err
	}
	n, ok := v.(int64)
	if !ok || n < 0 {
		return 0, fmt.Errorf("expected a count, found %s", edn.Brief(v, 40))
	}
	return n, nil
}

// cached returns value i of the cache.
func (d *Decoder) cached(i int64) (any, error) {
	if i >= int64(len(d.values)) || d.values[i] == any(reserved) {
		return nil, fmt.Errorf("a reference to value %d, which does not exist yet", i)
	}
	return d.values[i], nil
}

// cache reads a value and puts it into the cache.
func (d *Decoder) cache() (any, error) {
	if len(d.values) >= MaxMemory/64 {
		return nil, fmt.Errorf("more than %d cached values, the limit", MaxMemory/64)
	}
	i := len(d.values)
	d.values = append(d.values, reserved)
	v, err := d.object()
	if err != nil {
		return nil, err
	}
	if i >= len(d.values) {
		return nil, errors.New("the caches are reset inside a cached value")
	}
	d.values[i] = v
	return v, nil
}

func (d *Decoder) raw(n int64) ([]byte, error) {
	if n > MaxString {
		return nil, fmt.Errorf("a string longer than %d MiB, the limit", MaxString>>20)
	}
	if err := d.charge(int(n)); err != nil {
		return nil, err
	}
	// Allocate as the bytes arrive, because a corrupt length may be huge.
	b, err := io.ReadAll(io.LimitReader(d.r, n))
	d.offset += int64(len(b))
	if err == nil && int64(len(b)) < n {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

func (d *Decoder) str(n int64) (any, error) {
	b, err := d.raw(n)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(b) { // characters beyond the basic plane are written as two surrogates
		return string(joinSurrogates(b)), nil
	}
	return string(b), nil
}

func (d *Decoder) bytes(n int64) (any, error) {
	b, err := d.raw(n)
	return edn.Tagged{Tag: "bytes", Value: string(b)}, err
}

func (d *Decoder) list(n int64) (any, error) {
	out := []any{}
	for range n {
		v, err := d.object()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// openList reads values up to the end marker, or, if mayEnd, up to the end of the
// input.
func (d *Decoder) openList(mayEnd bool) (any, error) {
	out := []any{}
	for {
		if _, err := d.r.Peek(1); err == io.EOF && mayEnd {
			return out, nil
		}
		v, err := d.value()
		if err != nil {
			return nil, err
		}
		if v == any(end) {
			return out, nil
		}
		out = append(out, v)
	}
}

func (d *Decoder) structType() (any, error) {
	tag, err := d.object()
	if err != nil {
		return nil, err
	}
	name, ok := tag.(string)
	if !ok {
		return nil, fmt.Errorf("expected the tag of a struct, found %s", edn.Brief(tag, 40))
	}
	n, err := d.number()
	if err != nil {
		return nil, err
	}
	if n > 1000 || len(d.types) >= 1<<16 {
		return nil, fmt.Errorf("a struct %s of %d components, or too many structs", brief.Text(name, 40), n)
	}
	s := structType{name, int(n)}
	d.types = append(d.types, s)
	return d.structure(s)
}

func (d *Decoder) structNumber(i int64) (any, error) {
	if i >= int64(len(d.types)) {
		return nil, fmt.Errorf("a reference to struct %d, which does not exist yet", i)
	}
	return d.structure(d.types[i])
}

// structure reads the components of a struct.
func (d *Decoder) structure(s structType) (any, error) {
	fields, err := d.list(int64(s.fields))
	if err != nil {
		return nil, err
	}
	return convert(s.tag, fields.([]any))
}

// convert returns the EDN value of a struct.
func convert(tag string, fields []any) (any, error) {
	switch {
	case tag == "map" && len(fields) == 1:
		seq, ok := fields[0].([]any)
		if !ok || len(seq)%2 != 0 {
			return nil, fmt.Errorf("expected the keys and values of a map, found %s", edn.Brief(fields[0], 40))
		}
		m := make(edn.Map, 0, len(seq)/2)
		for i := 0; i < len(seq); i += 2 {
			m = append(m, edn.Entry{Key: seq[i], Value: seq[i+1]})
		}
		return m, nil
	case tag == "set" && len(fields) == 1:
		if seq, ok := fields[0].([]any); ok {
			return edn.Set(seq), nil
		}
	case (tag == "key" || tag == "sym") && len(fields) == 2:
		name, ok := fields[1].(string)
		if space, qualified := fields[0].(string); qualified {
			name = space + "/" + name
		}
		switch {
		case ok && tag == "key":
			return edn.Keyword(name), nil
		case ok:
			return edn.Symbol(name), nil
		}
	case tag == "bigint" && len(fields) == 1:
		if b, ok := fields[0].(edn.Tagged); ok && b.Tag == "bytes" {
			return bigInt([]byte(b.Value.(string))), nil
		}
	}
	return edn.Tagged{Tag: tag, Value: fields}, nil
}

// bigInt returns a number in two's complement.
func bigInt(b []byte) *big.Int {
	n := new(big.Int).SetBytes(b)
	if len(b) > 0 && b[0] >= 0x80 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}
