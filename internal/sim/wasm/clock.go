package wasm

import "time"

// The clocks of a node
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#clockid).
// Those of CPU time are not provided.
const (
	clockRealtime  = 0
	clockMonotonic = 1
)

// monotonicStart is what the monotonic clock shows at the beginning of a run. It is not
// 0, because Go's runtime would take the clock for broken.
const monotonicStart = time.Second

// Reading a clock takes virtual time, so that a program that waits for a time by reading
// the clock in a loop gets there: clockStep for each of the first clockPatience readings
// of a step, and twice as much after each further clockPatience. Programs that compute
// read the clock a few times; only a polling program reads it ten thousand times, and
// it reaches any time it may wait for within a fraction of a real second.
const (
	clockStep     = 50 * time.Nanosecond
	clockPatience = 10_000
	maxClockStep  = time.Second
)

// lookAtClock advances the time by the cost of reading a clock.
func (g *guest) lookAtClock() {
	g.step.looks++
	if g.step.looks%clockPatience == 0 && g.step.tick < maxClockStep {
		g.step.tick *= 2
	}
	g.clock += g.step.tick
}

// readClock returns what a clock shows in nanoseconds, and false for one that a
// node does not have.
func (g *guest) readClock(id uint32) (uint64, bool) {
	switch id {
	case clockRealtime:
		return epoch + uint64(g.clock+g.skew), true
	case clockMonotonic:
		return uint64(monotonicStart + g.clock), true
	}
	return 0, false
}

// clockTimeGet is clock_time_get
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#clock_time_get).
func clockTimeGet(g *guest, a arguments) errno {
	g.lookAtClock()
	t, ok := g.readClock(a.u32(0))
	if !ok {
		return errnoInval
	}
	return g.putU64(a.u32(2), t)
}

// clockResGet is clock_res_get
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#clock_res_get).
func clockResGet(g *guest, a arguments) errno {
	if _, ok := g.readClock(a.u32(0)); !ok {
		return errnoInval
	}
	return g.putU64(a.u32(1), uint64(clockStep))
}
