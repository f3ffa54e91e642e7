package wasm

import "encoding/binary"

// randomGet is random_get
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#random_get).
// It is the only source of randomness: Go's runtime seeds the order of maps and
// of select from it.
func randomGet(g *guest, a arguments) errno {
	buf, ok := g.bytes(uint64(a.u32(0)), uint64(a.u32(1)))
	if !ok {
		return errnoFault
	}
	g.charge(uint64(len(buf)))
	for len(buf) > 0 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], g.boot.Random.Uint64())
		buf = buf[copy(buf, word[:]):]
	}
	return errnoSuccess
}
