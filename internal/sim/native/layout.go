//go:build linux && (amd64 || arm64)

package native

import "unsafe"

// The layout of the memory that host and node share: a header, the input for the
// node's stdin, and its output. overlay/source/runtime.go.txt has the same constants.
const (
	headerSize = 4096
	inSize     = 256 << 10
	outSize    = 256 << 10
)

// What a node reports.
const (
	reportIdle     = 1 // nothing can run before the deadline or input
	reportFull     = 2 // the output buffer is full
	reportOverflow = 3 // it needs more memory than it may have; it exits
	reportCount    = 4 // asks the host to count the bytes of the node's files
)

// header is the beginning of the shared memory.
type header struct {
	// The host writes these.
	clock  int64 // nanoseconds since the beginning of the run; the node may advance it
	wall   int64 // what the wall clock shows at clock 0, in Unix nanoseconds
	epoch  int64 // the time of all files, in Unix nanoseconds
	memory uint64
	pid    uint64
	yields uint64 // probability, times 1<<32, that a goroutine gives way where it could
	trace  uint64 // not 0: report on stderr where goroutines give way, and what they print
	seed   [32]byte
	inLen  uint64

	// The node writes these.
	inPos    uint64 // how much of the input it has read
	outLen   uint64
	deadline int64 // on clock, -1 for none
	waiting  uint64
	report   uint64
	files    uint64 // upper bound of the bytes of its files; the host writes it as well
	fired    uint64 // timers that fired in this step; the host sets it to 0

	root [2048]byte // path of the directory that is the node's root, zero-terminated
}

var _ [headerSize - unsafe.Sizeof(header{})]byte

// frameHead is the size of what precedes a text that the node printed: length and
// stream as 32 bits, and the time as 64 bits. The text is padded to a multiple of
// frameAlign.
const (
	frameHead  = 16
	frameAlign = 8
)
