package wasm

import (
	"errors"
	"regexp"
	"strings"
)

// A step counts as polling if it calls functions that look for something to do at least
// manyCalls times, and spends less than unitsPerPoll units of fuel per call: too little
// for any other work. The polling loops of the tests spend 5 to 350 units.
//
// Atomic operations prove less, since programs that work use many: encoding JSON takes
// one for every 15 units, a write to a map under a lock one for every 9. So they do not
// end a step, but explain one that has used up its fuel, if it spent less than
// unitsPerAtomic units for each: a loop that reads a variable under a lock spends 5.5.
const (
	manyCalls      = 10_000
	unitsPerPoll   = 512
	unitsPerAtomic = 8
)

// polling describes how the guest polls in this step; "" if it does not. Selects do not
// count as polling if goroutines often park: they then wait for each other, as they
// should.
func (g *guest) polling() string {
	counts := g.countedInStep()
	const parkOneIn = 8 // calls, if goroutines wait for each other
	goroutinesWait := counts[countedParks]*parkOneIn > counts[countedSelects]
	switch frequent := func(calls uint64) bool {
		return calls > manyCalls && calls*unitsPerPoll > g.step.spent
	}; {
	case frequent(counts[countedYields]), frequent(g.step.yields):
		return "waits in a loop that yields (runtime.Gosched) and never sleeps, so that virtual time stands still; wait for a channel, or sleep"
	case frequent(g.step.looks): // before selects: a ticker sends with one
		return "waits in a loop that looks at the clock (time.Now, time.Since, or a timer of some nanoseconds); sleep instead"
	case frequent(counts[countedSelects]) && !goroutinesWait:
		return "polls in a loop (select with default) and never sleeps, so that virtual time stands still; wait for the channel, or sleep"
	case frequent(g.step.polls):
		return "asks for input in a loop; wait for it"
	}
	return ""
}

// readsVariable reports whether the guest did little else in this step than read atomic
// variables, or variables under a lock.
func (g *guest) readsVariable() bool {
	return g.countedInStep()[countedAtomics]*unitsPerAtomic > g.step.spent
}

// countedInStep returns what the module has counted in this step.
func (g *guest) countedInStep() [len(counters)]uint64 {
	counts := g.counted()
	for i := range counts {
		counts[i] -= g.step.base[i]
	}
	return counts
}

// busy explains what a guest was doing that used up its fuel. The error holds its stack
// trace.
func (g *guest) busy(trace error) error {
	stack := frames(trace.Error())
	what := g.polling()
	switch {
	case onStack(stack, "runtime.notetsleepg"):
		what = "uses os/signal, which in a WebAssembly module keeps everything else from running; test the Go package instead of the module, or leave os/signal out"
	case what == "" && g.readsVariable():
		what = "reads a variable in a loop (an atomic one, or one under a lock) and never sleeps, so that virtual time stands still; wait for a channel, or sleep"
	case what == "":
		what = "computes without end: it does not wait for messages or time any more"
	}
	if f := culprit(stack); f != "" {
		what += "; it was in " + g.program.describe(f)
	}
	return errors.New(what + "; --engine process runs it in real time")
}

// frame matches a line of wazero's stack traces: a function and its parameters.
var frame = regexp.MustCompile(`(?m)^\t\.?([^\s(]+)\(`)

// frames returns the functions of a stack trace, the innermost first.
func frames(trace string) []string {
	var names []string
	for _, m := range frame.FindAllStringSubmatch(trace, -1) {
		names = append(names, m[1])
	}
	return names
}

// onStack reports whether a function whose name begins with one of the prefixes is on a
// stack.
func onStack(stack []string, prefixes ...string) bool {
	for _, f := range stack {
		for _, p := range prefixes {
			if strings.HasPrefix(f, p) {
				return true
			}
		}
	}
	return false
}

// culprit returns the innermost function of the program itself, "" if there is
// none on the stack or nothing has a name.
func culprit(stack []string) string {
	for _, f := range stack {
		if strings.HasPrefix(f, "main.") {
			return f
		}
	}
	for _, f := range stack { // a program in another language
		switch {
		case f == refuelModule+"."+refuelName, strings.HasPrefix(f, wasi), strings.HasPrefix(f, "runtime."), strings.HasPrefix(f, "$"),
			strings.HasPrefix(f, "internal_"), f == "wasm_pc_f_loop", f == "_rt0_wasm_wasip1", f == "_start":
		default:
			return f
		}
	}
	return ""
}
