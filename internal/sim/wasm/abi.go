package wasm

import (
	"encoding/binary"

	"glomers/internal/sim"
)

// errno is an error number
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#errno).
type errno uint32

const (
	errnoSuccess     errno = 0
	errnoAgain       errno = 6  // EAGAIN: there is no input yet
	errnoBadf        errno = 8  // EBADF: not an open descriptor
	errnoExist       errno = 20 // EEXIST
	errnoFault       errno = 21 // EFAULT: an address outside the memory
	errnoInval       errno = 28 // EINVAL
	errnoIsdir       errno = 31 // EISDIR
	errnoMfile       errno = 33 // EMFILE: too many open files
	errnoNametoolong errno = 37 // ENAMETOOLONG
	errnoNoent       errno = 44 // ENOENT
	errnoNospc       errno = 51 // ENOSPC: the disk is full
	errnoNosys       errno = 52 // ENOSYS: the host lacks the function
	errnoNotdir      errno = 54 // ENOTDIR
	errnoNotempty    errno = 55 // ENOTEMPTY
	errnoSpipe       errno = 70 // ESPIPE: not seekable
)

// arguments are the parameters of a call, as the guest passed them. An i32 is in the
// lower half of its word; the upper half is undefined.
type arguments []uint64

// u32 returns a parameter of 32 bits.
func (a arguments) u32(i int) uint32 { return uint32(a[i]) }

// u64 returns a parameter of 64 bits.
func (a arguments) u64(i int) uint64 { return a[i] }

// bytes returns size bytes of the guest's memory at an address, as a slice that aliases
// it, and false if they are not all within the memory. Both numbers are wider than the
// guest's, so that sums and products of them do not wrap.
func (g *guest) bytes(at, size uint64) ([]byte, bool) {
	if at > 1<<32 || size > 1<<32 || at+size > uint64(g.memory.Size()) {
		return nil, false
	}
	return g.memory.Read(uint32(at), uint32(size))
}

// putU32 writes a number to the guest's memory.
func (g *guest) putU32(at, v uint32) errno {
	if !g.memory.WriteUint32Le(at, v) {
		return errnoFault
	}
	return errnoSuccess
}

// putU64 writes a number of 64 bits to the guest's memory.
func (g *guest) putU64(at uint32, v uint64) errno {
	if !g.memory.WriteUint64Le(at, v) {
		return errnoFault
	}
	return errnoSuccess
}

// maxVectors is how many buffers one read or write may have: the IOV_MAX of
// Linux.
const maxVectors = 1024

// The layout of an iovec and a ciovec
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#iovec).
const (
	vectorBuf  = 0
	vectorLen  = 4
	vectorSize = 8
)

// vectors calls f with each buffer of a read or a write, until f handles less than the
// whole buffer, and writes the number of bytes handled to the address total. All
// addresses are checked before f is called.
func (g *guest) vectors(list, count, total uint32, f func([]byte) (int, errno)) errno {
	if count > maxVectors {
		return errnoInval
	}
	entries, ok := g.bytes(uint64(list), uint64(count)*vectorSize)
	if !ok {
		return errnoFault
	}
	if _, ok := g.bytes(uint64(total), 4); !ok {
		return errnoFault
	}
	buffers := make([][]byte, 0, 8)
	for entry := entries; len(entry) > 0; entry = entry[vectorSize:] {
		at := binary.LittleEndian.Uint32(entry[vectorBuf:])
		size := binary.LittleEndian.Uint32(entry[vectorLen:])
		if size == 0 {
			continue
		}
		buf, ok := g.bytes(uint64(at), uint64(size))
		if !ok {
			return errnoFault
		}
		buffers = append(buffers, buf)
	}
	sum := 0
	for _, buf := range buffers {
		g.charge(uint64(len(buf)) / bytesPerUnit)
		done, e := f(buf)
		sum += done
		if e != errnoSuccess && sum == 0 {
			return e
		}
		if done < len(buf) {
			break
		}
	}
	return g.putU32(total, uint32(sum))
}

// path reads a path from the guest's memory.
func (g *guest) path(at, size uint32) (string, errno) {
	if size > maxPath {
		return "", errnoNametoolong
	}
	text, ok := g.bytes(uint64(at), uint64(size))
	if !ok {
		return "", errnoFault
	}
	return string(text), errnoSuccess
}

// epoch is the wall-clock time at the beginning of a run, in Unix nanoseconds.
var epoch = uint64(sim.Epoch.UnixNano())
