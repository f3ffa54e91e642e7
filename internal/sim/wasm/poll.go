package wasm

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/tetratelabs/wazero/sys"

	"glomers/internal/sim"
)

// The types of a subscription and of an event
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#eventtype).
const (
	eventClock   = 0
	eventFDRead  = 1
	eventFDWrite = 2
)

// The layout of a subscription
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#subscription):
// what the guest calls it, its type, and a clock or a descriptor.
const (
	subscriptionUserdata     = 0
	subscriptionType         = 8
	subscriptionFD           = 16
	subscriptionClockID      = 16
	subscriptionClockTimeout = 24
	subscriptionClockFlags   = 40
	subscriptionSize         = 48

	clockFlagAbstime = 1 << 0 // the timeout is a time, not a duration
)

// The layout of an event
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#event).
const (
	eventUserdata = 0
	eventErrno    = 8
	eventType     = 10
	eventBytes    = 16 // number of bytes that can be read or written
	eventSize     = 32
)

// writableBytes is the number of bytes that an event reports as writable.
const writableBytes = 64 << 10

// pollOneoff is poll_oneoff
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#poll_oneoff):
// where a node waits. It returns an event for each subscription that is due, once
// there is one.
func pollOneoff(g *guest, a arguments) errno {
	count := uint64(a.u32(2))
	if count == 0 {
		return errnoInval
	}
	in, ok := g.bytes(uint64(a.u32(0)), count*subscriptionSize)
	if !ok {
		return errnoFault
	}
	if _, ok := g.bytes(uint64(a.u32(1)), count*eventSize); !ok {
		return errnoFault
	}
	if _, ok := g.bytes(uint64(a.u32(3)), 4); !ok {
		return errnoFault
	}
	g.charge(count)
	subscriptions := make([]subscription, 0, 4)
	for ; len(in) > 0; in = in[subscriptionSize:] {
		s, e := g.subscription(in)
		if e != errnoSuccess {
			return e
		}
		subscriptions = append(subscriptions, s)
	}
	if deadline, forInput, ready := g.earliest(subscriptions); !ready {
		g.wait(deadline, forInput)
	} else {
		g.step.polls++
	}
	return g.putEvents(subscriptions, a.u32(1), a.u32(3))
}

// A subscription is something that a node waits for.
type subscription struct {
	userdata uint64
	kind     byte
	fd       uint32
	deadline time.Duration // of a clock; sim.Never if it is too far away
	err      errno
}

// subscription reads a subscription. A descriptor that is not open is no error of the
// call; it is reported in the subscription's event.
func (g *guest) subscription(b []byte) (subscription, errno) {
	s := subscription{
		userdata: binary.LittleEndian.Uint64(b[subscriptionUserdata:]),
		kind:     b[subscriptionType],
	}
	switch s.kind {
	case eventClock:
		id := binary.LittleEndian.Uint32(b[subscriptionClockID:])
		now, ok := g.readClock(id)
		if !ok {
			return s, errnoInval
		}
		timeout := binary.LittleEndian.Uint64(b[subscriptionClockTimeout:])
		if binary.LittleEndian.Uint16(b[subscriptionClockFlags:])&clockFlagAbstime != 0 {
			timeout -= min(timeout, now)
		}
		s.deadline = sim.Never
		if timeout <= uint64(math.MaxInt64-g.clock) {
			s.deadline = g.clock + time.Duration(timeout)
		}
	case eventFDRead, eventFDWrite:
		s.fd = binary.LittleEndian.Uint32(b[subscriptionFD:])
		if g.disk.get(s.fd) == nil {
			s.err = errnoBadf
		}
	default:
		return s, errnoInval
	}
	return s, errnoSuccess
}

// due reports whether the event of a subscription has occurred.
func (g *guest) due(s subscription) bool {
	switch {
	case s.err != errnoSuccess:
		return true
	case s.kind == eventClock:
		return s.deadline != sim.Never && s.deadline <= g.clock
	case s.kind == eventFDRead && s.fd == stdinFD:
		return len(g.stdin) > 0
	}
	return true // files can always be read and written
}

// earliest returns the first deadline of subscriptions, whether one of them waits
// for input, and whether one is due already.
func (g *guest) earliest(subscriptions []subscription) (deadline time.Duration, forInput, ready bool) {
	deadline = sim.Never
	for _, s := range subscriptions {
		if g.due(s) {
			return 0, false, true
		}
		switch {
		case s.kind != eventClock:
			forInput = true
		case s.deadline != sim.Never && (deadline == sim.Never || s.deadline < deadline):
			deadline = s.deadline
		}
	}
	return deadline, forInput, false
}

// putEvents writes an event for each subscription that is due, and their number. The
// caller checked the addresses before it waited; they are still valid, since memory
// never shrinks.
func (g *guest) putEvents(subscriptions []subscription, out, number uint32) errno {
	events, ok := g.bytes(uint64(out), uint64(len(subscriptions))*eventSize)
	if !ok {
		return errnoFault
	}
	due := uint32(0)
	for _, s := range subscriptions {
		if !g.due(s) {
			continue
		}
		event := events[:eventSize]
		events = events[eventSize:]
		due++
		clear(event)
		binary.LittleEndian.PutUint64(event[eventUserdata:], s.userdata)
		binary.LittleEndian.PutUint16(event[eventErrno:], uint16(s.err))
		event[eventType] = s.kind
		switch {
		case s.kind == eventFDRead && s.err == errnoSuccess:
			binary.LittleEndian.PutUint64(event[eventBytes:], uint64(max(len(g.stdin), 1)))
		case s.kind == eventFDWrite && s.err == errnoSuccess:
			binary.LittleEndian.PutUint64(event[eventBytes:], writableBytes)
		}
	}
	return g.putU32(number, due)
}

// schedYield is sched_yield
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#sched_yield).
// A node has one thread, so nothing else can run.
func schedYield(g *guest, _ arguments) errno {
	g.step.yields++
	return errnoSuccess
}

// procExit is proc_exit
// (https://github.com/WebAssembly/WASI/blob/main/legacy/preview1/docs.md#proc_exit).
func procExit(_ *guest, a arguments) errno { panic(sys.NewExitError(a.u32(0))) }
