package wasm

import (
	"encoding/binary"
	"maps"
	"slices"

	"glomers/internal/sim"
)

// File types
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#filetype).
const (
	filetypeCharacterDevice = 2
	filetypeDirectory       = 3
	filetypeRegularFile     = 4
)

// Flags of a descriptor
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fdflags).
const (
	fdflagAppend   = 1 << 0
	fdflagNonblock = 1 << 2
)

// Rights
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#rights).
// A node has all of them.
const (
	rightFDSeek = 1 << 2
	rightFDTell = 1 << 5
	rightsAll   = 1<<30 - 1
)

// The layout of an fdstat
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fdstat).
const (
	fdstatFiletype         = 0
	fdstatFlags            = 2
	fdstatRightsBase       = 8
	fdstatRightsInheriting = 16
	fdstatSize             = 24
)

// The layout of a filestat
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#filestat).
const (
	filestatInode      = 8
	filestatFiletype   = 16
	filestatLinks      = 24
	filestatFileSize   = 32
	filestatAccessTime = 40
	filestatModifyTime = 48
	filestatChangeTime = 56
	filestatSize       = 64
)

// The layout of a dirent, which its name follows
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#dirent).
const (
	direntNext     = 0
	direntInode    = 8
	direntNameSize = 16
	direntFiletype = 20
	direntSize     = 24
)

// The layout of a prestat
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#prestat).
const (
	prestatType     = 0
	prestatNameSize = 4
	prestatSize     = 8

	preopentypeDir = 0
)

// Where an offset counts from
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#whence).
const (
	whenceSet     = 0
	whenceCurrent = 1
	whenceEnd     = 2
)

// filetype returns the type of a file; nil is stdin, stdout or stderr.
func (f *file) filetype() byte {
	switch {
	case f == nil:
		return filetypeCharacterDevice
	case f.isDir():
		return filetypeDirectory
	}
	return filetypeRegularFile
}

// regular returns the descriptor of a regular file.
func (g *guest) regular(fd uint32) (*descriptor, errno) {
	switch o := g.disk.get(fd); {
	case o == nil:
		return nil, errnoBadf
	case o.stdio:
		return nil, errnoSpipe
	case o.file.isDir():
		return nil, errnoIsdir
	default:
		return o, errnoSuccess
	}
}

// fdRead is fd_read
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_read).
// Reading stdin waits for input, unless the guest has asked for the flags of stdin,
// which say that it does not block (see fdFdstatGet).
func fdRead(g *guest, a arguments) errno {
	if a.u32(0) == stdinFD && g.disk.get(stdinFD) != nil {
		return g.readStdin(a)
	}
	o, e := g.regular(a.u32(0))
	if e != errnoSuccess {
		return e
	}
	return g.vectors(a.u32(1), a.u32(2), a.u32(3), func(buf []byte) (int, errno) {
		done := o.file.readAt(buf, o.offset)
		o.offset += int64(done)
		return done, errnoSuccess
	})
}

// readStdin is fd_read of stdin.
func (g *guest) readStdin(a arguments) errno {
	if len(g.stdin) == 0 && g.nonblocking {
		return errnoAgain
	}
	for len(g.stdin) == 0 {
		g.wait(sim.Never, true)
	}
	return g.vectors(a.u32(1), a.u32(2), a.u32(3), func(buf []byte) (int, errno) {
		done := copy(buf, g.stdin)
		g.stdin = g.stdin[done:]
		return done, errnoSuccess
	})
}

// fdWrite is fd_write
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_write).
func fdWrite(g *guest, a arguments) errno {
	fd := a.u32(0)
	o := g.disk.get(fd)
	if o == nil {
		return errnoBadf
	}
	var write func([]byte) (int, errno)
	switch fd {
	case stdoutFD, stderrFD:
		stream := sim.Stdout
		if fd == stderrFD {
			stream = sim.Stderr
		}
		write = func(buf []byte) (int, errno) {
			g.charge(unitsPerWrite)
			if err := g.boot.Output(sim.Output{Stream: stream, At: g.clock, Data: buf}); err != nil {
				panic(&outputError{err})
			}
			return len(buf), errnoSuccess
		}
	default:
		o, e := g.regular(fd)
		if e != errnoSuccess {
			return e
		}
		write = func(buf []byte) (int, errno) {
			if o.appending {
				o.offset = o.file.size
			}
			done, e := g.disk.writeAt(o.file, buf, o.offset)
			o.offset += int64(done)
			return done, e
		}
	}
	return g.vectors(a.u32(1), a.u32(2), a.u32(3), write)
}

// fdPread is fd_pread
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_pread).
func fdPread(g *guest, a arguments) errno {
	o, e := g.regular(a.u32(0))
	if e != errnoSuccess {
		return e
	}
	offset := int64(a.u64(3))
	if offset < 0 {
		return errnoInval
	}
	return g.vectors(a.u32(1), a.u32(2), a.u32(4), func(buf []byte) (int, errno) {
		done := o.file.readAt(buf, offset)
		offset += int64(done)
		return done, errnoSuccess
	})
}

// fdPwrite is fd_pwrite
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_pwrite).
func fdPwrite(g *guest, a arguments) errno {
	o, e := g.regular(a.u32(0))
	if e != errnoSuccess {
		return e
	}
	offset := int64(a.u64(3))
	if offset < 0 {
		return errnoInval
	}
	return g.vectors(a.u32(1), a.u32(2), a.u32(4), func(buf []byte) (int, errno) {
		done, e := g.disk.writeAt(o.file, buf, offset)
		offset += int64(done)
		return done, e
	})
}

// fdClose is fd_close
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_close).
func fdClose(g *guest, a arguments) errno {
	if g.disk.get(a.u32(0)) == nil {
		return errnoBadf
	}
	g.disk.close(a.u32(0))
	return errnoSuccess
}

// fdSync is fd_sync and fd_datasync
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_sync).
// There is nothing to do: what was written survives every kill.
func fdSync(g *guest, a arguments) errno {
	if g.disk.get(a.u32(0)) == nil {
		return errnoBadf
	}
	return errnoSuccess
}

// fdFdstatGet is fd_fdstat_get
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_fdstat_get).
// It says that stdin does not block. A runtime that asks, as Go's does, then
// waits in poll_oneoff for input and timers together; one that does not ask, such
// as C's, waits in fd_read.
func fdFdstatGet(g *guest, a arguments) errno {
	o := g.disk.get(a.u32(0))
	if o == nil {
		return errnoBadf
	}
	buf, ok := g.bytes(uint64(a.u32(1)), fdstatSize)
	if !ok {
		return errnoFault
	}
	flags, rights := uint16(0), uint64(rightsAll)
	if a.u32(0) == stdinFD {
		flags |= fdflagNonblock
		g.nonblocking = true
	}
	if o.appending {
		flags |= fdflagAppend
	}
	if o.stdio {
		rights &^= rightFDSeek | rightFDTell
	}
	clear(buf)
	buf[fdstatFiletype] = o.file.filetype()
	binary.LittleEndian.PutUint16(buf[fdstatFlags:], flags)
	binary.LittleEndian.PutUint64(buf[fdstatRightsBase:], rights)
	binary.LittleEndian.PutUint64(buf[fdstatRightsInheriting:], rightsAll)
	return errnoSuccess
}

// fdFdstatSetFlags is fd_fdstat_set_flags
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_fdstat_set_flags).
func fdFdstatSetFlags(g *guest, a arguments) errno {
	o := g.disk.get(a.u32(0))
	if o == nil {
		return errnoBadf
	}
	o.appending = a.u32(1)&fdflagAppend != 0 && !o.stdio
	return errnoSuccess
}

// putFilestat writes a filestat. All times are those of the beginning of the run.
func (g *guest) putFilestat(at uint32, f *file) errno {
	buf, ok := g.bytes(uint64(at), filestatSize)
	if !ok {
		return errnoFault
	}
	clear(buf)
	buf[filestatFiletype] = f.filetype()
	binary.LittleEndian.PutUint64(buf[filestatLinks:], 1)
	if f != nil {
		binary.LittleEndian.PutUint64(buf[filestatInode:], f.inode)
		binary.LittleEndian.PutUint64(buf[filestatFileSize:], uint64(f.size))
	}
	binary.LittleEndian.PutUint64(buf[filestatAccessTime:], epoch)
	binary.LittleEndian.PutUint64(buf[filestatModifyTime:], epoch)
	binary.LittleEndian.PutUint64(buf[filestatChangeTime:], epoch)
	return errnoSuccess
}

// fdFilestatGet is fd_filestat_get
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_filestat_get).
func fdFilestatGet(g *guest, a arguments) errno {
	o := g.disk.get(a.u32(0))
	if o == nil {
		return errnoBadf
	}
	return g.putFilestat(a.u32(1), o.file)
}

// fdFilestatSetSize is fd_filestat_set_size
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_filestat_set_size).
func fdFilestatSetSize(g *guest, a arguments) errno {
	o, e := g.regular(a.u32(0))
	if e != errnoSuccess {
		return e
	}
	return g.disk.resize(o.file, a.u64(1))
}

// fdPrestatGet is fd_prestat_get
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_prestat_get).
// The root is the one directory that a program finds open.
func fdPrestatGet(g *guest, a arguments) errno {
	if a.u32(0) != rootFD || g.disk.get(rootFD) == nil {
		return errnoBadf
	}
	buf, ok := g.bytes(uint64(a.u32(1)), prestatSize)
	if !ok {
		return errnoFault
	}
	clear(buf)
	buf[prestatType] = preopentypeDir
	binary.LittleEndian.PutUint32(buf[prestatNameSize:], uint32(len(rootName)))
	return errnoSuccess
}

const rootName = "/"

// fdPrestatDirName is fd_prestat_dir_name
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_prestat_dir_name).
func fdPrestatDirName(g *guest, a arguments) errno {
	if a.u32(0) != rootFD || g.disk.get(rootFD) == nil {
		return errnoBadf
	}
	if a.u32(2) < uint32(len(rootName)) {
		return errnoNametoolong
	}
	buf, ok := g.bytes(uint64(a.u32(1)), uint64(len(rootName)))
	if !ok {
		return errnoFault
	}
	copy(buf, rootName)
	return errnoSuccess
}

// fdSeek is fd_seek
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_seek).
func fdSeek(g *guest, a arguments) errno {
	o, e := g.regular(a.u32(0))
	if e != errnoSuccess {
		return e
	}
	base := int64(0)
	switch a.u32(2) {
	case whenceSet:
	case whenceCurrent:
		base = o.offset
	case whenceEnd:
		base = o.file.size
	default:
		return errnoInval
	}
	delta := int64(a.u64(1))
	offset := base + delta
	if offset < 0 || delta > 0 && offset < base {
		return errnoInval
	}
	if e := g.putU64(a.u32(3), uint64(offset)); e != errnoSuccess {
		return e
	}
	o.offset = offset
	return errnoSuccess
}

// fdTell is fd_tell
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_tell).
func fdTell(g *guest, a arguments) errno {
	o, e := g.regular(a.u32(0))
	if e != errnoSuccess {
		return e
	}
	return g.putU64(a.u32(1), uint64(o.offset))
}

// fdReaddir is fd_readdir
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#fd_readdir).
// A cookie is the position of an entry in the order of names. The guest asks again for
// an entry that the buffer cuts off.
func fdReaddir(g *guest, a arguments) errno {
	o := g.disk.get(a.u32(0))
	switch {
	case o == nil:
		return errnoBadf
	case o.stdio || !o.file.isDir():
		return errnoNotdir
	}
	buf, ok := g.bytes(uint64(a.u32(1)), uint64(a.u32(2)))
	if !ok {
		return errnoFault
	}
	cookie, used := a.u64(3), 0
	g.charge(uint64(len(o.file.entries)) * unitsPerEntry)
	for i, name := range slices.Sorted(maps.Keys(o.file.entries)) {
		if uint64(i) < cookie {
			continue
		}
		if used == len(buf) {
			break
		}
		child := o.file.entries[name]
		entry := make([]byte, direntSize, direntSize+len(name))
		binary.LittleEndian.PutUint64(entry[direntNext:], uint64(i+1))
		binary.LittleEndian.PutUint64(entry[direntInode:], child.inode)
		binary.LittleEndian.PutUint32(entry[direntNameSize:], uint32(len(name)))
		entry[direntFiletype] = child.filetype()
		used += copy(buf[used:], append(entry, name...))
	}
	return g.putU32(a.u32(4), uint32(used))
}
