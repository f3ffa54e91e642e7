package wasm

import (
	"encoding/binary"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
)

// file is a file or a directory in memory.
type file struct {
	inode   uint64
	data    []byte
	entries map[string]*file // of a directory, nil for a file
}

func (f *file) isDir() bool { return f.entries != nil }

// find returns the file at a path below f, nil if there is none.
func (f *file) find(name string) *file {
	for _, part := range strings.Split(clean(name), "/") {
		if part == "" {
			continue
		}
		if f == nil || !f.isDir() {
			return nil
		}
		f = f.entries[part]
	}
	return f
}

// clean makes a path absolute, within the root.
func clean(name string) string { return path.Clean("/" + name) }

// open is an open file.
type open struct {
	file       *file
	name       string // from the root
	offset     int64
	appending  bool
	standardIO bool
}

// fileSystem is what a node finds on its disk: nothing but a directory for
// temporary files. It is its own, and lost at the end.
type fileSystem struct {
	root  *file
	inode uint64
	fds   map[uint32]*open
}

const (
	stdin    = 0
	stdout   = 1
	stderr   = 2
	rootFD   = 3
	firstFD  = 4
	maxFiles = 1024
)

func newFileSystem() *fileSystem {
	fs := &fileSystem{}
	fs.root = fs.create(true)
	fs.root.entries["tmp"] = fs.create(true)
	fs.closeAll()
	return fs
}

// closeAll leaves open only what every process begins with.
func (fs *fileSystem) closeAll() {
	fs.fds = map[uint32]*open{
		stdin: {standardIO: true}, stdout: {standardIO: true}, stderr: {standardIO: true},
		rootFD: {file: fs.root, name: "/"},
	}
}

func (fs *fileSystem) create(dir bool) *file {
	fs.inode++
	f := &file{inode: fs.inode}
	if dir {
		f.entries = map[string]*file{}
	}
	return f
}

// written returns the paths of all files with something in them.
func (fs *fileSystem) written() iter.Seq[string] {
	return func(yield func(string) bool) {
		var walk func(*file, string) bool
		walk = func(f *file, name string) bool {
			for _, entry := range slices.Sorted(maps.Keys(f.entries)) {
				child, at := f.entries[entry], path.Join(name, entry)
				if child.isDir() {
					if !walk(child, at) {
						return false
					}
				} else if len(child.data) > 0 && !yield(at) {
					return false
				}
			}
			return true
		}
		walk(fs.root, "/")
	}
}

func (fs *fileSystem) get(fd uint64) *open { return fs.fds[uint32(fd)] }

// at resolves a path that the program gives relative to a directory.
func (n *node) at(fd, name, size uint64) (string, errno) {
	dir := n.files.get(fd)
	if dir == nil {
		return "", eBADF
	}
	if dir.file == nil || !dir.file.isDir() {
		return "", eNOTDIR
	}
	text := n.read(name, size)
	if text == nil {
		return "", eFAULT
	}
	return clean(path.Join(dir.name, string(text))), eOK
}

// parent returns the directory that holds a path, and the name in it.
func (fs *fileSystem) parent(name string) (*file, string, errno) {
	dir := fs.root.find(path.Dir(name))
	switch {
	case dir == nil:
		return nil, "", eNOENT
	case !dir.isDir():
		return nil, "", eNOTDIR
	case name == "/":
		return nil, "", eINVAL
	}
	return dir, path.Base(name), eOK
}

// regular returns an open file that is neither a directory nor standard input
// or output.
func (n *node) regular(fd uint64) (*open, errno) {
	switch o := n.files.get(fd); {
	case o == nil:
		return nil, eBADF
	case o.standardIO:
		return nil, eSPIPE
	case o.file.isDir():
		return nil, eISDIR
	default:
		return o, eOK
	}
}

// buffers calls f for each of the buffers of a read or a write, until it is done
// with less than one of them.
func (n *node) buffers(list, count uint64, f func([]byte) int) (uint32, errno) {
	total := 0
	for i := range uint64(uint32(count)) {
		entry := n.read(list+8*i, 8)
		if entry == nil {
			return 0, eFAULT
		}
		at, size := binary.LittleEndian.Uint32(entry), binary.LittleEndian.Uint32(entry[4:])
		buf := n.read(uint64(at), uint64(size))
		if buf == nil && size > 0 {
			return 0, eFAULT
		}
		done := f(buf)
		total += done
		if done < len(buf) {
			break
		}
	}
	return uint32(total), eOK
}

func fdRead(n *node, args []uint64) errno {
	o := n.files.get(args[0])
	if o == nil {
		return eBADF
	}
	if uint32(args[0]) == stdin {
		if len(n.stdin) == 0 && n.nonblocking {
			return eAGAIN
		}
		if len(n.stdin) == 0 {
			n.wait(-1, true)
		}
		total, e := n.buffers(args[1], args[2], func(buf []byte) int {
			done := copy(buf, n.stdin)
			n.stdin = n.stdin[done:]
			return done
		})
		if e != eOK {
			return e
		}
		return n.put32(args[3], total)
	}
	o, e := n.regular(args[0])
	if e != eOK {
		return e
	}
	total, e := n.buffers(args[1], args[2], func(buf []byte) int {
		done := o.file.readAt(buf, o.offset)
		o.offset += int64(done)
		return done
	})
	if e != eOK {
		return e
	}
	return n.put32(args[3], total)
}

func (f *file) readAt(buf []byte, offset int64) int {
	if offset >= int64(len(f.data)) {
		return 0
	}
	return copy(buf, f.data[offset:])
}

func (f *file) writeAt(buf []byte, offset int64) int {
	if end := offset + int64(len(buf)); end > int64(len(f.data)) {
		f.data = append(f.data, make([]byte, end-int64(len(f.data)))...)
	}
	return copy(f.data[offset:], buf)
}

func fdWrite(n *node, args []uint64) errno {
	o := n.files.get(args[0])
	if o == nil {
		return eBADF
	}
	var write func([]byte) int
	switch uint32(args[0]) {
	case stdout:
		write = func(buf []byte) int { n.print(buf); return len(buf) }
	case stderr:
		write = func(buf []byte) int { n.complain(buf); return len(buf) }
	default:
		o, e := n.regular(args[0])
		if e != eOK {
			return e
		}
		write = func(buf []byte) int {
			if o.appending {
				o.offset = int64(len(o.file.data))
			}
			done := o.file.writeAt(buf, o.offset)
			o.offset += int64(done)
			return done
		}
	}
	total, e := n.buffers(args[1], args[2], write)
	if e != eOK {
		return e
	}
	return n.put32(args[3], total)
}

func fdPread(n *node, args []uint64) errno {
	o, e := n.regular(args[0])
	if e != eOK {
		return e
	}
	offset := int64(args[3])
	if offset < 0 {
		return eINVAL
	}
	total, e := n.buffers(args[1], args[2], func(buf []byte) int {
		done := o.file.readAt(buf, offset)
		offset += int64(done)
		return done
	})
	if e != eOK {
		return e
	}
	return n.put32(args[4], total)
}

func fdPwrite(n *node, args []uint64) errno {
	o, e := n.regular(args[0])
	if e != eOK {
		return e
	}
	offset := int64(args[3])
	if offset < 0 {
		return eINVAL
	}
	total, e := n.buffers(args[1], args[2], func(buf []byte) int {
		done := o.file.writeAt(buf, offset)
		offset += int64(done)
		return done
	})
	if e != eOK {
		return e
	}
	return n.put32(args[4], total)
}

func fdClose(n *node, args []uint64) errno {
	if n.files.get(args[0]) == nil {
		return eBADF
	}
	delete(n.files.fds, uint32(args[0]))
	return eOK
}

func fdSync(n *node, args []uint64) errno {
	if n.files.get(args[0]) == nil {
		return eBADF
	}
	return eOK
}

const (
	filetypeChar      = 2
	filetypeDirectory = 3
	filetypeRegular   = 4

	flagAppend   = 1
	flagNonblock = 4
	allRights    = 1<<30 - 1
)

func (o *open) filetype() byte {
	switch {
	case o.standardIO:
		return filetypeChar
	case o.file.isDir():
		return filetypeDirectory
	}
	return filetypeRegular
}

// fdStat says that standard input does not block: a runtime that asks, as Go's
// does, waits for it in poll_oneoff, together with its timers. For a program that
// never asked, such as one in C, reading it blocks.
func fdStat(n *node, args []uint64) errno {
	o := n.files.get(args[0])
	if o == nil {
		return eBADF
	}
	buf := n.read(args[1], 24)
	if buf == nil {
		return eFAULT
	}
	clear(buf)
	buf[0] = o.filetype()
	flags := uint16(0)
	if uint32(args[0]) == stdin {
		flags |= flagNonblock
		n.nonblocking = true
	}
	if o.appending {
		flags |= flagAppend
	}
	binary.LittleEndian.PutUint16(buf[2:], flags)
	rights := uint64(allRights)
	if o.standardIO {
		rights &^= 1<<2 | 1<<5 // neither seek nor tell: it is a stream
	}
	binary.LittleEndian.PutUint64(buf[8:], rights)
	binary.LittleEndian.PutUint64(buf[16:], allRights)
	return eOK
}

func fdSetFlags(n *node, args []uint64) errno {
	o := n.files.get(args[0])
	if o == nil {
		return eBADF
	}
	o.appending = args[1]&flagAppend != 0 && !o.standardIO
	return eOK
}

func (n *node) putFilestat(at uint64, o *open) errno {
	buf := n.read(at, 64)
	if buf == nil {
		return eFAULT
	}
	clear(buf)
	buf[16] = o.filetype()
	binary.LittleEndian.PutUint64(buf[24:], 1)
	if o.file != nil {
		binary.LittleEndian.PutUint64(buf[8:], o.file.inode)
		binary.LittleEndian.PutUint64(buf[32:], uint64(len(o.file.data)))
	}
	for _, stamp := range []int{40, 48, 56} {
		binary.LittleEndian.PutUint64(buf[stamp:], uint64(epoch))
	}
	return eOK
}

func fdFilestat(n *node, args []uint64) errno {
	o := n.files.get(args[0])
	if o == nil {
		return eBADF
	}
	return n.putFilestat(args[1], o)
}

func fdSetSize(n *node, args []uint64) errno {
	o, e := n.regular(args[0])
	if e != eOK {
		return e
	}
	size := int64(args[1])
	if size < 0 || size > n.engine.options.Program.memory {
		return eINVAL
	}
	if size <= int64(len(o.file.data)) {
		o.file.data = o.file.data[:size]
	} else {
		o.file.data = append(o.file.data, make([]byte, size-int64(len(o.file.data)))...)
	}
	return eOK
}

func fdPrestat(n *node, args []uint64) errno {
	if uint32(args[0]) != rootFD {
		return eBADF
	}
	if e := n.put32(args[1], 0); e != eOK { // a directory
		return e
	}
	return n.put32(args[1]+4, 1)
}

func fdPrestatName(n *node, args []uint64) errno {
	if uint32(args[0]) != rootFD {
		return eBADF
	}
	if !n.memory.WriteString(uint32(args[1]), "/") {
		return eFAULT
	}
	return eOK
}

func fdSeek(n *node, args []uint64) errno {
	o, e := n.regular(args[0])
	if e != eOK {
		return e
	}
	base := int64(0)
	switch args[2] {
	case 0:
	case 1:
		base = o.offset
	case 2:
		base = int64(len(o.file.data))
	default:
		return eINVAL
	}
	if base += int64(args[1]); base < 0 {
		return eINVAL
	}
	o.offset = base
	return n.put64(args[3], uint64(base))
}

func fdTell(n *node, args []uint64) errno {
	o, e := n.regular(args[0])
	if e != eOK {
		return e
	}
	return n.put64(args[1], uint64(o.offset))
}

// fdReaddir lists a directory from the entry of the given number on.
func fdReaddir(n *node, args []uint64) errno {
	o := n.files.get(args[0])
	switch {
	case o == nil:
		return eBADF
	case o.standardIO || !o.file.isDir():
		return eNOTDIR
	}
	buf := n.read(args[1], args[2])
	if buf == nil && args[2] > 0 {
		return eFAULT
	}
	used := 0
	for i, name := range slices.Sorted(maps.Keys(o.file.entries)) {
		if uint64(i) < args[3] || used == len(buf) {
			continue
		}
		child := o.file.entries[name]
		entry := make([]byte, 24, 24+len(name))
		binary.LittleEndian.PutUint64(entry, uint64(i+1))
		binary.LittleEndian.PutUint64(entry[8:], child.inode)
		binary.LittleEndian.PutUint32(entry[16:], uint32(len(name)))
		entry[20] = (&open{file: child}).filetype()
		used += copy(buf[used:], append(entry, name...)) // one that is cut off is asked for again
	}
	return n.put32(args[4], uint32(used))
}

const (
	createFile = 1 << iota
	mustBeDirectory
	mustNotExist
	truncate
)

func pathOpen(n *node, args []uint64) errno {
	name, e := n.at(args[0], args[2], args[3])
	if e != eOK {
		return e
	}
	flags := args[4]
	f := n.files.root.find(name)
	switch {
	case f == nil && flags&createFile == 0:
		return eNOENT
	case f == nil:
		dir, base, e := n.files.parent(name)
		if e != eOK {
			return e
		}
		f = n.files.create(false)
		dir.entries[base] = f
	case flags&mustNotExist != 0:
		return eEXIST
	case flags&mustBeDirectory != 0 && !f.isDir():
		return eNOTDIR
	}
	if flags&truncate != 0 && !f.isDir() {
		f.data = nil
	}
	for fd := uint32(firstFD); fd < maxFiles; fd++ {
		if n.files.fds[fd] == nil {
			n.files.fds[fd] = &open{file: f, name: name, appending: args[7]&flagAppend != 0}
			return n.put32(args[8], fd)
		}
	}
	return eBADF
}

func pathFilestat(n *node, args []uint64) errno {
	name, e := n.at(args[0], args[2], args[3])
	if e != eOK {
		return e
	}
	f := n.files.root.find(name)
	if f == nil {
		return eNOENT
	}
	return n.putFilestat(args[4], &open{file: f})
}

func pathCreateDirectory(n *node, args []uint64) errno {
	name, e := n.at(args[0], args[1], args[2])
	if e != eOK {
		return e
	}
	if n.files.root.find(name) != nil {
		return eEXIST
	}
	dir, base, e := n.files.parent(name)
	if e == eOK {
		dir.entries[base] = n.files.create(true)
	}
	return e
}

func (n *node) remove(args []uint64, directory bool) errno {
	name, e := n.at(args[0], args[1], args[2])
	if e != eOK {
		return e
	}
	f := n.files.root.find(name)
	switch {
	case f == nil:
		return eNOENT
	case directory && !f.isDir():
		return eNOTDIR
	case !directory && f.isDir():
		return eISDIR
	case len(f.entries) > 0:
		return eNOTEMPTY
	}
	dir, base, e := n.files.parent(name)
	if e == eOK {
		delete(dir.entries, base)
	}
	return e
}

func pathRemoveDirectory(n *node, args []uint64) errno { return n.remove(args, true) }

func pathUnlink(n *node, args []uint64) errno { return n.remove(args, false) }

func pathRename(n *node, args []uint64) errno {
	from, e := n.at(args[0], args[1], args[2])
	if e != eOK {
		return e
	}
	to, e := n.at(args[3], args[4], args[5])
	if e != eOK {
		return e
	}
	f := n.files.root.find(from)
	if f == nil {
		return eNOENT
	}
	if strings.HasPrefix(to+"/", from+"/") && to != from {
		return eINVAL // into itself
	}
	fromDir, fromBase, e := n.files.parent(from)
	if e != eOK {
		return e
	}
	toDir, toBase, e := n.files.parent(to)
	if e != eOK {
		return e
	}
	if old := toDir.entries[toBase]; old != nil && old.isDir() && len(old.entries) > 0 {
		return eNOTEMPTY
	}
	delete(fromDir.entries, fromBase)
	toDir.entries[toBase] = f
	return eOK
}
