package wasm

import (
	"bytes"
	"debug/gosym"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// describe returns a function's name and, if the module is one of Go, where it is
// declared: "main.poll (main.go:41)".
func (p *Program) describe(function string) string {
	module, err := os.ReadFile(p.path)
	if err != nil {
		return function
	}
	file, line, ok := declaration(module, function)
	if !ok {
		return function
	}
	return fmt.Sprintf("%s (%s:%d)", function, filepath.Base(file), line)
}

// lineTableMagic begins the table of functions and lines in a Go program, as of
// Go 1.20: a number, two zeros, the size of an instruction, that of a pointer.
var lineTableMagic = []byte{0xF1, 0xFF, 0xFF, 0xFF, 0, 0, 1, 8}

// unnamable matches what Go's linker replaces by an underscore in the names of a module's
// functions.
var unnamable = regexp.MustCompile(`[^\w.]`)

// declaration returns where a function of a Go program is declared, given its name in
// the module.
func declaration(module []byte, function string) (file string, line int, ok bool) {
	defer func() {
		if recover() != nil { // debug/gosym panics on a table that it does not understand
			ok = false
		}
	}()
	image := memoryImage(module)
	at := bytes.Index(image, lineTableMagic)
	if at < 0 {
		return "", 0, false
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(image[at:], 0))
	if err != nil {
		return "", 0, false
	}
	for _, f := range table.Funcs {
		if f.Name == function || unnamable.ReplaceAllString(f.Name, "_") == function {
			file, line, _ = table.PCToLine(f.Entry)
			return file, line, file != ""
		}
	}
	return "", 0, false
}

// memoryImage returns the initial memory of a module: its data segments, with zeros in
// the gaps between them.
func memoryImage(module []byte) []byte {
	const most = 256 << 20
	all, err := sections(module)
	if err != nil {
		return nil
	}
	var image []byte
	r := reader{b: find(all, sectionData)}
	if r.b == nil {
		return nil
	}
	for range r.uint() {
		const active, i32Const = 0, 0x41
		if r.uint() != active || r.byte() != i32Const {
			return image
		}
		at := uint64(uint32(r.int()))
		r.byte() // the end of the offset
		data := r.bytes()
		end := at + uint64(len(data))
		if r.err != nil || end > most {
			return image
		}
		if end > uint64(len(image)) {
			image = append(image, make([]byte, end-uint64(len(image)))...)
		}
		copy(image[at:], data)
	}
	return image
}

// int reads a signed number (LEB128).
func (r *reader) int() int64 {
	v, shift := int64(0), 0
	for shift < 64 {
		b := r.byte()
		v |= int64(b&0x7F) << shift
		shift += 7
		if b < 0x80 {
			if b&0x40 != 0 && shift < 64 {
				v |= -1 << shift
			}
			return v
		}
	}
	r.fail("a number is too long")
	return 0
}
