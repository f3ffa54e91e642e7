// Package kernel is the event queue that everything in a run shares: one
// ordered queue, one clock, and named streams of random numbers.
//
// # Handlers
//
// The network, the services, the clients, the generators and the nemesis are
// handlers: state machines that schedule functions on a Kernel with At and After
// and are called back, one at a time. A handler
//
//   - does all its work in a callback and returns: it has no goroutines, no locks,
//     and waits for nothing but the kernel;
//   - takes the time from Now and randomness from a stream of its own, Rand(name),
//     so that one more draw in one handler changes nothing in another;
//   - never lets the order of a map's iteration decide anything.
//
// Then the seed, and what comes in from outside, decide everything that happens.
// Handlers cannot tell whether time is real or virtual.
//
// # Drivers
//
// A driver owns a Kernel: it moves the clock and brings in what happens outside, by
// calling handlers between two events. It does all this from one goroutine. In
// virtual time, nothing happens outside, and the clock jumps from event to event:
//
//	for k.Step() {
//		// an engine of simulated nodes runs inside the events
//	}
//	return k.Err()
//
// In real time, outside events arrive while the driver sleeps. Those that have
// arrived are handled before timers that are due, because an answer that came in time
// must not lose to its own timeout merely because the driver was late:
//
//	for !k.Stopped() {
//		now := clock()                // since the beginning of the run
//		if due, ok := k.Next(); ok {
//			k.Advance(min(now, due-1)) // the clock, but no timer yet
//		}
//		for _, m := range arrived() {
//			handle(m)
//		}
//		k.Advance(now)                // run what is due
//		sleepUntil(k.Next())          // or until something arrives
//	}
//	return k.Err()
//
// # Stalls
//
// The driver itself can stall: the machine is suspended, or has no CPU to spare.
// What nodes sent meanwhile waits in pipes that nobody has read, and every timer is
// overdue. A driver in real time must notice that the earliest event is later than a
// busy machine explains, and stop its clock for that long: to handlers the stall
// then takes no time, timers keep what they had left, and answers are read before
// timers fire. It must also record that the run was disturbed: the process engine
// tells the runner, which adds an operation of the nemesis to the history
// (history.RunnerStall), so that the checkers know.
package kernel
