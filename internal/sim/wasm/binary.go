package wasm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// The format of modules
// (https://webassembly.github.io/spec/core/binary/index.html), as far as
// metering needs it.

const magic = "\x00asm\x01\x00\x00\x00"

// section is a section of a module.
type section struct {
	id   byte
	body []byte
}

// The ids of sections.
const (
	sectionCustom   = 0
	sectionType     = 1
	sectionImport   = 2
	sectionFunction = 3
	sectionGlobal   = 6
	sectionExport   = 7
	sectionStart    = 8
	sectionElement  = 9
	sectionCode     = 10
	sectionData     = 11
	sectionCount    = 12 // of data segments; it stands before the code
)

// The kinds of imports and exports.
const (
	kindFunction = 0
	kindTable    = 1
	kindMemory   = 2
	kindGlobal   = 3
)

// sections splits a module.
func sections(module []byte) ([]section, error) {
	if !bytes.HasPrefix(module, []byte(magic)) {
		return nil, errors.New(`it does not begin with "\0asm" and version 1`)
	}
	var all []section
	for r := (reader{b: module, at: len(magic)}); r.at < len(module); {
		id := r.byte()
		body := r.bytes()
		if r.err != nil {
			return nil, r.err
		}
		s := section{id, body}
		// A compiler that makes room for the items before it reads them needs more memory
		// than there is.
		if n, ok := s.items(); ok && n > uint64(len(body)) {
			return nil, fmt.Errorf("section %d cannot have %d items, as it says: it has %d bytes", id, n, len(body))
		}
		all = append(all, s)
	}
	return all, nil
}

// items returns how many items a section begins with, false for one that is no list.
func (s section) items() (uint64, bool) {
	switch s.id {
	case sectionCustom, sectionStart, sectionCount:
		return 0, false
	}
	r := reader{b: s.body}
	return r.uint(), true
}

// join is the inverse of sections.
func join(all []section) []byte {
	out := []byte(magic)
	for _, s := range all {
		out = appendBytes(append(out, s.id), s.body)
	}
	return out
}

// appendBytes appends the length of b, and b.
func appendBytes(out, b []byte) []byte {
	return append(binary.AppendUvarint(out, uint64(len(b))), b...)
}

// find returns the body of the first section with an id, nil if there is none.
func find(all []section, id byte) []byte {
	for _, s := range all {
		if s.id == id {
			return s.body
		}
	}
	return nil
}

// order is the rank of a section in the prescribed order of sections.
func order(id byte) int {
	if id == sectionCount {
		return 2*sectionElement + 1
	}
	return 2 * int(id)
}

// withItem appends an item to a section that is a list. If there is no such section, it
// is inserted where it belongs.
func withItem(all []section, id byte, item []byte) []section {
	place := len(all)
	for i, s := range all {
		if s.id == id {
			r := reader{b: s.body}
			count := r.uint()
			body := append(binary.AppendUvarint(nil, count+1), s.body[r.at:]...)
			all[i].body = append(body, item...)
			return all
		}
		if s.id != sectionCustom && order(s.id) > order(id) {
			place = min(place, i)
		}
	}
	made := section{id, append([]byte{1}, item...)}
	return append(all[:place:place], append([]section{made}, all[place:]...)...)
}

// reader reads the binary format. After its first error, which it keeps, all that it
// reads is 0.
type reader struct {
	b   []byte
	at  int
	err error
}

// fail records the first error. What is read after it is zero.
func (r *reader) fail(text string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s at byte %d of a section", text, r.at)
	}
	r.at = len(r.b)
}

// byte reads a byte.
func (r *reader) byte() byte {
	if r.at >= len(r.b) {
		r.fail("it ends early")
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

// skip passes over n bytes.
func (r *reader) skip(n uint64) {
	if n > uint64(len(r.b)-r.at) {
		r.fail("it ends early")
		return
	}
	r.at += int(n)
}

// uint reads an unsigned number (LEB128). It can also be used to skip a signed one.
func (r *reader) uint() uint64 {
	v := uint64(0)
	for shift := 0; shift < 70; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7F) << shift
		if b < 0x80 {
			return v
		}
	}
	r.fail("a number is too long")
	return 0
}

// bytes reads a number and so many bytes, of which names and bodies consist.
func (r *reader) bytes() []byte {
	size := r.uint()
	from := r.at
	r.skip(size)
	if r.err != nil {
		return nil
	}
	return r.b[from:r.at]
}

// limits passes over the least and the most size of a memory or table.
func (r *reader) limits() {
	if r.byte()&1 != 0 {
		r.uint()
	}
	r.uint()
}

// memarg passes over the alignment and offset of a memory instruction, and the number of a
// memory other than the first.
func (r *reader) memarg() {
	if r.uint()&(1<<6) != 0 {
		r.uint()
	}
	r.uint()
}

// Instructions that metering looks for.
const (
	opLoop       = 0x03
	opEnd        = 0x0B
	opCall       = 0x10
	opReturnCall = 0x12
	opRefFunc    = 0xD2
	opBulk       = 0xFC
)

// instruction is what metering needs to know of an instruction.
type instruction struct {
	op       byte
	function uint64 // the operand of call, return_call and ref.func
	bulk     bool   // the time it takes grows with the i32 on top of the stack
}

// calls reports whether the instruction calls a function.
func (i instruction) calls() bool { return i.op >= opCall && i.op <= 0x15 }

// instruction reads an instruction of WebAssembly 2.0, or of the extensions that
// Go and clang use.
func (r *reader) instruction() instruction {
	i := instruction{op: r.byte()}
	switch op := i.op; {
	case op == opCall, op == opReturnCall, op == opRefFunc:
		i.function = r.uint()
	case op >= 0x02 && op <= 0x04, // block, loop, if
		op == 0x0C || op == 0x0D, // br, br_if
		op >= 0x20 && op <= 0x26, // variables and tables
		op >= 0x3F && op <= 0x42, // memory.size and .grow, i32.const, i64.const
		op == 0xD0:               // ref.null
		r.uint()
	case op == 0x11 || op == 0x13: // call_indirect, return_call_indirect
		r.uint()
		r.uint()
	case op == 0x0E: // br_table
		for range r.uint() + 1 {
			if r.uint(); r.err != nil {
				break
			}
		}
	case op == 0x1C: // select with types
		r.skip(r.uint())
	case op >= 0x28 && op <= 0x3E: // loads and stores
		r.memarg()
	case op == 0x43: // f32.const
		r.skip(4)
	case op == 0x44: // f64.const
		r.skip(8)
	case op == opBulk:
		i.bulk = r.numeric()
	case op == 0xFD:
		r.vector()
	case op == 0xFE: // atomics
		if r.uint() == 3 {
			r.skip(1)
		} else {
			r.memarg()
		}
	case op <= 0x01, op == 0x05, op == opEnd, op == 0x0F, op == 0x1A, op == 0x1B, op >= 0x45 && op <= 0xC4, op == 0xD1:
	default:
		r.fail(fmt.Sprintf("instruction 0x%02x is not of WebAssembly 2.0", op))
	}
	return i
}

// numeric reads the rest of an instruction that begins with 0xFC: a conversion, or an
// operation on many bytes or elements of a memory or table. It reports whether it is one
// of the latter.
func (r *reader) numeric() (bulk bool) {
	switch sub := r.uint(); {
	case sub <= 7: // conversions
	case sub == 8, sub == 10, sub == 12, sub == 14: // memory.init, memory.copy, table.init, table.copy
		r.uint()
		r.uint()
		return true
	case sub == 9, sub == 13, sub == 16: // data.drop, elem.drop, table.size
		r.uint()
	case sub == 11, sub == 15, sub == 17: // memory.fill, table.grow, table.fill
		r.uint()
		return true
	default:
		r.fail(fmt.Sprintf("instruction 0xfc %d is not of WebAssembly 2.0", sub))
	}
	return false
}

// vector reads the rest of an instruction that begins with 0xFD (SIMD).
func (r *reader) vector() {
	switch sub := r.uint(); {
	case sub <= 11, sub == 92, sub == 93:
		r.memarg()
	case sub == 12, sub == 13:
		r.skip(16)
	case sub >= 21 && sub <= 34:
		r.skip(1)
	case sub >= 84 && sub <= 91:
		r.memarg()
		r.skip(1)
	}
}
