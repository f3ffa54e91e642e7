// Package native runs the programs of simulated nodes as ordinary executables, natively and
// in virtual time: it is a guest of package sim.
//
// The executable is the learner's unmodified package, built with an edited standard library
// (package overlay; package solution calls the go command). In it, the runtime's clock, idle
// time and randomness, and the standard input and output, belong to the host, which is this
// package. System calls pass a filter, so that the program sees no files but its own, no
// network and no other process.
//
// # From a file to a node
//
//	program, err := native.Load("node", native.Options{Memory: 1 << 30})
//	machine, err := program.Machine("n0")  // a directory, the root of the node's files
//	guest, err := machine.Boot(ctx, boot)  // a process, which waits for its first step
//	wait, err := guest.Resume(step)        // let it run until it waits
//
// # A step
//
// Host and process share memory (layout.go): a header, input for stdin, and output. Resume
// writes the time and new input there, wakes the process with a byte on a pipe, and blocks
// until the process writes a byte to another pipe. The process does so when its scheduler
// finds no goroutine to run and no timer that is due; by then the header says when the
// next timer is due, and whether a goroutine waits for input. The process also gives
// control back in the middle of a step, when there is no room for more output or when the
// bytes of its files are to be counted; the host does that and resumes it.
//
// So only one of the two runs at a time. The process runs one goroutine at a time, on one
// thread, in an order that depends on the program, its input and the seed alone.
//
// # Limits
//
// Memory and files are counted by the process itself (overlay/source), which asks the host to
// count before it gives up. A process that computes without end, or whose timers are always
// due, never waits: a watchdog measures the CPU time of each step and sends SIGQUIT, on which
// Go prints the stacks, and the error names the function. This is the one limit that is
// measured and not counted.
//
// # The end
//
// A process ends with Kill, or with its host, even if that is killed: the pipe that it waits
// on is closed, and Linux sends it the parent-death signal. Its directory is then removed by
// the next command (package scratch).
//
// # Where to find what
//
//	program.go      the executable; the disk of a node
//	guest.go        a process: starting it, steps, output, why it ended
//	layout.go       the shared memory; overlay/source/runtime.go.txt has the other side
//	watchdog.go     CPU time
//	place_linux.go  host and processes on one core
//	overlay         the edits of the standard library
//	selftest        finds out whether they keep a toolchain's programs deterministic
package native
