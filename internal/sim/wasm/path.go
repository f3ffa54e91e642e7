package wasm

import (
	"path"
	"strings"
)

// Flags of path_open
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#oflags).
const (
	oflagCreat     = 1 << 0
	oflagDirectory = 1 << 1
	oflagExcl      = 1 << 2
	oflagTrunc     = 1 << 3
)

// resolve returns the path from the root that the guest means by a path relative
// to an open directory.
func (g *guest) resolve(fd, at, size uint32) (string, errno) {
	dir := g.disk.get(fd)
	if dir == nil {
		return "", errnoBadf
	}
	if !dir.file.isDirectory() {
		return "", errnoNotdir
	}
	text, e := g.path(at, size)
	if e != errnoSuccess {
		return "", e
	}
	if text == "" {
		return "", errnoNoent
	}
	full := clean(path.Join(dir.path, text))
	if len(full) > maxPath {
		return "", errnoNametoolong
	}
	g.charge(unitsPerPath + uint64(len(full)))
	return full, errnoSuccess
}

// isDirectory is isDir for a file that may be nil, as that of stdin is.
func (f *file) isDirectory() bool { return f != nil && f.isDir() }

// pathOpen is path_open
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_open).
func pathOpen(g *guest, a arguments) errno {
	name, e := g.resolve(a.u32(0), a.u32(2), a.u32(3))
	if e != errnoSuccess {
		return e
	}
	if _, ok := g.bytes(uint64(a.u32(8)), 4); !ok {
		return errnoFault
	}
	flags := a.u32(4)
	f := g.disk.find(name)
	switch {
	case f == nil && flags&oflagCreat == 0:
		return errnoNoent
	case f != nil && flags&oflagCreat != 0 && flags&oflagExcl != 0:
		return errnoExist
	case f != nil && flags&oflagDirectory != 0 && !f.isDir():
		return errnoNotdir
	case len(g.disk.fds) >= maxOpen:
		return errnoMfile
	case f == nil:
		dir, base, e := g.disk.parent(name)
		if e != errnoSuccess {
			return e
		}
		f = g.disk.create(false)
		if e := g.disk.link(dir, base, f); e != errnoSuccess {
			return e
		}
	}
	if flags&oflagTrunc != 0 && !f.isDir() {
		g.disk.resize(f, 0)
	}
	fd, e := g.disk.open(f, name, a.u32(7)&fdflagAppend != 0)
	if e != errnoSuccess {
		return e
	}
	return g.putU32(a.u32(8), fd)
}

// pathFilestatGet is path_filestat_get
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_filestat_get).
func pathFilestatGet(g *guest, a arguments) errno {
	name, e := g.resolve(a.u32(0), a.u32(2), a.u32(3))
	if e != errnoSuccess {
		return e
	}
	f := g.disk.find(name)
	if f == nil {
		return errnoNoent
	}
	return g.putFilestat(a.u32(4), f)
}

// pathCreateDirectory is path_create_directory
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_create_directory).
func pathCreateDirectory(g *guest, a arguments) errno {
	name, e := g.resolve(a.u32(0), a.u32(1), a.u32(2))
	if e != errnoSuccess {
		return e
	}
	if g.disk.find(name) != nil {
		return errnoExist
	}
	dir, base, e := g.disk.parent(name)
	if e != errnoSuccess {
		return e
	}
	return g.disk.link(dir, base, g.disk.create(true))
}

// remove removes a file, or an empty directory.
func (g *guest) remove(a arguments, directory bool) errno {
	name, e := g.resolve(a.u32(0), a.u32(1), a.u32(2))
	if e != errnoSuccess {
		return e
	}
	f := g.disk.find(name)
	switch {
	case f == nil:
		return errnoNoent
	case directory && !f.isDir():
		return errnoNotdir
	case !directory && f.isDir():
		return errnoIsdir
	case len(f.entries) > 0:
		return errnoNotempty
	}
	dir, base, e := g.disk.parent(name)
	if e != errnoSuccess {
		return e
	}
	g.disk.unlink(dir, base)
	return errnoSuccess
}

// pathRemoveDirectory is path_remove_directory
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_remove_directory).
func pathRemoveDirectory(g *guest, a arguments) errno { return g.remove(a, true) }

// pathUnlinkFile is path_unlink_file
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_unlink_file).
func pathUnlinkFile(g *guest, a arguments) errno { return g.remove(a, false) }

// pathRename is path_rename
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#path_rename),
// with the errors of POSIX
// (https://pubs.opengroup.org/onlinepubs/9799919799/functions/rename.html): a file
// replaces only a file, a directory only an empty directory.
func pathRename(g *guest, a arguments) errno {
	from, e := g.resolve(a.u32(0), a.u32(1), a.u32(2))
	if e != errnoSuccess {
		return e
	}
	to, e := g.resolve(a.u32(3), a.u32(4), a.u32(5))
	if e != errnoSuccess {
		return e
	}
	f := g.disk.find(from)
	if f == nil {
		return errnoNoent
	}
	if from == to {
		return errnoSuccess
	}
	if f.isDir() && strings.HasPrefix(to, from+"/") {
		return errnoInval // a directory cannot be moved into itself
	}
	fromDir, fromBase, e := g.disk.parent(from)
	if e != errnoSuccess {
		return e
	}
	toDir, toBase, e := g.disk.parent(to)
	if e != errnoSuccess {
		return e
	}
	if !g.disk.room(uint64(len(toBase))) {
		return errnoNospc
	}
	if old := toDir.entries[toBase]; old != nil {
		switch {
		case f.isDir() && !old.isDir():
			return errnoNotdir
		case !f.isDir() && old.isDir():
			return errnoIsdir
		case len(old.entries) > 0:
			return errnoNotempty
		}
		g.disk.unlink(toDir, toBase)
	}
	f.opened++ // while it has no name, so that it is not freed
	g.disk.unlink(fromDir, fromBase)
	e = g.disk.link(toDir, toBase, f)
	f.opened--
	return e
}
