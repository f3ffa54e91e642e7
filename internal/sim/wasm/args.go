package wasm

import (
	"encoding/binary"
	"strconv"
)

// arguments and environment are lists of texts, which the guest fetches in two
// calls: one for the sizes, one for the texts.

// argv returns the arguments of the program, its name first.
func (g *guest) argv() []string { return append([]string{"node"}, g.boot.Args...) }

// environ is all that a node finds in its environment. GLOMERS_PID is what
// os.Getpid returns in programs that were built by this project: the interface
// has no call for it.
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

// putTexts writes texts, each ended by a zero byte, to buf, and their addresses
// to pointers.
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

// putSizes writes how many texts there are, and how many bytes they take.
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
