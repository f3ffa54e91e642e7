package wasm

import (
	"io"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
)

// The limits of a disk. maxPath and maxName are those of Linux.
const (
	maxPath = 4096 // bytes of a path
	maxName = 255  // bytes of a name in a directory
	maxOpen = 1024 // descriptors
	// entryCost is what a file or directory takes besides its content and its name.
	entryCost = 256
)

// disk is the file system of a node, in memory. At first it has nothing but a directory
// for temporary files. Its content counts towards the memory limit of the node.
type disk struct {
	root  *file
	inode uint64
	limit uint64 // bytes that the disk and the program may have together
	used  uint64 // bytes of the disk
	heap  uint64 // bytes of the program's memory
	fds   map[uint32]*descriptor
}

// file is a file or a directory.
type file struct {
	inode   uint64
	size    int64
	chunks  [][]byte         // of chunkSize bytes each; a shorter one stands for itself and zeros
	entries map[string]*file // of a directory, nil for a file
	linked  bool             // it is in a directory
	opened  int              // descriptors that refer to it
}

// descriptor is an open file.
type descriptor struct {
	file      *file
	path      string // from the root
	offset    int64
	appending bool
	stdio     bool // stdin, stdout or stderr; file is nil
}

// The descriptors that a program begins with.
const (
	stdinFD  = 0
	stdoutFD = 1
	stderrFD = 2
	rootFD   = 3
)

// newDisk returns a disk with nothing but /tmp, which may have limit bytes together with the
// program's memory.
func newDisk(limit uint64) *disk {
	d := &disk{limit: limit}
	d.root = d.create(true)
	d.root.linked = true
	d.link(d.root, "tmp", d.create(true))
	d.fds = map[uint32]*descriptor{}
	d.reset()
	return d
}

// reset closes all descriptors but those that a program begins with.
func (d *disk) reset() {
	for _, fd := range slices.Sorted(maps.Keys(d.fds)) {
		d.close(fd)
	}
	d.fds[stdinFD], d.fds[stdoutFD], d.fds[stderrFD] = &descriptor{stdio: true}, &descriptor{stdio: true}, &descriptor{stdio: true}
	d.root.opened++
	d.fds[rootFD] = &descriptor{file: d.root, path: "/"}
}

// create returns a new file or directory, which is not in any directory yet.
func (d *disk) create(dir bool) *file {
	d.inode++
	f := &file{inode: d.inode}
	if dir {
		f.entries = map[string]*file{}
	}
	return f
}

// room reports whether that many more bytes fit on the disk.
func (d *disk) room(bytes uint64) bool {
	return bytes <= d.limit && d.used+d.heap+bytes <= d.limit
}

// growHeap records that the program's memory has size bytes, and reports false if that
// exceeds the limit.
func (d *disk) growHeap(size uint64) bool {
	if d.used+size > d.limit {
		return false
	}
	d.heap = size
	return true
}

// get returns an open descriptor, nil if there is none of that number.
func (d *disk) get(fd uint32) *descriptor { return d.fds[fd] }

// open returns a new descriptor of a file.
func (d *disk) open(f *file, path string, appending bool) (uint32, errno) {
	for fd := uint32(rootFD + 1); fd < maxOpen; fd++ {
		if d.fds[fd] == nil {
			f.opened++
			d.fds[fd] = &descriptor{file: f, path: path, appending: appending}
			return fd, errnoSuccess
		}
	}
	return 0, errnoMfile
}

// close closes a descriptor.
func (d *disk) close(fd uint32) {
	if f := d.fds[fd].file; f != nil {
		f.opened--
		d.release(f)
	}
	delete(d.fds, fd)
}

// release frees the space of a file that has neither a name nor a descriptor any more.
func (d *disk) release(f *file) {
	if !f.linked && f.opened == 0 {
		d.used -= uint64(f.size)
		f.size, f.chunks = 0, nil
	}
}

// link puts a file into a directory.
func (d *disk) link(dir *file, name string, f *file) errno {
	if !d.room(entryCost + uint64(len(name))) {
		return errnoNospc
	}
	d.used += entryCost + uint64(len(name))
	dir.entries[name] = f
	f.linked = true
	return errnoSuccess
}

// unlink takes a file out of a directory.
func (d *disk) unlink(dir *file, name string) {
	f := dir.entries[name]
	delete(dir.entries, name)
	d.used -= entryCost + uint64(len(name))
	f.linked = false
	d.release(f)
}

// chunkSize is the size of the pieces in which a file is stored, so that a file grows
// without being copied.
const chunkSize = 64 << 10

// resize extends a file with zeros, which count towards the limit, or truncates it.
func (d *disk) resize(f *file, size uint64) errno {
	old := uint64(f.size)
	if size > old {
		if !d.room(size - old) {
			return errnoNospc
		}
		d.used += size - old
		f.size = int64(size)
		return errnoSuccess
	}
	d.used -= old - size
	f.size = int64(size)
	last := int(size / chunkSize)
	if last < len(f.chunks) {
		rest := f.chunks[last]
		f.chunks = f.chunks[: last+1 : last+1]
		f.chunks[last] = rest[:min(len(rest), int(size%chunkSize))]
	}
	return errnoSuccess
}

// ReadAt reads from a file; see io.ReaderAt.
func (f *file) ReadAt(buf []byte, offset int64) (int, error) {
	n := f.readAt(buf, offset)
	if n < len(buf) {
		return n, io.EOF
	}
	return n, nil
}

// readAt reads from a file, and returns how many bytes there were. What was never written is
// zero.
func (f *file) readAt(buf []byte, offset int64) int {
	if offset >= f.size {
		return 0
	}
	buf = buf[:min(int64(len(buf)), f.size-offset)]
	for done := 0; done < len(buf); {
		i, from := int((offset+int64(done))/chunkSize), int((offset+int64(done))%chunkSize)
		part := buf[done:min(len(buf), done+chunkSize-from)]
		n := 0
		if i < len(f.chunks) && from < len(f.chunks[i]) {
			n = copy(part, f.chunks[i][from:])
		}
		clear(part[n:])
		done += len(part)
	}
	return len(buf)
}

// writeAt writes to a file, and extends it if necessary.
func (d *disk) writeAt(f *file, buf []byte, offset int64) (int, errno) {
	if end := uint64(offset) + uint64(len(buf)); end > uint64(f.size) {
		if e := d.resize(f, end); e != errnoSuccess {
			return 0, e
		}
	}
	for done := 0; done < len(buf); {
		i, from := int((offset+int64(done))/chunkSize), int((offset+int64(done))%chunkSize)
		if i >= len(f.chunks) {
			f.chunks = append(f.chunks, make([][]byte, i+1-len(f.chunks))...)
		}
		part := buf[done:min(len(buf), done+chunkSize-from)]
		if lacking := from + len(part) - len(f.chunks[i]); lacking > 0 {
			f.chunks[i] = append(f.chunks[i], make([]byte, lacking)...)
		}
		done += copy(f.chunks[i][from:], part)
	}
	return len(buf), errnoSuccess
}

// isDir reports whether a file is a directory.
func (f *file) isDir() bool { return f.entries != nil }

// find returns the file at a path from the root, nil if there is none.
func (d *disk) find(name string) *file {
	f := d.root
	for part := range strings.SplitSeq(clean(name), "/") {
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

// clean makes a path absolute. There is nothing above the root.
func clean(name string) string { return path.Clean("/" + name) }

// parent returns the directory that holds a path, and the name in it.
func (d *disk) parent(name string) (*file, string, errno) {
	dir, base := d.find(path.Dir(name)), path.Base(name)
	switch {
	case name == "/":
		return nil, "", errnoInval
	case len(base) > maxName:
		return nil, "", errnoNametoolong
	case dir == nil:
		return nil, "", errnoNoent
	case !dir.isDir():
		return nil, "", errnoNotdir
	}
	return dir, base, errnoSuccess
}

// files yields all files that are not empty, sorted by path.
func (d *disk) files() iter.Seq2[string, io.Reader] {
	return func(yield func(string, io.Reader) bool) {
		var walk func(*file, string) bool
		walk = func(dir *file, at string) bool {
			for _, name := range slices.Sorted(maps.Keys(dir.entries)) {
				child, childPath := dir.entries[name], path.Join(at, name)
				if child.isDir() {
					if !walk(child, childPath) {
						return false
					}
				} else if child.size > 0 && !yield(childPath, io.NewSectionReader(child, 0, child.size)) {
					return false
				}
			}
			return true
		}
		walk(d.root, "/")
	}
}
