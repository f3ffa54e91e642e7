// Package sim runs a cluster of nodes in virtual time.
//
// A simulated node is a program together with everything it can observe: its
// input, the time, random numbers and its disk. All of that comes from here and
// from the seed of the kernel, so the same seed gives the same run to the byte.
//
// # Nodes and guests
//
// What a node is, is written once, in this package: messages queue in an inbox,
// each costs CPU time, output becomes messages on the network and lines in a
// log, deadlines become events of the kernel; a node can be paused, killed and
// restarted, have its clock skewed, and is ended when it exceeds a limit.
//
// How a program executes is left to a [Guest]. Package wasm runs WebAssembly
// modules, package native executables. A guest needs nothing from the kernel or the
// network: it executes the program until the program waits, reports what it waits
// for, and is resumed when that has come:
//
//	machine, err := program.Machine("n0")      // an empty disk
//	guest, err := machine.Boot(ctx, boot)      // a program that has not begun yet
//	wait, err := guest.Resume(Step{Now: 0})    // run until it waits
//	for err == nil {
//		// wait.Deadline: resume it then, wait.Input: or when it has input.
//		wait, err = guest.Resume(Step{Now: t, Input: lines})
//	}
//	guest.Kill()                               // free its memory
//	machine.Close()                            // and its disk
//
// While it runs, the program prints through [Boot.Output], in the order in which
// it wrote to stdout and stderr. An error from there, or from Resume, is final.
// Resume is synchronous: everything happens on the goroutine that drives the
// kernel, and the order of events never depends on a scheduler.
//
// # Time
//
// The kernel jumps from event to event; between two events no time passes. A
// guest may still let its own clock move while it runs (see [Wait.Clock]);
// otherwise a program that waits by looking at the clock would wait for ever.
// What it prints leaves at the time its own clock shows, and it is not resumed
// before the kernel's clock shows that time too.
//
// # What a guest must provide
//
// A new guest implements [Program], [Machine] and [Guest]. What this package cannot do for it:
//
//   - Waiting. It must notice that the program can do nothing more before input or a timer
//     comes, return from Resume with both in a [Wait], and go on from there in the next one.
//   - The clocks. The monotonic one shows Step.Now plus a constant (not 0 at the start, which
//     Go's runtime takes for a broken clock), the wall clock Epoch + Now + Skew.
//   - Input. Step.Input is kept until the program reads it, and Wait.Unread says how much is
//     left. stdin never ends.
//   - Randomness. Whatever the program draws, its runtime included, comes from Boot.Random.
//     What the machine could decide instead must be fixed: the order of threads, when the
//     garbage collector runs, addresses, the number of processors.
//   - Isolation. The program sees its arguments, its process id, the files of its Machine,
//     and nothing else of the system. What it must not do is an ordinary error for it, not
//     the end of the run.
//   - Its own limits: memory and files together; computing, and polling, between two waits.
//     What is over a limit ends with an error that names the limit, and the function if
//     that is known.
//   - The end. The error of Resume completes "node n0 …": [nodeio.ErrExited] for status 0,
//     "crashed: exit status 3", or the error of the context of Boot.
//
// internal/cli/engine.go chooses the guest; nothing else knows which one it is. The scripts in
// internal/cli and stages run with any of them (GLOMERS_ENGINE). Tests in the guest's own
// package show that the same seed gives the same bytes, whatever the program does.
//
// # Limits
//
// Each limit is counted, never timed, so that a verdict does not depend on the
// machine. Per node: [nodeio.MaxLine] bytes in a line on stdout,
// [nodeio.MaxUnread] bytes of unread messages, the number of messages that wait for
// CPU time, and within one second of virtual time the numbers of messages, bytes
// and wake-ups in limits.go. How much a program may compute between two waits, and
// its memory, are for the guest to limit, because only the guest can count them.
// The context given to [Engine.Drive] ends a run between two events, and a guest
// ends on it while the program computes.
package sim
