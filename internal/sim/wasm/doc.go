// Package wasm runs the programs of simulated nodes as WebAssembly modules for
// wasip1, with wazero: it is a guest of package sim.
//
// A module has no system calls. It reaches its surroundings only through the functions
// that it imports, those of WASI preview 1
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md), and this
// package implements them. wazero's own implementation would wait in real time, and give
// a simulated node the clock, the files and the random numbers of this machine.
//
// # From a file to a node
//
//	program, err := wasm.Load(ctx, "node.wasm", cacheDir, wasm.DefaultMemory)
//	machine, err := program.Machine("n0")  // an empty disk
//	guest, err := machine.Boot(ctx, boot)  // an instance of the module
//	wait, err := guest.Resume(step)        // its _start, until it waits
//
// Load rewrites the module (meter.go), compiles it, which takes a second unless
// the result is in the cache, and provides what it imports (host.go). Boot makes
// an instance with a memory of its own.
//
// # How a module waits
//
// _start runs as a coroutine (iter.Pull) of the goroutine that drives the kernel.
// A program with nothing to do calls poll_oneoff with its next timer and with
// stdin, or fd_read on stdin: there the coroutine yields (guest.wait), Resume
// returns what it waits for, and the next Resume continues in the middle of that
// call. Go's runtime polls because fd_fdstat_get says that reading stdin does not
// block; a program in C, which does not ask, blocks in fd_read.
//
// # Where to find what
//
//	abi.go      error numbers, access to the guest's memory, lists of buffers
//	args.go     arguments and environment
//	clock.go    clocks
//	poll.go     poll_oneoff, sched_yield, proc_exit
//	random.go   random numbers
//	fd.go       calls that take a descriptor, and the layouts of what they return
//	path.go     calls that take a path
//	disk.go     the file system in memory behind those two
//	host.go     the table of all calls; begin here to add one
//	guest.go    coroutine, fuel, why a program ended
//	busy.go     what a program did that used up its fuel
//	symbols.go  where a function of a Go program is declared
//	meter.go    the rewriting that counts fuel; binary.go reads the format
//	memory_*.go the memory of an instance
//
// A call must not trust its parameters: the guest may pass addresses outside the memory,
// counts whose product wraps, descriptors that are not open. It accesses memory only
// through guest.bytes and guest.vectors, which check bounds in 64 bits, and answers with
// the errno that the specification names. Work in proportion to a parameter is charged
// as fuel.
//
// # Fuel
//
// A program may compute a certain amount between two waits, counted in iterations and
// calls rather than timed: a second of CPU time in an empty loop on a common machine,
// five seconds or more of real work. When it has
// used up a slice of that, the module calls the host (refuel), which ends it if nothing
// is left or if the context of the run has ended: this is how Ctrl-C reaches a program
// that computes.
//
// A program that polls in a loop keeps virtual time from advancing. It is found much
// earlier, by the functions that it calls: those of the host (the clock, sched_yield),
// and some of Go's runtime whose calls the rewritten module counts (a select with
// default, runtime.Gosched). A step that calls them very often, and does next to nothing
// between two calls, counts as polling (busy.go). One that reads a variable, atomically
// or under a lock, is named when its fuel is used up.
package wasm
