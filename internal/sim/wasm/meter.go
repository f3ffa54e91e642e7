package wasm

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A metered module keeps its fuel in a global variable of this name, and imports
// the function that refills it.
const (
	fuelName     = "glomers.fuel"
	refuelModule = "glomers"
	refuelName   = "refuel"
)

// A metered module also counts the calls of some functions of Go's runtime, each kind in
// a global variable. They reveal a program that polls, which otherwise looks like any
// other computation (see busy.go). In a module without the names of its functions the
// counts stay 0.
var counters = [...]struct {
	global    string
	functions []string
}{
	countedSelects: {"glomers.selects", []string{"runtime.selectnbrecv", "runtime.selectnbsend", "runtime.selectgo", "runtime.chanlen"}},
	countedYields:  {"glomers.yields", []string{"runtime.goschedImpl"}},
	countedParks:   {"glomers.parks", []string{"runtime.park_m"}},
	countedAtomics: {"glomers.atomics", []string{
		"sync_atomic.LoadInt32", "sync_atomic.LoadInt64", "sync_atomic.LoadUint32", "sync_atomic.LoadUint64", "sync_atomic.LoadPointer",
		"sync_atomic.CompareAndSwapInt32", "sync_atomic.CompareAndSwapUint32", "sync_atomic.AddInt32",
	}},
}

// The kinds of calls that are counted.
const (
	countedSelects = iota // looking at channels: select, and len of a channel
	countedYields         // runtime.Gosched
	countedParks          // a goroutine waits
	countedAtomics        // reading an atomic variable; taking and releasing a lock
)

// meter rewrites a module so that it counts what it computes in units of fuel, and
// calls a function of the host whenever its fuel is used up. The host can then let it
// continue, or end it: after the same number of units on every machine, or because the
// run was interrupted. Without this there would be no way to interrupt compiled code.
//
// One unit of fuel is taken
//
//   - in each iteration of a loop,
//   - in each call of a function that itself calls, unless it begins with a loop,
//     as most functions of Go do; so recursion is counted without a loop,
//   - for each sixteen bytes or elements of an operation on a whole memory or
//     table.
//
// The work between two units is therefore bounded by the size of the code.
//
// The imported function gets the first index after the other imported ones, so the
// indices of all functions that the module defines grow by one.
func meter(module []byte) ([]byte, error) {
	all, err := sections(module)
	if err != nil {
		return nil, err
	}
	m := &metering{}
	if err := m.read(all); err != nil {
		return nil, err
	}
	for i := range all {
		if all[i].body, err = m.rewrite(all[i]); err != nil {
			return nil, err
		}
	}
	all = slices.DeleteFunc(all, func(s section) bool { return s.id == sectionCustom && s.body == nil })
	all = withItem(all, sectionType, []byte{0x60, 0, 0}) // a function without parameters and results
	imported := appendBytes(nil, []byte(refuelModule))
	imported = append(appendBytes(imported, []byte(refuelName)), kindFunction)
	all = withItem(all, sectionImport, binary.AppendUvarint(imported, m.types))
	all = withGlobal(all, fuelName, m.fuel)
	for i, c := range counters {
		all = withGlobal(all, c.global, m.counter(i))
	}
	return join(all), nil
}

// withGlobal adds and exports a mutable i64 variable, at first 0.
func withGlobal(all []section, name string, number uint64) []section {
	all = withItem(all, sectionGlobal, []byte{0x7E, 1, 0x42, 0, opEnd})
	exported := append(appendBytes(nil, []byte(name)), kindGlobal)
	return withItem(all, sectionExport, binary.AppendUvarint(exported, number))
}

// metering is what the rewriting needs to know of a module.
type metering struct {
	types     uint64         // how many there are
	params    []uint64       // of each type, how many
	functions []uint64       // the type of each function that is not imported
	refuel    uint64         // the number of the imported function
	fuel      uint64         // the number of the global variable; the counters follow it
	counted   map[uint64]int // the kinds of the functions whose calls are counted
}

// counter returns the number of the global variable that counts calls of a kind.
func (m *metering) counter(kind int) uint64 { return m.fuel + 1 + uint64(kind) }

// read finds out how many types, functions and global variables the module has.
func (m *metering) read(all []section) error {
	m.counted = countedFunctions(all)
	r := reader{b: find(all, sectionType)}
	if r.b != nil {
		m.types = r.uint()
	}
	for range m.types {
		if form := r.byte(); form != 0x60 && r.err == nil {
			return fmt.Errorf("type 0x%02x is not of WebAssembly 2.0", form)
		}
		params := r.uint()
		r.skip(params)
		r.skip(r.uint())
		if r.err != nil {
			return r.err
		}
		m.params = append(m.params, params)
	}
	if body := find(all, sectionFunction); body != nil {
		r := reader{b: body}
		for range r.uint() {
			t := r.uint()
			if r.err == nil && t >= m.types {
				r.fail(fmt.Sprintf("there is no type %d", t))
			}
			if r.err != nil {
				return r.err
			}
			m.functions = append(m.functions, t)
		}
	}
	var err error
	if m.refuel, m.fuel, err = countImports(find(all, sectionImport)); err != nil {
		return err
	}
	if body := find(all, sectionGlobal); body != nil {
		r := reader{b: body}
		m.fuel += r.uint()
		return r.err
	}
	return nil
}

// countedFunctions returns the numbers of the functions whose calls are counted.
func countedFunctions(all []section) map[uint64]int {
	kinds := map[string]int{}
	for kind, c := range counters {
		for _, name := range c.functions {
			kinds[name] = kind
		}
	}
	found := map[uint64]int{}
	for _, s := range all {
		if s.id != sectionCustom {
			continue
		}
		names, ok := functionNames(s.body)
		if !ok {
			continue
		}
		for range names.uint() {
			number, name := names.uint(), names.bytes()
			if names.err != nil {
				break
			}
			if kind, ok := kinds[string(name)]; ok {
				found[number] = kind
			}
		}
	}
	return found
}

// countImports returns how many functions and global variables are imported.
func countImports(body []byte) (functions, globals uint64, err error) {
	if body == nil {
		return 0, 0, nil
	}
	r := reader{b: body}
	for range r.uint() {
		r.bytes() // the names
		r.bytes()
		switch kind := r.byte(); kind {
		case kindFunction:
			r.uint()
			functions++
		case kindTable:
			r.byte()
			r.limits()
		case kindMemory:
			r.limits()
		case kindGlobal:
			r.skip(2)
			globals++
		default:
			r.fail(fmt.Sprintf("an import is of the unknown kind %d", kind))
		}
		if r.err != nil {
			return 0, 0, r.err
		}
	}
	return functions, globals, nil
}

// shifted returns the new index of a function.
func (m *metering) shifted(function uint64) uint64 {
	if function >= m.refuel {
		return function + 1
	}
	return function
}

// rewrite returns the new body of a section.
func (m *metering) rewrite(s section) ([]byte, error) {
	switch s.id {
	case sectionCustom:
		return m.custom(s.body), nil
	case sectionGlobal:
		return m.globals(s.body)
	case sectionExport:
		return m.exports(s.body)
	case sectionStart:
		r := reader{b: s.body}
		return binary.AppendUvarint(nil, m.shifted(r.uint())), r.err
	case sectionElement:
		return m.elements(s.body)
	case sectionCode:
		return m.code(s.body)
	}
	return s.body, nil
}

// nameFunctions is the part of the section "name" that names functions.
const nameFunctions = 1

// functionNames returns a reader of the numbers and names of functions in a custom
// section, and false if it has none.
func functionNames(body []byte) (reader, bool) {
	r := reader{b: body}
	if string(r.bytes()) != "name" {
		return reader{}, false
	}
	for r.at < len(body) && r.err == nil {
		id, part := r.byte(), r.bytes()
		if id == nameFunctions && r.err == nil {
			return reader{b: part}, true
		}
	}
	return reader{}, false
}

// custom keeps the names of functions, for stack traces, and drops the other custom
// sections, such as debug information, which would not match the rewritten code. A
// section of names that cannot be read is dropped as well.
func (m *metering) custom(body []byte) []byte {
	names, ok := functionNames(body)
	if !ok {
		return nil
	}
	count := names.uint()
	out := binary.AppendUvarint(nil, count)
	for range count {
		out = binary.AppendUvarint(out, m.shifted(names.uint()))
		out = appendBytes(out, names.bytes())
		if names.err != nil {
			return nil
		}
	}
	return appendBytes(append(appendBytes(nil, []byte("name")), nameFunctions), out)
}

// globals copies the section of global variables, whose initial values may be functions.
func (m *metering) globals(body []byte) ([]byte, error) {
	r := reader{b: body}
	count := r.uint()
	out := binary.AppendUvarint(nil, count)
	for range count {
		out = append(out, r.byte(), r.byte()) // the type
		out = m.expression(&r, out)
		if r.err != nil {
			return nil, r.err
		}
	}
	return out, nil
}

// expression copies a constant expression.
func (m *metering) expression(r *reader, out []byte) []byte {
	for r.err == nil {
		from := r.at
		i := r.instruction()
		if i.op == opRefFunc {
			out = binary.AppendUvarint(append(out, i.op), m.shifted(i.function))
			continue
		}
		out = append(out, r.b[from:r.at]...)
		if i.op == opEnd {
			break
		}
	}
	return out
}

// exports copies the section of exports, with the new numbers of functions.
func (m *metering) exports(body []byte) ([]byte, error) {
	r := reader{b: body}
	count := r.uint()
	out := binary.AppendUvarint(nil, count)
	for range count {
		out = appendBytes(out, r.bytes())
		kind, number := r.byte(), r.uint()
		if r.err != nil {
			return nil, r.err
		}
		if kind == kindFunction {
			number = m.shifted(number)
		}
		out = binary.AppendUvarint(append(out, kind), number)
	}
	return out, nil
}

// The flags of an element segment
// (https://webassembly.github.io/spec/core/binary/modules.html#element-section).
const (
	elementNotActive   = 1 << 0
	elementExplicit    = 1 << 1 // a table of its own number, or declarative
	elementExpressions = 1 << 2 // instead of numbers of functions
)

// elements copies the section of elements, which fill tables with functions.
func (m *metering) elements(body []byte) ([]byte, error) {
	r := reader{b: body}
	count := r.uint()
	out := binary.AppendUvarint(nil, count)
	for range count {
		flags := r.uint()
		out = binary.AppendUvarint(out, flags)
		if flags&elementNotActive == 0 {
			if flags&elementExplicit != 0 {
				out = binary.AppendUvarint(out, r.uint()) // the table
			}
			out = m.expression(&r, out) // where in it
		}
		if flags&(elementNotActive|elementExplicit) != 0 {
			out = append(out, r.byte()) // the type
		}
		items := r.uint()
		out = binary.AppendUvarint(out, items)
		for range items {
			if flags&elementExpressions != 0 {
				out = m.expression(&r, out)
			} else {
				out = binary.AppendUvarint(out, m.shifted(r.uint()))
			}
			if r.err != nil {
				return nil, r.err
			}
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	return out, nil
}

// code rewrites the bodies of the functions.
func (m *metering) code(body []byte) ([]byte, error) {
	r := reader{b: body}
	count := r.uint()
	if count != uint64(len(m.functions)) {
		return nil, fmt.Errorf("%d functions have %d bodies", len(m.functions), count)
	}
	out := binary.AppendUvarint(make([]byte, 0, len(body)*5/4), count)
	var buf []byte
	for i, t := range m.functions {
		code := r.bytes()
		if r.err != nil {
			return nil, r.err
		}
		var err error
		if buf, err = m.function(buf[:0], m.refuel+uint64(i), code, m.params[t]); err != nil {
			return nil, err
		}
		out = appendBytes(out, buf)
	}
	return out, nil
}

// maxLocals is how many parameters and variables a function can have, as in browsers.
const maxLocals = 50_000

// function appends the metered body of the function that had the given number.
func (m *metering) function(out []byte, number uint64, code []byte, params uint64) ([]byte, error) {
	r := reader{b: code}
	groups, locals := r.uint(), params
	from := r.at
	for g := groups; g > 0 && r.err == nil; g-- {
		locals += min(r.uint(), maxLocals+1)
		r.byte()
		if locals > maxLocals {
			return nil, fmt.Errorf("function %d has more than %d parameters and locals", number, maxLocals)
		}
	}
	declared := code[from:r.at]
	start := r.at

	calls, bulk, first := false, false, byte(0)
	for r.at < len(code) && r.err == nil { // find out what has to be metered
		at := r.at
		i := r.instruction()
		if at == start {
			first = i.op
		}
		calls = calls || i.calls()
		bulk = bulk || i.bulk
	}
	if r.err != nil {
		return nil, r.err
	}

	if bulk {
		out = append(append(binary.AppendUvarint(out, groups+1), declared...), 1, 0x7F) // one more i32
	} else {
		out = append(binary.AppendUvarint(out, groups), declared...)
	}
	if kind, ok := m.counted[number]; ok {
		out = m.count(out, m.counter(kind))
	}
	if calls && first != opLoop {
		out = m.charge(out)
	}
	r = reader{b: code, at: start}
	copied := start // the code before this offset is already in out
	for r.at < len(code) {
		at := r.at
		i := r.instruction()
		switch {
		case i.op == opLoop:
			out = m.charge(append(out, code[copied:r.at]...))
			copied = r.at
		case i.op == opCall, i.op == opReturnCall, i.op == opRefFunc:
			out = append(append(out, code[copied:at]...), i.op)
			out = binary.AppendUvarint(out, m.shifted(i.function))
			copied = r.at
		case i.bulk:
			out = m.chargeBulk(append(out, code[copied:at]...), locals)
			copied = at
		}
	}
	return append(out, code[copied:]...), nil
}

// charge appends code that takes a unit of fuel.
func (m *metering) charge(out []byte) []byte {
	out = m.global(out, 0x23)                   // global.get
	out = append(out, 0x42, 1, 0x7D)            // i64.const 1, i64.sub
	return m.refuelIfEmpty(m.global(out, 0x24)) // global.set
}

// count appends code that adds one to a global variable.
func (m *metering) count(out []byte, global uint64) []byte {
	out = binary.AppendUvarint(append(out, 0x23), global) // global.get
	out = append(out, 0x42, 1, 0x7C)                      // i64.const 1, i64.add
	return binary.AppendUvarint(append(out, 0x24), global)
}

// chargeBulk appends code that takes fuel in proportion to the size on top of the stack,
// which it leaves there.
func (m *metering) chargeBulk(out []byte, local uint64) []byte {
	out = binary.AppendUvarint(append(out, 0x22), local) // local.tee
	out = m.global(out, 0x23)
	out = binary.AppendUvarint(append(out, 0x20), local) // local.get
	out = append(out, 0xAD, 0x42, bulkShift, 0x88, 0x7D) // i64.extend_i32_u, i64.const, i64.shr_u, i64.sub
	return m.refuelIfEmpty(m.global(out, 0x24))
}

// bytesPerUnit is how many bytes a bulk operation may process for one unit of fuel.
const (
	bulkShift    = 4
	bytesPerUnit = 1 << bulkShift
)

func (m *metering) refuelIfEmpty(out []byte) []byte {
	out = m.global(out, 0x23)
	out = append(out, 0x42, 0, 0x53, 0x04, 0x40) // i64.const 0, i64.lt_s, if
	return append(binary.AppendUvarint(append(out, opCall), m.refuel), opEnd)
}

// global appends an instruction on the global variable of the fuel.
func (m *metering) global(out []byte, op byte) []byte {
	return binary.AppendUvarint(append(out, op), m.fuel)
}
