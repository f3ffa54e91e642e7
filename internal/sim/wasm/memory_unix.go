//go:build unix

package wasm

import (
	"fmt"

	"github.com/tetratelabs/wazero/experimental"
	"golang.org/x/sys/unix"
)

// linearMemory is the memory of a node. Its whole range of addresses is reserved
// at once, so that growing it copies nothing. The system provides physical memory only
// for the pages that are used.
type linearMemory struct {
	disk  *disk // which shares the limit
	full  bool  // the node wanted more than it may have
	block []byte
}

// reserve makes a memory that can grow to limit bytes.
func reserve(limit int64, d *disk) (*linearMemory, error) {
	block, err := unix.Mmap(-1, 0, int(limit), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("reserve %d MiB for its memory: %w", limit>>20, err)
	}
	unix.Madvise(block, madvice) // only for speed
	return &linearMemory{disk: d, block: block}, nil
}

// Allocate returns the memory itself.
func (m *linearMemory) Allocate(_, _ uint64) experimental.LinearMemory { return m }

// Reallocate returns the first size bytes, nil if that exceeds the limit.
func (m *linearMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.block)) || !m.disk.growHeap(size) {
		m.full = true
		return nil
	}
	return m.block[:size]
}

// Free gives the memory back.
func (m *linearMemory) Free() {
	m.disk.heap = 0
	if m.block != nil {
		unix.Munmap(m.block)
		m.block = nil
	}
}
