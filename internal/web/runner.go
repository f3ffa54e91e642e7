package web

import (
	"context"
	"time"
)

// Program is something that can be run in a stage.
type Program struct {
	ID    string // such as reference, alternatives/uuid, or own/1
	Title string // what it is, in a few words
	Kind  string // own, reference, alternative or broken
}

// Order is what the browser asks to be run. Program is one of those of the stage.
type Order struct {
	Stage, Program string
	Seed           string // empty for a new one
	Engine         string // empty for the default
	Strict, Hard   bool
}

// running is the phase in which clients do what the test is about.
const running = "running"

// Progress is how far a run has come.
type Progress struct {
	Phase                   string
	Elapsed, Total          time.Duration // of the phase; Total 0 if unknown
	Invoked, OK, Fail, Info int           // operations
	Rate                    float64       // operations completed a second, lately
	Latency                 time.Duration // median, lately; 0 for none
	Faults                  string        // those in force, such as "partition"; empty for none
	Messages                int64         // between servers
}

// End is what an order came to.
type End struct {
	Outcome string   // pass, fail or unknown; empty if no run began
	Output  string   // what the command prints
	Command string   // that does the same
	Runs    []string // their directories in the store, with slashes
}

// Runner runs stages.
type Runner interface {
	// Run does what was ordered and calls report now and then. It returns when all is
	// done, or soon after the context ends.
	Run(ctx context.Context, o Order, report func(Progress)) End
}
