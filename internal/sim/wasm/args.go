package wasm

import (
	"encoding/binary"
	"strconv"
)

// Arguments and environment are lists of strings, which the guest fetches in two calls:
// one for the sizes, one for the strings.

// argv returns the arguments of the program, its name first.
func (g *guest) argv() []string { return append([]string{"node"}, g.boot.Args...) }

// environ returns the whole environment of a node. GLOMERS_PID is the value of os.Getpid
// in programs that package solution built: WASI has no process ids.
func (g *guest) environ() []string {
	return []string{"HOME=/", "PWD=/tmp", "TMPDIR=/tmp", "USER=node", "GLOMERS_PID=" + strconv.Itoa(g.boot.PID)}
}

// argsGet is args_get
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#args_get).
func argsGet(g *guest, a arguments) errno { return g.putTexts(g.argv(), a.u32(0), a.u32(1)) }

// argsSizesGet is args_sizes_get
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#args_sizes_get).
func argsSizesGet(g *guest, a arguments) errno { return g.putSizes(g.argv(), a.u32(0), a.u32(1)) }

// environGet is environ_get
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#environ_get).
func environGet(g *guest, a arguments) errno { return g.putTexts(g.environ(), a.u32(0), a.u32(1)) }

// environSizesGet is environ_sizes_get
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#environ_sizes_get).
func environSizesGet(g *guest, a arguments) errno {
	return g.putSizes(g.environ(), a.u32(0), a.u32(1))
}

// putTexts writes zero-terminated strings to buf, and their addresses to pointers.
func (g *guest) putTexts(texts []string, pointers, buf uint32) errno {
	at, address := uint64(pointers), uint64(buf)
	for _, s := range texts {
		pointer, ok := g.bytes(at, 4)
		text, ok2 := g.bytes(address, uint64(len(s)+1))
		if !ok || !ok2 {
			return errnoFault
		}
		binary.LittleEndian.PutUint32(pointer, uint32(address))
		copy(text, s)
		text[len(s)] = 0
		at += 4
		address += uint64(len(s) + 1)
	}
	return errnoSuccess
}

// putSizes writes the number of strings, and their total size in bytes.
func (g *guest) putSizes(texts []string, count, size uint32) errno {
	total := 0
	for _, s := range texts {
		total += len(s) + 1
	}
	if e := g.putU32(count, uint32(len(texts))); e != errnoSuccess {
		return e
	}
	return g.putU32(size, uint32(total))
}
