package sim

import (
	"context"
	"io"
	"iter"
	"math/rand/v2"
	"time"
)

// A Program is what the nodes of a cluster run.
type Program interface {
	// Machine returns the machine of a new node, with an empty disk.
	Machine(node string) (Machine, error)
}

// A Placer is a Program whose guests run best on one core with the goroutine that
// drives them.
type Placer interface {
	// Place keeps the calling goroutine on a core until Release. Guests that it
	// resumes follow it there.
	Place() Place
}

// A Place is a core that a run occupies. Guests are booted with it.
type Place interface {
	Review() // may choose another core; to be called every now and then
	Release()
}

// A Machine is the computer of one node. Its disk outlives the program that
// runs on it.
type Machine interface {
	// Boot loads the program. It begins to run with the first Resume. At most one
	// guest of a machine is alive at a time. The context is that of the run: when it
	// ends, so does a guest that is running.
	Boot(context.Context, Boot) (Guest, error)
	// Files yields the path and the content of every file that programs wrote,
	// sorted by path.
	Files() iter.Seq2[string, io.Reader]
	// Close frees the disk. The guest must have been killed.
	Close() error
}

// Boot holds what a program is started with.
type Boot struct {
	Args []string // without the name of the program
	PID  int      // differs between nodes, and between the lives of one node
	// Random is the source of all randomness of the program.
	Random *rand.Rand
	// Yields is the probability with which a goroutine gives way where goroutines meet:
	// before it takes a lock, uses a channel, or prints a line on stdout. A guest that
	// cannot do that leaves it out.
	Yields float64
	// Trace makes the guest tell on stderr where goroutines give way and what they
	// print, each in a line that begins with TraceMark.
	Trace bool
	Place Place // of the run, if the program is a Placer
	// Output takes what the program writes. After an error the program must not run
	// any more: Resume returns that error.
	Output func(Output) error
	// Warn takes a remark for the user, as a clause about the node: "calls …".
	Warn func(text string)
}

// TraceMark begins the lines on stderr that Boot.Trace asks for. What follows is the
// number of the goroutine and what it does: "34 gives way in main.f (main.go:12)",
// "34 goes on", "34 prints TEXT".
const TraceMark = "glomers: goroutine "

// Stream is where a program writes to.
type Stream int

// The streams of a program.
const (
	Stdout Stream = iota
	Stderr
)

// Output is one write of a program.
type Output struct {
	Stream Stream
	At     time.Duration // on the clock of the guest
	Data   []byte        // valid only during the call
}

// A Guest is a program that is being executed: one life of a node.
type Guest interface {
	// Resume lets the program run until it waits. The error says why it ended
	// instead, as a clause about the node ("crashed: …"); a program that ended
	// must not be resumed. If the context of Boot ended, the error is its error.
	Resume(Step) (Wait, error)
	// Kill ends the program, if it has not ended, and frees its memory. It may be
	// called more than once.
	Kill()
}

// Step is what a guest gets when it is resumed.
type Step struct {
	Now   time.Duration // since the beginning of the run; never decreases
	Skew  time.Duration // error of the wall clock, which shows Epoch + Now + Skew
	Input []byte        // what arrived on stdin since the last step; the guest keeps it until the program reads it
}

// Wait is what a program waits for.
type Wait struct {
	Deadline time.Duration // when to resume it at the latest, Never if only input can wake it
	Input    bool          // resume it as soon as it has input
	Clock    time.Duration // what its clock shows: Step.Now or later
	Unread   int           // bytes of its input that it has not read yet
}

// Never is the deadline of a program that waits for no timer.
const Never = time.Duration(-1)

// Epoch is what the wall clock of a node shows at the beginning of a run. It is
// later than the epochs from which generators of snowflake ids count.
var Epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
