//go:build !unix

package wasm

import "github.com/tetratelabs/wazero/experimental"

// linearMemory is the memory of a node. It is copied when it grows.
type linearMemory struct {
	disk  *disk // which shares the limit
	full  bool  // the node wanted more than it may have
	block []byte
}

// reserve makes a memory that can grow to limit bytes.
func reserve(_ int64, d *disk) (*linearMemory, error) {
	return &linearMemory{disk: d}, nil
}

// Allocate returns the memory itself.
func (m *linearMemory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate returns a memory of size bytes that begins with the present content, nil if
// that exceeds the limit.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if !m.disk.growHeap(size) {
		m.full = true
		return nil
	}
	if size > uint64(cap(m.block)) {
		grown := make([]byte, size, min(2*size, m.disk.limit))
		copy(grown, m.block)
		m.block = grown
	}
	m.block = m.block[:size]
	return m.block
}

// Free gives the memory back.
func (m *linearMemory) Free() {
	m.disk.heap = 0
	m.block = nil
}
