package overlay

import _ "embed"

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

// additions are files that the standard library does not have.
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

// RaceNeedsCompiler reports whether a C compiler is needed for programs with the race
// detector. Where it is not, the additions have what the detector takes from the C
// library.
func RaceNeedsCompiler(goarch string) bool { return goarch != "amd64" }

// edits are the places where the standard library calls the additions.
func edits(goarch string) []edit {
	all := []edit{
		// When nothing can run, control goes to the host.
		replace("runtime/lock_futex.go", "func beforeIdle(int64, int64) (*g, bool) {\n\treturn nil, false\n}", "func beforeIdle(now, pollUntil int64) (*g, bool) {\n\treturn glomersBeforeIdle(pollUntil)\n}"),

		// Clocks show the host's time.
		replace("runtime/time_nofake.go", "return nanotime1()", "return glomersNanotime()"),
		replace("runtime/time.go", "\treturn nanotime()\n", "\treturn glomersLookNano()\n"),
		replace("runtime/time.go", "\treturn time_now()\n", "\tglomersPoll()\n\treturn time_now()\n"),
		replace("runtime/time.go", "\tf(arg, seq, delay)\n", "\tglomersFired()\n\tf(arg, seq, delay)\n"),

		// How often the garbage collector runs depends on the machine, so it must have no
		// effect on the program: neither on the clock, which the collector reads; nor on
		// which goroutine runs next, though its own goroutines count as turns of the
		// scheduler and overtake others, and a goroutine that allocates much has to assist
		// it; nor on where goroutines give way, though it takes locks.
		replace("runtime/mgc.go", "sec, nsec, _ := time_now()\n", "sec, nsec := glomersStamp()\n"),
		replace("runtime/proc.go", "\tgcenable()\n", "\tgcenable()\n\tgcBgMarkStartWorkers()\n"),
		replace("runtime/proc.go", "\trunqput(mp.p.ptr(), gp, next)\n", "\trunqput(mp.p.ptr(), gp, next && !isSystemGoroutine(gp, false))\n"),
		replace("runtime/proc.go", "\t\tmp.p.ptr().schedtick++\n", "\t\tif !isSystemGoroutine(gp, false) {\n\t\t\tmp.p.ptr().schedtick++\n\t\t}\n"),
		replace("runtime/mgcmark.go", "\t\tif !gcParkAssist() {\n\t\t\tgoto retry\n\t\t}\n", ""),
		replace("sync/pool.go", "\tallPoolsMu.Lock()\n", "\tallPoolsMu.mu.Lock()\n"),

		// Detect programs that poll instead of waiting.
		replace("runtime/proc.go", "func Gosched() {\n", "func Gosched() {\n\tglomersPoll()\n"),
		replace("runtime/chan.go", "func selectnbsend(c *hchan, elem unsafe.Pointer) (selected bool) {\n", "func selectnbsend(c *hchan, elem unsafe.Pointer) (selected bool) {\n\tglomersPoll()\n"),
		replace("runtime/chan.go", "func selectnbrecv(elem unsafe.Pointer, c *hchan) (selected, received bool) {\n", "func selectnbrecv(elem unsafe.Pointer, c *hchan) (selected, received bool) {\n\tglomersPoll()\n"),
		pattern("runtime/select.go", `func selectgo\(.*\) \(int, bool\) \{\n`, "$0\tif !block {\n\t\tglomersPoll()\n\t}\n\tglomersYield()\n"),

		// Places where a goroutine may give way.
		pattern("runtime/chan.go", `func chansend1\(.*\) \{\n`, "$0\tglomersYield()\n"),
		pattern("runtime/chan.go", `func chanrecv1\(.*\) \{\n`, "$0\tglomersYield()\n"),
		pattern("runtime/chan.go", `func chanrecv2\(.*\) \(received bool\) \{\n`, "$0\tglomersYield()\n"),
		replace("sync/mutex.go", "func (m *Mutex) Lock() {\n", "func (m *Mutex) Lock() {\n\tglomersYield()\n"),
		replace("sync/rwmutex.go", "func (rw *RWMutex) RLock() {\n", "func (rw *RWMutex) RLock() {\n\tglomersYield()\n"),

		// Run one goroutine at a time, and preempt none after a span of real time.
		replace("runtime/proc.go", `const haveSysmon = GOARCH != "wasm"`, "const haveSysmon = false"),
		// Bind no goroutine to a thread, as main is during initialisation: when a thread
		// becomes free again is up to the system, and each new one takes memory.
		replace("runtime/proc.go", "func dolockOSThread() {\n", "func dolockOSThread() {\n\tif glomersOneThread {\n\t\treturn\n\t}\n"),
		replace("runtime/debug.go", `if GOARCH == "wasm" && n > 1 {`, "if n > 1 {"),
		pattern("runtime/os_linux.go", `func (?:getCPUCount|getproccount)\(\) int32 \{\n`, "$0\treturn 1\n}\n\nfunc glomersCPUCount() int32 {\n"),

		// Take all randomness from the seed.
		replace("runtime/rand.go", "seed := &globalRand.seed\n", "seed := &globalRand.seed\n\tstartupRand = glomersInit()\n"),
		// The runtime keeps a generator per thread, and which thread runs a goroutine, or
		// how many there are, is up to the system. So all share one.
		replace("runtime/rand.go", "\tc := &mp.chacha8\n", "\tc := &m0.chacha8\n"),
		pattern("runtime/rand.go", `\tmp\.cheaprand = (uint32)?\(?rand\(\)\)?\n`, "\tmp.cheaprand = ${1}(seed[0]) | 1\n"),
		later("runtime/rand.go", "\tmp.cheaprand64 = rand()\n", "\tmp.cheaprand64 = seed[1]\n"),
		replace("runtime/select.go", "cheaprandn(uint32(norder + 1))", "glomersRandn(uint32(norder + 1))"),
		later("runtime/time.go", "t.rand = cheaprand()", "t.rand = glomersRand32()"),
		each("runtime/proc.go", 2, "cheaprandn(i + 1)", "glomersRandn(i + 1)"),
		pattern("runtime/vgetrandom_linux.go", `func vgetrandom\(p \[\]byte, flags uint32\) \(ret int, supported bool\) \{\n`, "$0\tif glomers.page != nil {\n\t\tglomersRandom(p)\n\t\treturn len(p), true\n\t}\n"),

		// Standard input and output.
		replace("runtime/time_nofake.go", "func write(fd uintptr, p unsafe.Pointer, n int32) int32 {\n", "func write(fd uintptr, p unsafe.Pointer, n int32) int32 {\n\tif fd == 1 || fd == 2 {\n\t\treturn glomersWrite(fd, noescape(p), n)\n\t}\n"),
		replace("syscall/syscall_unix.go", "\tn, err = read(fd, p)\n", "\tif fd == 0 {\n\t\tn = glomersRead(p)\n\t} else {\n\t\tn, err = read(fd, p)\n\t}\n"),
		replace("syscall/syscall_unix.go", "\t\tn, err = write(fd, p)\n", "\t\tif fd == 1 || fd == 2 {\n\t\t\tn = glomersWrite(fd, p)\n\t\t} else {\n\t\t\tn, err = write(fd, p)\n\t\t}\n"),

		// A handler of messages needs more stack than a goroutine begins with, and growing
		// it takes a fifth of a node's time.
		replace("runtime/stack.go", "var startingStackSize uint32 = fixedStack\n", "var startingStackSize uint32 = glomersStack\n"),
		replace("runtime/runtime1.go", "debug.adaptivestackstart = 1 ", "debug.adaptivestackstart = 0 "),

		// Memory.
		pattern("runtime/mheap.go", `func \(h \*mheap\) grow\(npage uintptr\) \(uintptr, bool\) \{\n`, "$0\tglomersGrow(npage * pageSize)\n"),

		// System calls, except those that the runtime makes for itself.
		pattern("syscall/syscall_linux.go", `\tr1, r2, errno = (\w+)\.Syscall6\(trap, a1, a2, a3, a4, a5, a6\)\n`, `	call := [7]uintptr{trap, a1, a2, a3, a4, a5, a6}
	if result, failed, done := glomersEnter(&call, $1.Syscall6); done {
		return result, 0, Errno(failed)
	}
	r1, r2, errno = $1.Syscall6(call[0], call[1], call[2], call[3], call[4], call[5], call[6])
	glomersLeave(&call, errno)
`),
		replace("syscall/exec_unix.go", "\tvar wstatus WaitStatus\n\n\tif attr == nil {\n", "\tvar wstatus WaitStatus\n\n\tif glomersAlone {\n\t\treturn 0, glomersNoProcesses\n\t}\n\tif attr == nil {\n"),
		replace("syscall/syscall_unix.go", "func (e Errno) Error() string {\n", "func (e Errno) Error() string {\n\tif text := glomersError(e); text != \"\" {\n\t\treturn text\n\t}\n"),
		replace("syscall/zsyscall_linux_"+goarch+".go", "func Getpid() (pid int) {\n", "func Getpid() (pid int) {\n\tif pid := glomersPID(); pid != 0 {\n\t\treturn pid\n\t}\n"),

		// A node gets no signals, and the goroutine that waits for them would block a
		// thread.
		replace("os/signal/signal_unix.go", "\tfor {\n\t\tprocess(syscall.Signal(signal_recv()))\n\t}\n", "\tselect {}\n"),
	}
	if goarch == "amd64" {
		return append(all,
			replace("runtime/timeasm.go", "func time_now() (sec int64, nsec int32, mono int64)\n", "func time_now() (sec int64, nsec int32, mono int64) {\n\treturn glomersNow()\n}\n"),
			pattern("runtime/time_linux_amd64.s", `(?s)TEXT time·now<ABIInternal>.*`, ""),
			replace("syscall/syscall_linux_amd64.go", "\terrno := gettimeofday(tv)\n", "\terrno := glomersTime(tv)\n"),
			replace("syscall/syscall_linux_amd64.go", "\terrno := gettimeofday(&tv)\n", "\terrno := glomersTime(&tv)\n"),

			// The race detector without cgo. The directive makes the linker apply the relocations
			// of the detector's library, which it leaves out where nothing is dynamic. The
			// detector runs on the stacks of threads, for which Go by itself takes little:
			// StackGuardMultiplier is 2 with the detector and 1 without.
			replace("runtime/race/race.go", "import \"C\"\n", "//go:cgo_import_dynamic glomers\n"),
			replace("runtime/race.go", "if !iscgo && GOOS != \"darwin\" {", "if false {"),
			replace("runtime/proc.go", "mp.g0 = malg(16384 * sys.StackGuardMultiplier)", "mp.g0 = malg(16384*sys.StackGuardMultiplier + (sys.StackGuardMultiplier-1)*256<<10)"),
		)
	}
	return append(all, replace("runtime/timestub.go", "\tsec, nsec = walltime()\n\treturn sec, nsec, nanotime()\n", "\treturn glomersNow()\n"))
}
