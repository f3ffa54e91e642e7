package overlay

import (
	_ "embed"
	"slices"
)

//go:embed source/runtime.go.txt
var runtimeSource string

//go:embed source/filter.go.txt
var filterSource string

//go:embed source/filter_amd64.go.txt
var filterAMD64 string

//go:embed source/filter_arm64.go.txt
var filterARM64 string

//go:embed source/race_amd64.s.txt
var raceAMD64 string

//go:embed source/sync.go.txt
var syncSource string

//go:embed source/syscall.go.txt
var syscallSource string

// additions returns the files that are added to the standard library, by their path below
// GOROOT/src. What the edits insert is a call of a function in one of them, as a rule.
func additions(goarch string) map[string]string {
	all := map[string]string{
		"runtime/glomers.go":         runtimeSource,
		"runtime/glomers_filter.go":  filterSource,
		"runtime/glomers_numbers.go": filterARM64,
		"syscall/glomers.go":         syscallSource,
		"sync/glomers.go":            syncSource,
	}
	if goarch == "amd64" {
		all["runtime/glomers_numbers.go"] = filterAMD64
		all["runtime/race/glomers_amd64.s"] = raceAMD64
	}
	return all
}

// RaceNeedsCompiler reports whether a build with the race detector needs a C compiler. It
// does where the detector's library is linked with the C library; on amd64, the additions
// define the few functions that it takes from there.
func RaceNeedsCompiler(goarch string) bool { return goarch != "amd64" }

// edits are the changes to the files of the standard library. Each has a comment that says
// what the original does, what must be different in a simulated node, and, where that is
// not plain, why the change breaks nothing else.
//
// Two facts make most of them safe. A node has one P, and no thread but the first runs Go
// code, so that nothing here happens at the same time as anything else. And while the host
// runs the node does not, so that the shared memory has one user at a time.
func edits(goarch string) []edit {
	all := slices.Concat(schedulerEdits, clockEdits, collectorEdits, pollEdits, yieldEdits, randomEdits, ioEdits, memoryEdits)
	all = append(all,
		// syscall.Getpid asks the system, directly and not through RawSyscall6. The process id
		// of a node comes from the seed.
		replace("syscall/zsyscall_linux_"+goarch+".go", "func Getpid() (pid int) {\n", "func Getpid() (pid int) {\n\tif pid := glomersPID(); pid != 0 {\n\t\treturn pid\n\t}\n"),
	)
	if goarch == "amd64" {
		return append(append(all, amd64Edits...), raceEdits...)
	}
	return append(all,
		// See amd64Edits: here, time_now is a function in Go that reads the two clocks.
		replace("runtime/timestub.go", "\tsec, nsec = walltime()\n\treturn sec, nsec, nanotime()\n", "\treturn glomersNow()\n"),
	)
}

// schedulerEdits make the order in which goroutines run a matter of the program and the
// seed, and give control to the host when none can run.
var schedulerEdits = []edit{
	// findRunnable calls beforeIdle, with its P, when no goroutine is runnable and no timer
	// is due by now; pollUntil is the time of the next timer. On Linux it does nothing, and the
	// thread then sleeps until that time. The browser's port has its event loop there: what
	// beforeIdle returns is a goroutine to run, or true to search again. A node reports to
	// the host that it is idle, and is stopped there until the host resumes it.
	replace("runtime/lock_futex.go", "func beforeIdle(int64, int64) (*g, bool) {\n\treturn nil, false\n}", "func beforeIdle(now, pollUntil int64) (*g, bool) {\n\treturn glomersBeforeIdle(pollUntil)\n}"),

	// sysmon is a thread that preempts a goroutine after 10 ms of real time, takes the P of a
	// thread that is in a system call, and starts the collector after two minutes. The
	// browser's port does without it. A loop that calls nothing then runs for ever; the
	// host's watchdog ends it. Without sysmon the scheduler does not use its runnext slot,
	// so goroutines run in the order in which they became runnable.
	replace("runtime/proc.go", `const haveSysmon = GOARCH != "wasm"`, "const haveSysmon = false"),

	// One P: the number of processors is 1, and GOMAXPROCS cannot be raised. The original of
	// the first stays as a function that nobody calls, because its body differs between
	// versions.
	pattern("runtime/os_linux.go", `func (?:getCPUCount|getproccount)\(\) int32 \{\n`, "$0\treturn 1\n}\n\nfunc glomersCPUCount() int32 {\n"),
	replace("runtime/debug.go", `if GOARCH == "wasm" && n > 1 {`, "if n > 1 {"),

	// A goroutine that is locked to its thread, as main is during initialisation, has the
	// scheduler hand its P from thread to thread. How many threads that takes depends on
	// when the system lets go of one, and each takes memory. Nothing in a node can tell on
	// which thread it is, so nobody is locked.
	replace("runtime/proc.go", "func dolockOSThread() {\n", "func dolockOSThread() {\n\tif glomersOneThread {\n\t\treturn\n\t}\n"),

	// The goroutine of os/signal waits in signal_recv, where it holds a thread. A node gets no
	// signals, so it can park like any other.
	replace("os/signal/signal_unix.go", "\tfor {\n\t\tprocess(syscall.Signal(signal_recv()))\n\t}\n", "\tselect {}\n"),

	// A new goroutine begins with 2 KiB of stack, or with the average that the collector has
	// found; more is copied there on demand. A handler of messages needs more, and copying
	// takes a fifth of a node's time. So a goroutine that reuses the descriptor of one that
	// ended gets the stack that is kept with it, of glomersStack bytes; and the average,
	// which depends on when the collector ran, is not used.
	replace("runtime/stack.go", "var startingStackSize uint32 = fixedStack\n", "var startingStackSize uint32 = glomersStack\n"),
	replace("runtime/runtime1.go", "debug.adaptivestackstart = 1 ", "debug.adaptivestackstart = 0 "),
}

// clockEdits replace the clocks of the system by that of the host.
var clockEdits = []edit{
	// nanotime is the monotonic clock of the runtime: timers, the scheduler, statistics. It
	// shows the host's time, and a look at it takes none.
	replace("runtime/time_nofake.go", "return nanotime1()", "return glomersNanotime()"),

	// These two are where package time reads the clocks for the program (time_runtimeNano,
	// time_runtimeNow). For the program a look takes some virtual time, and counts as a
	// poll, so that a loop that waits for a time gets there.
	replace("runtime/time.go", "\treturn nanotime()\n", "\treturn glomersLookNano()\n"),
	replace("runtime/time.go", "\treturn time_now()\n", "\tglomersPoll()\n\treturn time_now()\n"),

	// unlockAndRun calls the function of a timer that is due. The count is for the host: a
	// program whose timers are always due, such as a ticker of one nanosecond, is never
	// idle, and must be told from one that computes.
	replace("runtime/time.go", "\tf(arg, seq, delay)\n", "\tglomersFired()\n\tf(arg, seq, delay)\n"),
}

// collectorEdits keep the garbage collector from having an effect that the program could
// see. When it runs depends on the machine, because memory does: how much each thread has
// cached, which spans are swept.
var collectorEdits = []edit{
	// The end of a collection notes the wall clock, for runtime.MemStats. time_now would let
	// virtual time pass.
	replace("runtime/mgc.go", "sec, nsec, _ := time_now()\n", "sec, nsec := glomersStamp()\n"),

	// The first collection starts the goroutines that mark. Started at the beginning, they do
	// not take goroutine ids, which stacks show, at a time that depends on the collector.
	replace("runtime/proc.go", "\tgcenable()\n", "\tgcenable()\n\tgcBgMarkStartWorkers()\n"),

	// Every 61st turn (schedtick) the scheduler looks at the global queue before its own. The
	// turns of the collector's goroutines do not count.
	replace("runtime/proc.go", "\t\tmp.p.ptr().schedtick++\n", "\t\tif !isSystemGoroutine(gp, false) {\n\t\t\tmp.p.ptr().schedtick++\n\t\t}\n"),

	// A goroutine that allocates during a collection must do a share of the marking, and if
	// there is nothing to mark for it, waits (gcParkAssist) while others run. Without
	// waiting the heap may grow a little more before the collection ends.
	replace("runtime/mgcmark.go", "\t\tif !gcParkAssist() {\n\t\t\tgoto retry\n\t\t}\n", ""),

	// A collection empties every sync.Pool, and the next use of one takes this lock. Lock is
	// where a goroutine may give way (yieldEdits); the mutex inside it is not.
	replace("sync/pool.go", "\tallPoolsMu.Lock()\n", "\tallPoolsMu.mu.Lock()\n"),
}

// pollEdits count what a program does that asks again and again instead of waiting:
// runtime.Gosched, and a select with default, which the compiler turns into selectnbsend or
// selectnbrecv if it has one other case. See glomersPoll.
var pollEdits = []edit{
	replace("runtime/proc.go", "func Gosched() {\n", "func Gosched() {\n\tglomersPoll()\n"),
	replace("runtime/chan.go", "func selectnbsend(c *hchan, elem unsafe.Pointer) (selected bool) {\n", "func selectnbsend(c *hchan, elem unsafe.Pointer) (selected bool) {\n\tglomersPoll()\n"),
	replace("runtime/chan.go", "func selectnbrecv(elem unsafe.Pointer, c *hchan) (selected, received bool) {\n", "func selectnbrecv(elem unsafe.Pointer, c *hchan) (selected, received bool) {\n\tglomersPoll()\n"),
	pattern("runtime/select.go", `func selectgo\(.*\) \(int, bool\) \{\n`, "$0\tif !block {\n\t\tglomersPoll()\n\t}\n\tglomersYield()\n"),
}

// yieldEdits are where a goroutine may give way to others (--yields): at the beginning of
// what goroutines meet in. There the original may block, so that a switch is nothing that a
// correct program could not see anyway. selectgo is in pollEdits, and the write to stdout
// in glomersSyscallWrite.
var yieldEdits = []edit{
	pattern("runtime/chan.go", `func chansend1\(.*\) \{\n`, "$0\tglomersYield()\n"),
	pattern("runtime/chan.go", `func chanrecv1\(.*\) \{\n`, "$0\tglomersYield()\n"),
	pattern("runtime/chan.go", `func chanrecv2\(.*\) \(received bool\) \{\n`, "$0\tglomersYield()\n"),
	replace("sync/mutex.go", "func (m *Mutex) Lock() {\n", "func (m *Mutex) Lock() {\n\tglomersYield()\n"),
	replace("sync/rwmutex.go", "func (rw *RWMutex) RLock() {\n", "func (rw *RWMutex) RLock() {\n\tglomersYield()\n"),
}

// randomEdits take all randomness from the seed that the host gives.
var randomEdits = []edit{
	// randinit seeds the runtime's generator with startupRand, which the kernel has put on
	// the stack of the process, or by getrandom. It is called once, before any goroutine
	// runs, and so glomersInit, which returns the seed, is also where the node meets its host.
	replace("runtime/rand.go", "seed := &globalRand.seed\n", "seed := &globalRand.seed\n\tstartupRand = glomersInit()\n"),

	// rand has a generator for each thread (M). Which thread runs a goroutine, and how many
	// there are, is up to the system, so all use that of the first one.
	replace("runtime/rand.go", "\tc := &mp.chacha8\n", "\tc := &m0.chacha8\n"),

	// A new thread's cheaprand begins with a number drawn by rand, which would now take a
	// number from all. It gets one from the seed of the generator that it does not use. The
	// generator of cheaprand must not begin with 0.
	pattern("runtime/rand.go", `\tmp\.cheaprand = (uint32)?\(?rand\(\)\)?\n`, "\tmp.cheaprand = ${1}(seed[0]) | 1\n"),
	later("runtime/rand.go", "\tmp.cheaprand64 = rand()\n", "\tmp.cheaprand64 = seed[1]\n"),

	// cheaprand has a state for each thread too, and is drawn from where threads wait for
	// each other, which no program can see. What a program can see has a generator of its own:
	// the order in which select looks at its cases, that of timers of a synctest bubble
	// which are due at the same time, and that of runnable goroutines, which the scheduler
	// shuffles in builds with the race detector.
	replace("runtime/select.go", "cheaprandn(uint32(norder + 1))", "glomersRandn(uint32(norder + 1))"),
	later("runtime/time.go", "t.rand = cheaprand()", "t.rand = glomersRand32()"),
	each("runtime/proc.go", 2, "cheaprandn(i + 1)", "glomersRandn(i + 1)"),

	// vgetrandom is getrandom without a system call, on kernels that offer it; crypto/rand
	// tries it first. The system call itself is answered by the filter.
	pattern("runtime/vgetrandom_linux.go", `func vgetrandom\(p \[\]byte, flags uint32\) \(ret int, supported bool\) \{\n`, "$0\tif glomers.page != nil {\n\t\tglomersRandom(p)\n\t\treturn len(p), true\n\t}\n"),
}

// ioEdits hand standard input and output to the host, and put a filter before system calls.
var ioEdits = []edit{
	// write is how the runtime itself prints: print, panics, the stacks of a crash. noescape
	// keeps the text on the stack of the caller, which may not allocate there.
	replace("runtime/time_nofake.go", "func write(fd uintptr, p unsafe.Pointer, n int32) int32 {\n", "func write(fd uintptr, p unsafe.Pointer, n int32) int32 {\n\tif fd == 1 || fd == 2 {\n\t\treturn glomersWrite(fd, noescape(p), n)\n\t}\n"),

	// syscall.Read and Write are how everything else reads and prints. A read of stdin parks
	// the goroutine instead of blocking its thread.
	replace("syscall/syscall_unix.go", "\tn, err = read(fd, p)\n", "\tif fd == 0 {\n\t\tn = glomersRead(p)\n\t} else {\n\t\tn, err = read(fd, p)\n\t}\n"),
	replace("syscall/syscall_unix.go", "\t\tn, err = write(fd, p)\n", "\t\tif fd == 1 || fd == 2 {\n\t\t\tn = glomersWrite(fd, p)\n\t\t} else {\n\t\t\tn, err = write(fd, p)\n\t\t}\n"),

	// Every system call of package syscall, and those of golang.org/x/sys, end in RawSyscall6,
	// but for those that the runtime makes for itself: memory, threads, signals. The
	// filter answers the call, refuses it, or changes its arguments, of which paths are
	// the important ones; afterwards glomersLeave corrects the answer. The function
	// $1.Syscall6 makes a call without the filter, for the filter's own questions; the
	// name of its package differs between versions.
	pattern("syscall/syscall_linux.go", `\tr1, r2, errno = (\w+)\.Syscall6\(trap, a1, a2, a3, a4, a5, a6\)\n`, `	call := [7]uintptr{trap, a1, a2, a3, a4, a5, a6}
	if result, failed, done := glomersEnter(&call, $1.Syscall6); done {
		return result, 0, Errno(failed)
	}
	r1, r2, errno = $1.Syscall6(call[0], call[1], call[2], call[3], call[4], call[5], call[6])
	glomersLeave(&call, errno)
`),

	// forkExec forks by calls of the runtime, which the filter does not see. It fails here,
	// before it has done anything.
	replace("syscall/exec_unix.go", "\tvar wstatus WaitStatus\n\n\tif attr == nil {\n", "\tvar wstatus WaitStatus\n\n\tif glomersAlone {\n\t\treturn 0, glomersNoProcesses\n\t}\n\tif attr == nil {\n"),

	// The errors that only a simulated node has, in words.
	replace("syscall/syscall_unix.go", "func (e Errno) Error() string {\n", "func (e Errno) Error() string {\n\tif text := glomersError(e); text != \"\" {\n\t\treturn text\n\t}\n"),
}

// memoryEdits limit memory.
var memoryEdits = []edit{
	// A stack may grow to 1 GB, which is all that a node has: a recursion without end would be
	// ended for its memory, without a word of where it is. With the limit of 32-bit systems
	// the runtime finds it first, and prints the stack.
	replace("runtime/proc.go", "maxstacksize = 1000000000\n", "maxstacksize = 250000000\n"),

	// grow is where the heap, which holds all stacks as well, gets more memory from the
	// system. A program that needs more than it may have ends there.
	pattern("runtime/mheap.go", `func \(h \*mheap\) grow\(npage uintptr\) \(uintptr, bool\) \{\n`, "$0\tglomersGrow(npage * pageSize)\n"),
}

// amd64Edits are for what is different on amd64.
var amd64Edits = []edit{
	// time_now reads both clocks in assembly code, without a call of nanotime. It becomes a
	// function in Go, and the assembly code goes.
	replace("runtime/timeasm.go", "func time_now() (sec int64, nsec int32, mono int64)\n", "func time_now() (sec int64, nsec int32, mono int64) {\n\treturn glomersNow()\n}\n"),
	pattern("runtime/time_linux_amd64.s", `(?s)TEXT time·now<ABIInternal>.*`, ""),

	// syscall.Gettimeofday and Time read the clock through the vDSO, which is no system call.
	replace("syscall/syscall_linux_amd64.go", "\terrno := gettimeofday(tv)\n", "\terrno := glomersTime(tv)\n"),
	replace("syscall/syscall_linux_amd64.go", "\terrno := gettimeofday(&tv)\n", "\terrno := glomersTime(&tv)\n"),
}

// raceEdits let a program with the race detector be linked without a C compiler. They change
// nothing in a program without it.
var raceEdits = []edit{
	// The import makes the go command use cgo, which links the C library. Without it, the
	// linker takes the program for one that is linked statically, and leaves out relocations
	// that the detector's library needs; the directive, of a symbol that nobody uses, makes
	// it apply them.
	replace("runtime/race/race.go", "import \"C\"\n", "//go:cgo_import_dynamic glomers\n"),

	// The detector refuses to start without cgo.
	replace("runtime/race.go", "if !iscgo && GOOS != \"darwin\" {", "if false {"),

	// With cgo, the C library makes the stacks of threads, on which the detector runs, and
	// makes them large. Without it, Go makes them, of 16 KiB. StackGuardMultiplier is 2 with
	// the detector, which adds 256 KiB, and 1 without.
	replace("runtime/proc.go", "mp.g0 = malg(16384 * sys.StackGuardMultiplier)", "mp.g0 = malg(16384*sys.StackGuardMultiplier + (sys.StackGuardMultiplier-1)*256<<10)"),
}
