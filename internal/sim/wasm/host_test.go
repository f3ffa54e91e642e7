package wasm

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/experimental/wazerotest"
	"github.com/tetratelabs/wazero/sys"

	"glomers/internal/sim"
)

// host is a guest without a program: the tests make its calls.
type host struct {
	*guest
	t       testing.TB
	printed [2][]byte
}

// Where the tests keep what they pass to calls. The memory is one page.
const (
	resultAt = 0x10  // what a call returns
	vectorAt = 0x100 // a list of buffers
	textAt   = 0x200 // a path
	otherAt  = 0x1800
	bufferAt = 0x2000
	pollAt   = 0x4000 // subscriptions
	eventAt  = 0x8000
	pageSize = 1 << 16
	outside  = pageSize - 2 // an address at which four bytes are not all in the memory
	beyond   = math.MaxUint32 - 2
)

func newHost(t testing.TB) *host {
	h := &host{t: t}
	h.guest = &guest{
		program: &Program{fuelPerStep: fuelPerStep},
		ctx:     context.Background(), disk: newDisk(1 << 20), memory: wazerotest.NewFixedMemory(pageSize), step: step{tick: clockStep},
		boot: sim.Boot{
			Args: []string{"-x", ""}, PID: 4711, Random: rand.New(rand.NewPCG(1, 2)),
			Output: func(o sim.Output) error {
				h.printed[o.Stream] = append(h.printed[o.Stream], o.Data...)
				return nil
			},
		},
		yield: func(struct{}) bool { t.Error("the guest waits"); return false },
	}
	return h
}

// call makes a call. The upper halves of its i32 are garbage, as they may be.
func (h *host) call(name string, args ...uint64) errno {
	h.t.Helper()
	f, ok := functions[name]
	if !ok {
		h.t.Fatalf("there is no function %s", name)
	}
	stack := make([]uint64, max(len(args), 1))
	copy(stack, args)
	for i, p := range f.params {
		if p == i32 && i < len(stack) {
			stack[i] |= 0xDEADBEEF << 32
		}
	}
	return f.call(h.guest, stack)
}

// want makes a call that returns e.
func (h *host) want(e errno, name string, args ...uint64) {
	h.t.Helper()
	if got := h.call(name, args...); got != e {
		h.t.Errorf("%s%d is %d, want %d", name, args, got, e)
	}
}

func (h *host) u32(at uint32) uint32 {
	v, _ := h.memory.ReadUint32Le(at)
	return v
}

func (h *host) u64(at uint32) uint64 {
	v, _ := h.memory.ReadUint64Le(at)
	return v
}

func (h *host) text(at, size uint32) string {
	b, _ := h.memory.Read(at, size)
	return string(b)
}

// path writes a path to the memory and returns its address and its size.
func (h *host) path(at uint32, name string) (uint64, uint64) {
	h.memory.WriteString(at, name)
	return uint64(at), uint64(len(name))
}

// vector writes a list of one buffer with a text and returns its address.
func (h *host) vector(text string) uint64 {
	h.memory.WriteString(bufferAt, text)
	h.memory.WriteUint32Le(vectorAt, bufferAt)
	h.memory.WriteUint32Le(vectorAt+4, uint32(len(text)))
	return vectorAt
}

// open opens a file and returns its descriptor.
func (h *host) open(name string, flags uint64) uint64 {
	h.t.Helper()
	at, size := h.path(textAt, name)
	h.want(errnoSuccess, "path_open", rootFD, 0, at, size, flags, 0, 0, 0, resultAt)
	return uint64(h.u32(resultAt))
}

func (h *host) write(fd uint64, text string) {
	h.t.Helper()
	h.want(errnoSuccess, "fd_write", fd, h.vector(text), 1, resultAt)
	if got := h.u32(resultAt); got != uint32(len(text)) {
		h.t.Errorf("%d bytes were written, want %d", got, len(text))
	}
}

// content returns what is in a file.
func (h *host) content(name string) string {
	f := h.disk.find(name)
	if f == nil {
		return "no such file"
	}
	b, err := io.ReadAll(io.NewSectionReader(f, 0, f.size))
	if err != nil {
		h.t.Error(err)
	}
	return string(b)
}

func TestArgsAndEnviron(t *testing.T) {
	h := newHost(t)
	h.want(errnoSuccess, "args_sizes_get", 0, 4)
	if h.u32(0) != 3 || h.u32(4) != uint32(len("node\x00-x\x00\x00")) {
		t.Errorf("there are %d arguments of %d bytes", h.u32(0), h.u32(4))
	}
	h.want(errnoSuccess, "args_get", vectorAt, bufferAt)
	if got := h.text(bufferAt, 9); got != "node\x00-x\x00\x00" {
		t.Errorf("the arguments are %q", got)
	}
	if h.u32(vectorAt) != bufferAt || h.u32(vectorAt+4) != bufferAt+5 || h.u32(vectorAt+8) != bufferAt+8 {
		t.Error("the addresses of the arguments are wrong")
	}
	h.want(errnoSuccess, "environ_sizes_get", 0, 4)
	h.want(errnoSuccess, "environ_get", vectorAt, bufferAt)
	last := h.u32(vectorAt + 4*(h.u32(0)-1))
	if got := h.text(last, 16); got != "GLOMERS_PID=4711" {
		t.Errorf("the environment ends with %q", got)
	}
	for _, f := range []string{"args_get", "args_sizes_get", "environ_get", "environ_sizes_get"} {
		h.want(errnoFault, f, outside, 0)
		h.want(errnoFault, f, 0, outside)
		h.want(errnoFault, f, beyond, beyond)
	}
}

func TestClocks(t *testing.T) {
	h := newHost(t)
	h.clock, h.skew = time.Hour, -time.Minute
	h.want(errnoSuccess, "clock_time_get", clockRealtime, 0, 0)
	if got, want := time.Unix(0, int64(h.u64(0))), sim.Epoch.Add(time.Hour-time.Minute+clockStep); !got.Equal(want) {
		t.Errorf("the wall clock shows %v, want %v", got, want)
	}
	h.want(errnoSuccess, "clock_time_get", clockMonotonic, 0, 0)
	if got, want := time.Duration(h.u64(0)), monotonicStart+time.Hour+2*clockStep; got != want {
		t.Errorf("the monotonic clock shows %v, want %v", got, want)
	}
	h.want(errnoSuccess, "clock_res_get", clockMonotonic, 0)
	if h.u64(0) != uint64(clockStep) {
		t.Errorf("the resolution is %d", h.u64(0))
	}
	h.want(errnoInval, "clock_time_get", 2, 0, 0)
	h.want(errnoInval, "clock_res_get", math.MaxUint32, 0)
	h.want(errnoFault, "clock_time_get", 0, 0, outside)
	h.want(errnoFault, "clock_res_get", 0, beyond)

	// Waiting by looking at the clock reaches an hour long before the fuel is gone.
	h.step = step{tick: clockStep}
	for begin := h.clock; h.clock < begin+time.Hour; {
		h.want(errnoSuccess, "clock_time_get", clockMonotonic, 0, 0)
	}
	if h.step.looks > 500_000 {
		t.Errorf("an hour takes %d looks", h.step.looks)
	}
}

func TestRandomGet(t *testing.T) {
	h := newHost(t)
	h.want(errnoSuccess, "random_get", bufferAt, 11)
	if got := h.text(bufferAt, 12); got[10] == 0 && got[9] == 0 || got[11] != 0 {
		t.Errorf("the eleven bytes are %q", got)
	}
	h.want(errnoSuccess, "random_get", 0, 0)
	h.want(errnoFault, "random_get", 1, pageSize)
	h.want(errnoFault, "random_get", beyond, math.MaxUint32)
}

func TestSchedYieldAndProcExit(t *testing.T) {
	h := newHost(t)
	h.want(errnoSuccess, "sched_yield")
	defer func() {
		err, ok := recover().(error)
		var exit *sys.ExitError
		if !ok || !errors.As(err, &exit) || exit.ExitCode() != 7 {
			t.Errorf("the panic is %v, want exit status 7", err)
		}
	}()
	h.call("proc_exit", 7)
}

// subscribe writes a subscription.
func (h *host) subscribe(i int, kind byte, fd uint32, timeout uint64, flags uint16) {
	b, _ := h.memory.Read(uint32(pollAt+i*subscriptionSize), subscriptionSize)
	clear(b)
	binary.LittleEndian.PutUint64(b[subscriptionUserdata:], uint64(100+i))
	b[subscriptionType] = kind
	binary.LittleEndian.PutUint32(b[subscriptionFD:], fd)
	binary.LittleEndian.PutUint64(b[subscriptionClockTimeout:], timeout)
	binary.LittleEndian.PutUint16(b[subscriptionClockFlags:], flags)
}

// poll polls and returns the events: what the guest calls each.
func (h *host) poll(count int) []uint64 {
	h.t.Helper()
	h.want(errnoSuccess, "poll_oneoff", pollAt, eventAt, uint64(count), resultAt)
	var happened []uint64
	for i := range h.u32(resultAt) {
		happened = append(happened, h.u64(eventAt+i*eventSize+eventUserdata))
	}
	return happened
}

// waiting lets the guest wait once, and then does f.
func (h *host) waiting(f func(sim.Wait)) {
	h.yield = func(struct{}) bool { f(h.waits); return true }
}

func TestPollWaitsForTheFirst(t *testing.T) {
	h := newHost(t)
	h.subscribe(0, eventClock, clockMonotonic, uint64(time.Second), 0)
	h.subscribe(1, eventFDRead, stdinFD, 0, 0)
	h.subscribe(2, eventClock, clockMonotonic, uint64(time.Minute), 0)
	h.waiting(func(w sim.Wait) {
		if w.Deadline != time.Second || !w.Input {
			t.Errorf("the guest waits for %+v", w)
		}
		h.clock = w.Deadline
	})
	if got := h.poll(3); !slices.Equal(got, []uint64{100}) {
		t.Errorf("the events are %d, want the first clock alone", got)
	}
	h.waiting(func(sim.Wait) { h.stdin = []byte("line\n") })
	if got := h.poll(3); !slices.Equal(got, []uint64{101}) || h.u64(eventAt+eventBytes) != 5 {
		t.Errorf("the events are %d with %d bytes, want five bytes of input", got, h.u64(eventAt+eventBytes))
	}
	h.waiting(func(sim.Wait) { t.Error("the guest waits though there is input") })
	if got := h.poll(3); !slices.Equal(got, []uint64{101}) {
		t.Errorf("the events are %d", got)
	}
}

func TestPollTimeouts(t *testing.T) {
	tests := map[string]struct {
		clock   uint32
		timeout uint64
		flags   uint16
		want    time.Duration // the deadline, at one hour; 0 if the guest must not wait
	}{
		"relative":           {clockMonotonic, uint64(time.Second), 0, time.Hour + time.Second},
		"relative wall":      {clockRealtime, uint64(time.Second), 0, time.Hour + time.Second},
		"nothing":            {clockMonotonic, 0, 0, 0},
		"absolute":           {clockMonotonic, uint64(monotonicStart + 2*time.Hour), clockFlagAbstime, 2 * time.Hour},
		"absolute wall":      {clockRealtime, epoch + uint64(2*time.Hour), clockFlagAbstime, 2 * time.Hour},
		"absolute and past":  {clockMonotonic, 5, clockFlagAbstime, 0},
		"never":              {clockMonotonic, math.MaxUint64, 0, sim.Never},
		"absolute and never": {clockRealtime, math.MaxUint64, clockFlagAbstime, sim.Never},
		"just too far":       {clockMonotonic, uint64(math.MaxInt64-time.Hour) + 1, 0, sim.Never},
		"just near enough":   {clockMonotonic, uint64(math.MaxInt64 - time.Hour), 0, math.MaxInt64},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			h := newHost(t)
			h.clock = time.Hour
			h.subscribe(0, eventClock, test.clock, test.timeout, test.flags)
			h.subscribe(1, eventFDRead, stdinFD, 0, 0)
			waited := time.Duration(0)
			h.waiting(func(w sim.Wait) { waited = w.Deadline; h.stdin = []byte("x") })
			h.poll(2)
			if waited != test.want {
				t.Errorf("the deadline is %v, want %v", waited, test.want)
			}
		})
	}
}

func TestPollHostile(t *testing.T) {
	h := newHost(t)
	h.want(errnoInval, "poll_oneoff", pollAt, eventAt, 0, resultAt)
	h.want(errnoFault, "poll_oneoff", pollAt, eventAt, math.MaxUint32, resultAt)
	// So many that their size wraps in 32 bits.
	h.want(errnoFault, "poll_oneoff", pollAt, eventAt, (1<<32)/subscriptionSize+1, resultAt)
	h.want(errnoFault, "poll_oneoff", pollAt, eventAt, 1<<28, resultAt)
	h.subscribe(0, eventClock, clockMonotonic, 0, 0)
	h.want(errnoFault, "poll_oneoff", outside, eventAt, 1, resultAt)
	h.want(errnoFault, "poll_oneoff", pollAt, outside, 1, resultAt)
	h.want(errnoFault, "poll_oneoff", pollAt, eventAt, 1, outside)
	h.subscribe(0, 3, 0, 0, 0)
	h.want(errnoInval, "poll_oneoff", pollAt, eventAt, 1, resultAt)
	h.subscribe(0, eventClock, 9, 0, 0)
	h.want(errnoInval, "poll_oneoff", pollAt, eventAt, 1, resultAt)

	// A descriptor that is not open is an event with an error.
	h.subscribe(0, eventFDRead, 99, 0, 0)
	h.subscribe(1, eventFDWrite, stdoutFD, 0, 0)
	if got := h.poll(2); !slices.Equal(got, []uint64{100, 101}) {
		t.Errorf("the events are %d", got)
	}
	if e := binary.LittleEndian.Uint16([]byte(h.text(eventAt+eventErrno, 2))); errno(e) != errnoBadf {
		t.Errorf("the error of the first event is %d, want %d", e, errnoBadf)
	}
}

func TestStandardStreams(t *testing.T) {
	h := newHost(t)
	h.write(stdoutFD, "out")
	h.write(stderrFD, "err")
	if string(h.printed[sim.Stdout]) != "out" || string(h.printed[sim.Stderr]) != "err" {
		t.Errorf("printed %q", h.printed)
	}
	h.vector("0123")
	h.waiting(func(w sim.Wait) {
		if w.Deadline != sim.Never || !w.Input {
			t.Errorf("the guest waits for %+v, want input", w)
		}
		h.stdin = []byte("abcdef")
	})
	h.want(errnoSuccess, "fd_read", stdinFD, vectorAt, 1, resultAt)
	if h.u32(resultAt) != 4 || h.text(bufferAt, 4) != "abcd" || string(h.stdin) != "ef" {
		t.Errorf("read %q of %d bytes, left %q", h.text(bufferAt, 4), h.u32(resultAt), h.stdin)
	}
	h.stdin = nil
	h.want(errnoSuccess, "fd_fdstat_get", stdinFD, otherAt)
	if h.text(otherAt+fdstatFlags, 1)[0]&fdflagNonblock == 0 {
		t.Error("stdin blocks, so that Go's runtime would not poll it")
	}
	h.want(errnoAgain, "fd_read", stdinFD, vectorAt, 1, resultAt)
	h.want(errnoSpipe, "fd_seek", stdinFD, 0, whenceSet, resultAt)
	h.want(errnoSpipe, "fd_tell", stdoutFD, resultAt)
	h.want(errnoSpipe, "fd_read", stdoutFD, vectorAt, 1, resultAt)
	h.want(errnoSpipe, "fd_write", stdinFD, vectorAt, 1, resultAt)
	h.want(errnoSpipe, "fd_pread", stdinFD, vectorAt, 1, 0, resultAt)
	h.want(errnoNotdir, "fd_readdir", stdinFD, bufferAt, 100, 0, resultAt)
	h.want(errnoSuccess, "fd_filestat_get", stdinFD, bufferAt)
	h.want(errnoSuccess, "fd_close", stdoutFD)
	h.want(errnoBadf, "fd_write", stdoutFD, vectorAt, 1, resultAt)
}

func TestRefusedOutputEndsTheGuest(t *testing.T) {
	h := newHost(t)
	refused := errors.New("floods")
	h.boot.Output = func(sim.Output) error { return refused }
	defer func() {
		err, ok := recover().(error)
		if !ok || !errors.Is(err, refused) {
			t.Errorf("the panic is %v, want %v", err, refused)
		}
	}()
	h.write(stdoutFD, "x")
}

func TestFiles(t *testing.T) {
	h := newHost(t)
	fd := h.open("tmp/a", oflagCreat)
	h.write(fd, "hello")
	h.want(errnoSuccess, "fd_tell", fd, resultAt)
	if h.u64(resultAt) != 5 {
		t.Errorf("the offset is %d", h.u64(resultAt))
	}
	h.want(errnoSuccess, "fd_seek", fd, math.MaxUint64, whenceCurrent, resultAt) // −1
	h.write(fd, "ps")
	h.want(errnoSuccess, "fd_pwrite", fd, h.vector("H"), 1, 0, resultAt)
	if got := h.content("/tmp/a"); got != "Hellps" {
		t.Errorf("the file is %q", got)
	}
	h.vector("12345678")
	h.want(errnoSuccess, "fd_pread", fd, vectorAt, 1, 3, resultAt)
	if h.u32(resultAt) != 3 || h.text(bufferAt, 3) != "lps" {
		t.Errorf("read %q", h.text(bufferAt, h.u32(resultAt)))
	}
	h.want(errnoSuccess, "fd_pread", fd, vectorAt, 1, 100, resultAt)
	if h.u32(resultAt) != 0 {
		t.Error("something was read after the end")
	}
	h.want(errnoSuccess, "fd_filestat_set_size", fd, 2)
	h.want(errnoSuccess, "fd_filestat_set_size", fd, 4)
	if got := h.content("/tmp/a"); got != "He\x00\x00" {
		t.Errorf("after it was cut to two bytes and made four long, the file is %q", got)
	}
	h.want(errnoSuccess, "fd_fdstat_set_flags", fd, fdflagAppend)
	h.want(errnoSuccess, "fd_seek", fd, 0, whenceSet, resultAt)
	h.write(fd, "!")
	if got := h.content("/tmp/a"); got != "He\x00\x00!" {
		t.Errorf("appending gives %q", got)
	}
	h.want(errnoSuccess, "fd_filestat_get", fd, bufferAt)
	if h.u64(bufferAt+filestatFileSize) != 5 || h.u64(bufferAt+filestatModifyTime) != epoch {
		t.Error("the state of the file is wrong")
	}
	h.want(errnoSuccess, "fd_sync", fd)
	h.want(errnoSuccess, "fd_datasync", fd)
	h.want(errnoSuccess, "fd_close", fd)
	h.want(errnoBadf, "fd_close", fd)
	again := h.open("/tmp/../tmp/./a", oflagTrunc)
	if h.content("/tmp/a") != "" || h.disk.used != 2*entryCost+uint64(len("tmp"+"a")) {
		t.Errorf("an empty file takes %d bytes", h.disk.used)
	}
	h.want(errnoSuccess, "fd_close", again)
}

func TestFilesHostile(t *testing.T) {
	h := newHost(t)
	fd := h.open("a", oflagCreat)
	h.vector("text")
	for _, f := range []string{"fd_read", "fd_write"} {
		h.want(errnoBadf, f, 99, vectorAt, 1, resultAt)
		h.want(errnoIsdir, f, rootFD, vectorAt, 1, resultAt)
		h.want(errnoInval, f, fd, vectorAt, maxVectors+1, resultAt)
		h.want(errnoInval, f, fd, vectorAt, math.MaxUint32, resultAt)
		h.want(errnoFault, f, fd, outside, 1, resultAt)
		h.want(errnoFault, f, fd, beyond, 1, resultAt)
		h.want(errnoFault, f, fd, vectorAt, 1, outside)
	}
	h.memory.WriteUint32Le(vectorAt+vectorLen, math.MaxUint32) // a buffer that ends beyond the memory
	h.want(errnoFault, "fd_write", fd, vectorAt, 1, resultAt)
	h.want(errnoFault, "fd_write", stdoutFD, vectorAt, 1, resultAt)
	if h.content("/a") != "" {
		t.Error("a call that failed wrote something")
	}
	h.vector("text")
	h.want(errnoInval, "fd_pread", fd, vectorAt, 1, math.MaxUint64, resultAt)
	h.want(errnoInval, "fd_pwrite", fd, vectorAt, 1, 1<<63, resultAt)
	h.want(errnoNospc, "fd_pwrite", fd, vectorAt, 1, 1<<42, resultAt)
	h.want(errnoNospc, "fd_pwrite", fd, vectorAt, 1, math.MaxInt64, resultAt)
	h.want(errnoNospc, "fd_filestat_set_size", fd, 1<<20)
	h.want(errnoNospc, "fd_filestat_set_size", fd, math.MaxUint64)
	h.want(errnoBadf, "fd_filestat_set_size", 99, 0)
	h.want(errnoInval, "fd_seek", fd, 1<<63, whenceSet, resultAt)
	h.want(errnoInval, "fd_seek", fd, 0, 3, resultAt)
	h.want(errnoFault, "fd_seek", fd, 7, whenceSet, outside)
	h.want(errnoSuccess, "fd_seek", fd, math.MaxInt64, whenceSet, resultAt)
	h.want(errnoInval, "fd_seek", fd, 1, whenceCurrent, resultAt)
	h.want(errnoNospc, "fd_write", fd, vectorAt, 1, resultAt)
	h.want(errnoFault, "fd_fdstat_get", fd, outside)
	h.want(errnoFault, "fd_filestat_get", fd, beyond)
	h.want(errnoFault, "fd_tell", fd, outside)
	for _, f := range []string{"fd_close", "fd_sync", "fd_datasync", "fd_fdstat_get", "fd_fdstat_set_flags", "fd_filestat_get", "fd_tell", "fd_prestat_get", "fd_prestat_dir_name"} {
		h.want(errnoBadf, f, 99, 0, 0)
	}
}

// TestDiskIsLimited: content, holes and empty files count, and what is removed
// counts no more once it is closed.
func TestDiskIsLimited(t *testing.T) {
	h := newHost(t)
	fd := h.open("a", oflagCreat)
	used := h.disk.used
	h.want(errnoSuccess, "fd_filestat_set_size", fd, 1<<19)
	if !h.disk.growHeap(h.disk.limit - h.disk.used) {
		t.Error("the memory cannot take what the disk leaves")
	}
	h.want(errnoNospc, "fd_filestat_set_size", fd, 1<<19+1)
	if h.disk.growHeap(h.disk.limit - h.disk.used + 1) {
		t.Error("memory and disk together take more than the limit")
	}
	at, size := h.path(textAt, "a")
	h.want(errnoSuccess, "path_unlink_file", rootFD, at, size)
	if h.disk.used < 1<<19 {
		t.Error("a removed file that is open takes nothing")
	}
	h.want(errnoSuccess, "fd_close", fd)
	if want := used - entryCost - 1; h.disk.used != want {
		t.Errorf("the disk takes %d bytes after the file was removed, want %d", h.disk.used, want)
	}
	if !h.disk.growHeap(h.disk.limit - h.disk.used) {
		t.Error("what the file took is not free")
	}
	h.want(errnoNospc, "path_create_directory", rootFD, at, size)
	h.want(errnoNospc, "path_open", rootFD, 0, at, size, oflagCreat, 0, 0, 0, resultAt)
}

// TestPathsTakeFuel: a guest that makes empty files without end spends about as much
// fuel for the time that they take as one that computes.
func TestPathsTakeFuel(t *testing.T) {
	h := newHost(t)
	at, size := h.path(textAt, "nowhere")
	const calls = 100
	for range calls {
		h.want(errnoNoent, "path_unlink_file", rootFD, at, size)
	}
	if spent := h.step.spent; spent < calls*unitsPerPath {
		t.Errorf("%d calls spent %d units of fuel, want %d or more", calls, spent, calls*unitsPerPath)
	}
}

func TestDescriptorsRunOut(t *testing.T) {
	h := newHost(t)
	var last uint64
	for len(h.disk.fds) < maxOpen {
		last = h.open("a", oflagCreat)
	}
	at, size := h.path(textAt, "b")
	h.want(errnoMfile, "path_open", rootFD, 0, at, size, oflagCreat, 0, 0, 0, resultAt)
	if h.disk.find("/b") != nil {
		t.Error("the file that could not be opened was created")
	}
	h.want(errnoSuccess, "fd_close", last)
	if got := h.open("b", oflagCreat); got != last {
		t.Errorf("the next descriptor is %d, want %d", got, last)
	}
}

func TestPaths(t *testing.T) {
	h := newHost(t)
	mkdir := func(name string) errno {
		at, size := h.path(textAt, name)
		return h.call("path_create_directory", rootFD, at, size)
	}
	if mkdir("d") != errnoSuccess || mkdir("d") != errnoExist || mkdir("no/d") != errnoNoent {
		t.Error("directories are not made as they should")
	}
	h.write(h.open("d/f", oflagCreat), "x")
	tests := []struct {
		call string
		path string
		want errno
	}{
		{"path_create_directory", "d/f/e", errnoNotdir},
		{"path_create_directory", "", errnoNoent},
		{"path_create_directory", string(make([]byte, maxPath+1)), errnoNametoolong},
		{"path_create_directory", string(make([]byte, maxName+1)), errnoNametoolong},
		{"path_unlink_file", "d", errnoIsdir},
		{"path_unlink_file", "none", errnoNoent},
		{"path_remove_directory", "d", errnoNotempty},
		{"path_remove_directory", "d/f", errnoNotdir},
		{"path_remove_directory", "/", errnoNotempty},
		{"path_unlink_file", "d/f", errnoSuccess},
		{"path_remove_directory", "d", errnoSuccess},
		{"path_remove_directory", "tmp", errnoSuccess},
		{"path_remove_directory", "/", errnoInval},
	}
	for _, test := range tests {
		at, size := h.path(textAt, test.path)
		h.want(test.want, test.call, rootFD, at, size)
	}
	at, size := h.path(textAt, "x")
	for _, call := range []string{"path_create_directory", "path_unlink_file", "path_remove_directory"} {
		h.want(errnoBadf, call, 99, at, size)
		h.want(errnoNotdir, call, stdinFD, at, size)
		h.want(errnoFault, call, rootFD, outside, 4)
		h.want(errnoNametoolong, call, rootFD, 0, math.MaxUint32)
	}
	h.want(errnoNoent, "path_filestat_get", rootFD, 0, at, size, bufferAt)
	h.open("x", oflagCreat|oflagExcl)
	h.want(errnoSuccess, "path_filestat_get", rootFD, 0, at, size, bufferAt)
	h.want(errnoFault, "path_filestat_get", rootFD, 0, at, size, outside)
	h.want(errnoExist, "path_open", rootFD, 0, at, size, oflagCreat|oflagExcl, 0, 0, 0, resultAt)
	h.want(errnoNotdir, "path_open", rootFD, 0, at, size, oflagDirectory, 0, 0, 0, resultAt)
	h.want(errnoFault, "path_open", rootFD, 0, at, size, 0, 0, 0, 0, outside)
}

// TestRename follows the table of errors of POSIX's rename.
func TestRename(t *testing.T) {
	for _, test := range []struct {
		from, to string
		want     errno
	}{
		{"file", "new", errnoSuccess},
		{"file", "file2", errnoSuccess},
		{"file", "file", errnoSuccess},
		{"dir", "new", errnoSuccess},
		{"dir", "empty", errnoSuccess},
		{"file", "empty", errnoIsdir},
		{"file", "dir", errnoIsdir},
		{"dir", "file", errnoNotdir},
		{"empty", "dir", errnoNotempty},
		{"dir", "dir/sub", errnoInval},
		{"none", "new", errnoNoent},
		{"file", "none/new", errnoNoent},
		{"file", "file2/new", errnoNotdir},
		{"/", "new", errnoInval},
	} {
		t.Run(test.from+" to "+test.to, func(t *testing.T) {
			h := newHost(t)
			for _, name := range []string{"dir", "empty"} {
				at, size := h.path(textAt, name)
				h.want(errnoSuccess, "path_create_directory", rootFD, at, size)
			}
			for _, name := range []string{"file", "file2", "dir/inner"} {
				fd := h.open(name, oflagCreat)
				h.write(fd, name)
				h.want(errnoSuccess, "fd_close", fd)
			}
			from, fromSize := h.path(textAt, test.from)
			to, toSize := h.path(otherAt, test.to)
			h.want(test.want, "path_rename", rootFD, from, fromSize, rootFD, to, toSize)
			if test.want != errnoSuccess {
				for _, name := range []string{"file", "file2", "dir/inner"} {
					if got := h.content(name); got != name {
						t.Errorf("after the error, %s is %q", name, got)
					}
				}
				return
			}
			if test.from == "file" && h.content(test.to) != "file" {
				t.Errorf("%s is %q", test.to, h.content(test.to))
			}
			if test.from == "dir" && h.content(test.to+"/inner") != "dir/inner" {
				t.Errorf("%s does not hold what the directory held", test.to)
			}
			if test.from != test.to && h.disk.find(test.from) != nil {
				t.Errorf("%s is still there", test.from)
			}
		})
	}
	h := newHost(t)
	at, size := h.path(textAt, "x")
	h.want(errnoBadf, "path_rename", 99, at, size, rootFD, at, size)
	h.want(errnoBadf, "path_rename", rootFD, at, size, 99, at, size)
	h.want(errnoFault, "path_rename", rootFD, at, size, rootFD, outside, 4)
}

func TestReaddir(t *testing.T) {
	h := newHost(t)
	for _, name := range []string{"bb", "a", "ccc"} {
		h.want(errnoSuccess, "fd_close", h.open(name, oflagCreat))
	}
	list := func(cookie, size uint64) []string {
		h.want(errnoSuccess, "fd_readdir", rootFD, bufferAt, size, cookie, resultAt)
		var names []string
		for at, end := uint32(bufferAt), bufferAt+h.u32(resultAt); at+direntSize <= end; {
			length := h.u32(at + direntNameSize)
			if at+direntSize+length > end {
				break // cut off
			}
			names = append(names, h.text(at+direntSize, length))
			at += direntSize + length
		}
		return names
	}
	if got := list(0, 1000); !slices.Equal(got, []string{"a", "bb", "ccc", "tmp"}) {
		t.Errorf("the root holds %q", got)
	}
	if got := list(2, 1000); !slices.Equal(got, []string{"ccc", "tmp"}) {
		t.Errorf("from the second entry on, the root holds %q", got)
	}
	if got := list(0, 2*direntSize+2); !slices.Equal(got, []string{"a"}) || h.u32(resultAt) != 2*direntSize+2 {
		t.Errorf("a short buffer of %d bytes holds %q", h.u32(resultAt), got)
	}
	if got := list(math.MaxUint64, 1000); len(got) > 0 {
		t.Errorf("after the end there is %q", got)
	}
	h.want(errnoBadf, "fd_readdir", 99, bufferAt, 100, 0, resultAt)
	h.want(errnoFault, "fd_readdir", rootFD, outside, 100, 0, resultAt)
	h.want(errnoFault, "fd_readdir", rootFD, 0, math.MaxUint32, 0, resultAt)
	h.want(errnoFault, "fd_readdir", rootFD, bufferAt, 100, 0, outside)
}

func TestPrestat(t *testing.T) {
	h := newHost(t)
	h.want(errnoSuccess, "fd_prestat_get", rootFD, 0)
	if h.u32(prestatType) != preopentypeDir || h.u32(prestatNameSize) != 1 {
		t.Error("the root is not a directory with a name of one byte")
	}
	h.want(errnoSuccess, "fd_prestat_dir_name", rootFD, bufferAt, 1)
	if h.text(bufferAt, 1) != "/" {
		t.Error("the root is not /")
	}
	h.want(errnoNametoolong, "fd_prestat_dir_name", rootFD, bufferAt, 0)
	h.want(errnoFault, "fd_prestat_dir_name", rootFD, beyond, 1)
	h.want(errnoFault, "fd_prestat_get", rootFD, outside)
	h.want(errnoBadf, "fd_prestat_get", rootFD+1, 0)
}

// FuzzHost makes any calls with any arguments. No call may panic, unless to end
// the guest, or make the disk larger than its limit.
func FuzzHost(f *testing.F) {
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range functions {
			if !yield(name) {
				return
			}
		}
	})
	for i := range names {
		f.Add([]byte{byte(i), 3, 0, 1, 2, 4, 8, 16, 32, 200})
	}
	interesting := []uint64{
		0, 1, 2, 3, 4, 5, 16, vectorAt, textAt, bufferAt, pollAt, eventAt, outside, beyond, 1 << 20, 1 << 28, 1<<31 - 1, 1 << 31, math.MaxUint32,
		1 << 42, math.MaxInt64, 1 << 63, math.MaxUint64,
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		h := newHost(t)
		h.yield = func(struct{}) bool { // whatever it waits for comes
			h.clock, h.stdin = max(h.clock, h.waits.Deadline), []byte("x\n")
			return true
		}
		h.memory.Write(textAt, script)
		h.memory.Write(vectorAt, script)
		h.memory.Write(pollAt, script)
		h.path(textAt, "tmp/x")
		h.vector("some text")
		defer func() {
			err, ok := recover().(error)
			var exit *sys.ExitError
			if ok && !errors.As(err, &exit) && !errors.Is(err, errFuel) {
				t.Fatal(err)
			}
		}()
		for len(script) > 0 {
			name := names[int(script[0])%len(names)]
			script = script[1:]
			args := make([]uint64, len(functions[name].params))
			for i := range args {
				if len(script) > 0 {
					args[i] = interesting[int(script[0])%len(interesting)]
					script = script[1:]
				}
			}
			h.call(name, args...)
			if h.disk.used > h.disk.limit {
				t.Fatalf("%s%d: the disk takes %d of %d bytes", name, args, h.disk.used, h.disk.limit)
			}
		}
	})
}
