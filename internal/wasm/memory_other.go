//go:build !unix

package wasm

import "github.com/tetratelabs/wazero/experimental"

// linearMemory is the memory of a node. It is copied when it grows.
type linearMemory struct {
	limit uint64 // the most that the node may have
	full  bool   // it wanted more
	block []byte
}

// reserve makes a memory that can grow to limit bytes.
func reserve(limit int64) (*linearMemory, error) {
	return &linearMemory{limit: uint64(limit)}, nil
}

// Allocate returns the memory itself.
func (m *linearMemory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate returns size bytes, the first of them what was there before, or nil
// if the node may not have so many.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > m.limit {
		m.full = true
		return nil
	}
	if size > uint64(cap(m.block)) {
		grown := make([]byte, size, min(2*size, m.limit))
		copy(grown, m.block)
		m.block = grown
	}
	m.block = m.block[:size]
	return m.block
}

// Free gives the memory back.
func (m *linearMemory) Free() { m.block = nil }
