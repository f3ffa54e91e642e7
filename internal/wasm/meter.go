package wasm

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// fuelName is the export under which a metered module has its fuel.
const fuelName = "glomers.fuel"

// meter rewrites a module so that every iteration of a loop takes one unit from
// a global variable, the fuel, and traps when there is none left. So a program
// that computes without end can be stopped, after the same number of iterations
// on every machine; compiled code cannot be interrupted from outside otherwise.
//
// The format is that of WebAssembly 2.0
// (https://webassembly.github.io/spec/core/binary/index.html).
func meter(module []byte) ([]byte, error) {
	if !bytes.HasPrefix(module, []byte("\x00asm\x01\x00\x00\x00")) {
		return nil, errors.New(`it does not begin with "\0asm" and version 1`)
	}
	var sections []section
	imported, defined := uint64(0), uint64(0) // globals
	for r := (reader{b: module, at: 8}); r.at < len(module); {
		id := r.byte()
		body := r.bytes()
		if r.err != nil {
			return nil, r.err
		}
		sections = append(sections, section{id, body})
	}
	for _, s := range sections {
		var err error
		switch s.id {
		case sectionImport:
			imported, err = importedGlobals(s.body)
		case sectionGlobal:
			r := reader{b: s.body}
			defined, err = r.uint(), r.err
		}
		if err != nil {
			return nil, err
		}
	}
	fuel := imported + defined
	sections = withItem(sections, sectionGlobal, []byte{0x7E, 1, 0x42, 0, 0x0B}) // a mutable i64, 0
	export := append(binary.AppendUvarint(nil, uint64(len(fuelName))), fuelName...)
	sections = withItem(sections, sectionExport, binary.AppendUvarint(append(export, 3), fuel))

	out := append([]byte(nil), module[:8]...)
	for _, s := range sections {
		if s.id == sectionCode {
			var err error
			if s.body, err = meterCode(s.body, fuel); err != nil {
				return nil, err
			}
		}
		out = binary.AppendUvarint(append(out, s.id), uint64(len(s.body)))
		out = append(out, s.body...)
	}
	return out, nil
}

type section struct {
	id   byte
	body []byte
}

const (
	sectionImport = 2
	sectionGlobal = 6
	sectionExport = 7
	sectionCode   = 10
)

// withItem appends an item to a section that is a list, which is made in its
// place if there is none.
func withItem(sections []section, id byte, item []byte) []section {
	place := len(sections)
	for i, s := range sections {
		if s.id == id {
			r := reader{b: s.body}
			count := r.uint()
			body := append(binary.AppendUvarint(nil, count+1), s.body[r.at:]...)
			sections[i].body = append(body, item...)
			return sections
		}
		if s.id > id && i < place {
			place = i
		}
	}
	made := section{id, append([]byte{1}, item...)}
	return append(sections[:place:place], append([]section{made}, sections[place:]...)...)
}

func importedGlobals(body []byte) (uint64, error) {
	r := reader{b: body}
	globals := uint64(0)
	for range r.uint() {
		r.bytes() // the names
		r.bytes()
		switch kind := r.byte(); kind {
		case 0:
			r.uint()
		case 1:
			r.byte()
			r.limits()
		case 2:
			r.limits()
		case 3:
			r.skip(2)
			globals++
		default:
			return 0, fmt.Errorf("an import is of the unknown kind %d", kind)
		}
		if r.err != nil {
			return 0, r.err
		}
	}
	return globals, nil
}

func meterCode(body []byte, fuel uint64) ([]byte, error) {
	g := binary.AppendUvarint(nil, fuel)
	var check []byte
	check = append(append(check, 0x23), g...) // global.get
	check = append(check, 0x42, 1, 0x7D)      // i64.const 1, i64.sub
	check = append(append(check, 0x24), g...) // global.set
	check = append(append(check, 0x23), g...)
	check = append(check, 0x42, 0, 0x53)          // i64.const 0, i64.lt_s
	check = append(check, 0x04, 0x40, 0x00, 0x0B) // if unreachable end

	r := reader{b: body}
	count := r.uint()
	out := binary.AppendUvarint(make([]byte, 0, len(body)*5/4), count)
	var function []byte
	for range count {
		code := r.bytes()
		if r.err != nil {
			return nil, r.err
		}
		in := reader{b: code}
		for locals := in.uint(); locals > 0 && in.err == nil; locals-- {
			in.uint()
			in.byte()
		}
		function = append(function[:0], code[:in.at]...)
		from := in.at
		for in.at < len(code) && in.err == nil {
			if in.instruction() == opLoop {
				function = append(append(function, code[from:in.at]...), check...)
				from = in.at
			}
		}
		if in.err != nil {
			return nil, in.err
		}
		function = append(function, code[from:]...)
		out = append(binary.AppendUvarint(out, uint64(len(function))), function...)
	}
	return out, nil
}

// reader reads the binary format. Its first error stays, and makes all that
// follows 0.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) fail(text string) {
	if r.err == nil {
		r.err = fmt.Errorf("%s at byte %d of a section", text, r.at)
	}
	r.at = len(r.b)
}

func (r *reader) byte() byte {
	if r.at >= len(r.b) {
		r.fail("it ends early")
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

func (r *reader) skip(n uint64) {
	if n > uint64(len(r.b)-r.at) {
		r.fail("it ends early")
		return
	}
	r.at += int(n)
}

// uint reads an unsigned number, and skips a signed one.
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

func (r *reader) bytes() []byte {
	size := r.uint()
	from := r.at
	r.skip(size)
	if r.err != nil {
		return nil
	}
	return r.b[from:r.at]
}

func (r *reader) limits() {
	if r.byte()&1 != 0 {
		r.uint()
	}
	r.uint()
}

func (r *reader) memarg() {
	if r.uint()&(1<<6) != 0 {
		r.uint()
	}
	r.uint()
}

const opLoop = 0x03

// instruction skips an instruction and returns its first byte.
func (r *reader) instruction() byte {
	op := r.byte()
	switch {
	case op >= 0x02 && op <= 0x04, // block, loop, if
		op == 0x0C || op == 0x0D, // br, br_if
		op == 0x10 || op == 0x12, // call, return_call
		op >= 0x20 && op <= 0x26, // variables and tables
		op >= 0x3F && op <= 0x42, // memory.size and .grow, i32.const, i64.const
		op == 0xD0 || op == 0xD2: // ref.null, ref.func
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
	case op == 0x43:
		r.skip(4)
	case op == 0x44:
		r.skip(8)
	case op == 0xFC:
		r.numeric()
	case op == 0xFD:
		r.vector()
	case op == 0xFE: // atomics
		if r.uint() == 3 {
			r.skip(1)
		} else {
			r.memarg()
		}
	case op <= 0x01, op == 0x05, op == 0x0B, op == 0x0F, op == 0x1A, op == 0x1B, op >= 0x45 && op <= 0xC4, op == 0xD1:
	default:
		r.fail(fmt.Sprintf("instruction 0x%02x is not of WebAssembly 2.0", op))
	}
	return op
}

// numeric skips what follows 0xFC: conversions, and operations on whole memories
// and tables.
func (r *reader) numeric() {
	switch sub := r.uint(); {
	case sub <= 7:
	case sub == 8, sub == 10, sub == 12, sub == 14:
		r.uint()
		r.uint()
	case sub <= 17:
		r.uint()
	default:
		r.fail(fmt.Sprintf("instruction 0xfc %d is not of WebAssembly 2.0", sub))
	}
}

// vector skips what follows 0xFD.
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
