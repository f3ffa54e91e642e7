package wasm

import (
	"errors"
	"regexp"
	"strings"
)

// Many calls of one kind within a step show that a program waits by repeating
// them.
const manyCalls = 10_000

// waitsByCalling reports whether the step looks like waiting in a loop.
func (s *step) waitsByCalling() bool {
	return s.looks > manyCalls || s.yields > manyCalls || s.polls > manyCalls
}

// busy says what a guest did that used up its fuel, given the error with its
// stack.
func (g *guest) busy(trace error) error {
	stack := frames(trace.Error())
	what := "computes without end: it does not wait for messages or time any more"
	switch {
	case onStack(stack, "runtime.notetsleepg"):
		what = "uses os/signal, which in a WebAssembly module keeps everything else from running; test the Go package instead of the module, or leave os/signal out"
	case onStack(stack, "runtime.Gosched", "runtime.goschedImpl") || g.step.yields > manyCalls:
		what = "waits in a loop that yields (runtime.Gosched) and never sleeps, so that virtual time stands still; wait for a channel, or sleep"
	case onStack(stack, "runtime.selectnb", "runtime.chanlen"):
		what = "polls in a loop (select with default) and never sleeps, so that virtual time stands still; wait for the channel, or sleep"
	case g.step.looks > manyCalls:
		what = "waits in a loop that looks at the clock (time.Now, time.Since, or a timer of some nanoseconds); sleep instead"
	case g.step.polls > manyCalls:
		what = "asks for input in a loop; wait for it"
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
