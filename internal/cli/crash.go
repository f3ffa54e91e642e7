package cli

import (
	"slices"
	"strings"

	"glomers/internal/nodeio"
)

// crashes are the ways in which programs that use Maelstrom's Go library often end: what
// they print on stderr, and what to do about it.
var crashes = []struct{ printed, hint string }{
	{"No handler for {", "A message came whose type has no handler, and the library ends the program. An answer to Send is a message like any other and needs " +
		"a handler; an answer to RPC or SyncRPC goes to the caller."},
	{"fatal error: stack overflow", "A function calls itself without end. The log of the node has the stack: below \"goroutine\", look for the function that comes again and again."},
	{"fatal error: concurrent map", "Handlers run at the same time, each in a goroutine of its own. Hold a sync.Mutex wherever they use the map; --race names the places."},
	{"fatal error: all goroutines are asleep", "Every goroutine waits for another one. The crash report says where each of them is: look for a lock that is taken twice, or a channel " +
		"that nobody reads."},
	{"invalid memory address or nil pointer dereference", "The line after \"goroutine\" in the crash report is where it happened. What a handler uses may be missing still: is it filled in by init or " +
		"topology, and can another message come before?"},
	{"such file or directory", "A simulated node has a disk of its own, with /tmp and nothing else on it; HOME is /. Make directories before use (os.MkdirAll), or keep files in " +
		"os.TempDir(). --engine process runs nodes in real time, with this machine's files."},
	{"assignment to entry in nil map", "A map has to be made before anything is put into it: make(map[…]…), also each map inside a map."},
}

// crashHint says what to do about a crash of a common kind; it is empty for others.
func crashHint(e *nodeio.Error) string {
	printed := strings.Join(slices.Concat(e.Crash, e.Stderr), "\n")
	for _, c := range crashes {
		if strings.Contains(printed, c.printed) {
			return c.hint
		}
	}
	return ""
}
