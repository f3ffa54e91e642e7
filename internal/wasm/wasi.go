package wasm

import (
	"encoding/binary"
	"time"

	"github.com/tetratelabs/wazero/sys"
)

// errno is an error number of wasip1.
type errno uint32

const (
	eOK       errno = 0
	eAGAIN    errno = 6
	eBADF     errno = 8
	eEXIST    errno = 20
	eFAULT    errno = 21
	eINVAL    errno = 28
	eISDIR    errno = 31
	eNOENT    errno = 44
	eNOSYS    errno = 52
	eNOTDIR   errno = 54
	eNOTEMPTY errno = 55
	eSPIPE    errno = 70
)

// functions are those of wasip1 that the host has: clocks, random numbers,
// standard input and output, and a file system in memory.
var functions map[string]hostFunc

func init() { // in a function, since fd_read and the like lead back to it
	functions = map[string]hostFunc{
		"args_get":              texts(func(n *node) []string { return n.args() }),
		"args_sizes_get":        sizes(func(n *node) []string { return n.args() }),
		"environ_get":           texts(func(*node) []string { return environ }),
		"environ_sizes_get":     sizes(func(*node) []string { return environ }),
		"clock_res_get":         clockRes,
		"clock_time_get":        clockTime,
		"poll_oneoff":           pollOneoff,
		"proc_exit":             procExit,
		"random_get":            randomGet,
		"sched_yield":           func(*node, []uint64) errno { return eOK },
		"fd_close":              fdClose,
		"fd_datasync":           fdSync,
		"fd_fdstat_get":         fdStat,
		"fd_fdstat_set_flags":   fdSetFlags,
		"fd_filestat_get":       fdFilestat,
		"fd_filestat_set_size":  fdSetSize,
		"fd_pread":              fdPread,
		"fd_prestat_dir_name":   fdPrestatName,
		"fd_prestat_get":        fdPrestat,
		"fd_pwrite":             fdPwrite,
		"fd_read":               fdRead,
		"fd_readdir":            fdReaddir,
		"fd_seek":               fdSeek,
		"fd_sync":               fdSync,
		"fd_tell":               fdTell,
		"fd_write":              fdWrite,
		"path_create_directory": pathCreateDirectory,
		"path_filestat_get":     pathFilestat,
		"path_open":             pathOpen,
		"path_remove_directory": pathRemoveDirectory,
		"path_rename":           pathRename,
		"path_unlink_file":      pathUnlink,
	}
}

// environ is all that a node finds in its environment.
var environ = []string{"HOME=/", "PWD=/tmp", "TMPDIR=/tmp", "USER=node"}

func (n *node) args() []string { return append([]string{"node"}, n.engine.options.Args...) }

// read returns size bytes of the node's memory, which can be written to, nil if
// they are not all there.
func (n *node) read(at, size uint64) []byte {
	b, ok := n.memory.Read(uint32(at), uint32(size))
	if !ok {
		return nil
	}
	return b
}

func (n *node) put32(at uint64, v uint32) errno {
	if !n.memory.WriteUint32Le(uint32(at), v) {
		return eFAULT
	}
	return eOK
}

func (n *node) put64(at uint64, v uint64) errno {
	if !n.memory.WriteUint64Le(uint32(at), v) {
		return eFAULT
	}
	return eOK
}

// texts writes texts, each ended by a zero byte, and pointers to them.
func texts(list func(*node) []string) hostFunc {
	return func(n *node, args []uint64) errno {
		pointers, buf := args[0], args[1]
		for _, s := range list(n) {
			if !n.memory.WriteString(uint32(buf), s+"\x00") || n.put32(pointers, uint32(buf)) != eOK {
				return eFAULT
			}
			pointers += 4
			buf += uint64(len(s) + 1)
		}
		return eOK
	}
}

func sizes(list func(*node) []string) hostFunc {
	return func(n *node, args []uint64) errno {
		size := 0
		for _, s := range list(n) {
			size += len(s) + 1
		}
		if n.put32(args[0], uint32(len(list(n)))) != eOK {
			return eFAULT
		}
		return n.put32(args[1], uint32(size))
	}
}

const (
	clockRealtime  = 0
	clockMonotonic = 1
)

// epoch is the wall-clock time at which a run begins.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// clockStep is how much later it is after each look at a clock. A program that
// waits by looking at the clock gets somewhere in this way.
const clockStep = 50 * time.Nanosecond

// monotonicStart is what the monotonic clock shows at the start of a run. Go's
// runtime takes 0 for a clock that does not work.
const monotonicStart = int64(time.Second)

// readClock returns what a clock shows, and false for one that a node does not
// have.
func (n *node) readClock(id uint64) (int64, bool) {
	switch uint32(id) {
	case clockRealtime:
		return epoch + int64(n.clock+n.skew), true
	case clockMonotonic:
		return monotonicStart + int64(n.clock), true
	}
	return 0, false
}

func clockTime(n *node, args []uint64) errno {
	n.clock += clockStep
	t, ok := n.readClock(args[0])
	if !ok {
		return eINVAL
	}
	return n.put64(args[2], uint64(t))
}

func clockRes(n *node, args []uint64) errno {
	if _, ok := n.readClock(args[0]); !ok {
		return eINVAL
	}
	return n.put64(args[1], uint64(clockStep))
}

func randomGet(n *node, args []uint64) errno {
	buf := n.read(args[0], args[1])
	if buf == nil && args[1] > 0 {
		return eFAULT
	}
	for i := 0; i < len(buf); i += 8 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], n.random.Uint64())
		copy(buf[i:], word[:])
	}
	return eOK
}

func procExit(_ *node, args []uint64) errno {
	panic(sys.NewExitError(uint32(args[0])))
}

// A subscription of poll_oneoff, and an event that it returns.
const (
	subscriptionSize = 48
	eventSize        = 32

	eventClock  = 0
	eventFDRead = 1
	eventFDWrit = 2
)

// pollOneoff is where a node waits.
func pollOneoff(n *node, args []uint64) errno {
	in, out, count := args[0], args[1], uint64(uint32(args[2]))
	if count == 0 {
		return eINVAL
	}
	subscriptions := n.read(in, count*subscriptionSize)
	if subscriptions == nil {
		return eFAULT
	}
	deadline, forInput, ready := time.Duration(-1), false, false
	for s := subscriptions; len(s) > 0; s = s[subscriptionSize:] {
		switch s[8] {
		case eventClock:
			id := uint64(binary.LittleEndian.Uint32(s[16:]))
			timeout := int64(binary.LittleEndian.Uint64(s[24:]))
			if binary.LittleEndian.Uint16(s[40:])&1 != 0 { // an absolute time
				now, ok := n.readClock(id)
				if !ok {
					return eINVAL
				}
				timeout -= now
			}
			at := n.clock + time.Duration(max(timeout, 0))
			if timeout > int64(time.Hour)*24*365 {
				at = n.clock + 24*365*time.Hour
			}
			if deadline < 0 || at < deadline {
				deadline = at
			}
		case eventFDRead:
			if fd := binary.LittleEndian.Uint32(s[16:]); fd != 0 {
				ready = true // a file always is
			} else if len(n.stdin) > 0 {
				ready = true
			} else {
				forInput = true
			}
		case eventFDWrit:
			ready = true
		default:
			return eINVAL
		}
	}
	if !ready && (deadline < 0 || deadline > n.clock) {
		n.wait(deadline, forInput)
	}
	events := n.read(out, count*eventSize)
	if events == nil {
		return eFAULT
	}
	subscriptions = n.read(in, count*subscriptionSize)
	happened := uint32(0)
	for s := subscriptions; len(s) > 0; s = s[subscriptionSize:] {
		e := events[happened*eventSize:][:eventSize]
		clear(e)
		copy(e, s[:8]) // what the program calls it
		e[10] = s[8]
		switch s[8] {
		case eventClock:
			if deadline > n.clock {
				continue
			}
		case eventFDRead:
			if fd := binary.LittleEndian.Uint32(s[16:]); fd == 0 && len(n.stdin) == 0 {
				continue
			}
			binary.LittleEndian.PutUint64(e[16:], uint64(max(len(n.stdin), 1)))
		case eventFDWrit:
			binary.LittleEndian.PutUint64(e[16:], 64<<10)
		}
		happened++
	}
	return n.put32(args[3], happened)
}
