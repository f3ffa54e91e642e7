// Package spec describes a test: what runs on which nodes, under which load and
// faults, and how it is judged. The command's flags are mapped to it once, the
// store keeps it, and everything else that needs to know a test reads it.
package spec

import (
	"fmt"
	"math"
	"strings"
	"time"

	"glomers/checkers"
)

// Test describes one test in full: enough to repeat it.
type Test struct {
	Stage    string `json:"stage,omitempty"`    // of the workbook, if it is one
	Official bool   `json:"official,omitempty"` // with the challenge's own options
	Hard     bool   `json:"hard,omitempty"`     // in the stage's hard mode
	Shrunk   bool   `json:"shrunk,omitempty"`   // the smallest of its kind that fails, as far as known
	Workload string `json:"workload"`
	Seed     uint64 `json:"seed"`

	Nodes []string `json:"nodes"` // ids
	Host
	Load
	Network
	Judgement

	Command string    `json:"command,omitempty"` // that repeats the run
	Start   time.Time `json:"start,omitzero"`
}

// Host is what runs the nodes.
type Host struct {
	Engine     string   `json:"engine"`
	Solution   string   `json:"solution"`              // path of what is tested
	Program    string   `json:"program,omitempty"`     // SHA-256, in hexadecimal, of what was built from it and of Args
	Args       []string `json:"args,omitempty"`        // of a node
	Race       bool     `json:"race,omitempty"`        // built with the race detector
	CPUCost    Duration `json:"cpu-cost,omitempty"`    // of a message, for simulated nodes
	Yields     float64  `json:"yields,omitempty"`      // probability that a goroutine gives way, natively
	NodeMemory int      `json:"node-memory,omitempty"` // MiB, of simulated nodes
}

// Load is what clients do.
type Load struct {
	Concurrency     int     `json:"concurrency"` // workers
	Rate            float64 `json:"rate"`        // operations a second, on average
	TimeLimit       float64 `json:"time-limit"`  // seconds
	Recovery        float64 `json:"recovery"`    // seconds between healing the network and the final operations
	Topology        string  `json:"topology"`
	KeyCount        int     `json:"key-count,omitempty"` // 0 for the workload's default
	MaxTxnLength    int     `json:"max-txn-length"`
	MaxWritesPerKey int     `json:"max-writes-per-key"`
}

// Network is the latency of messages between servers, and the faults of network and
// nodes that the nemesis injects.
type Network struct {
	LatencyMS       float64  `json:"latency"` // mean, milliseconds
	LatencyDist     string   `json:"latency-dist"`
	Nemesis         []string `json:"nemesis,omitempty"` // faults
	NemesisInterval float64  `json:"nemesis-interval"`  // mean, seconds
}

// Judgement is what is expected of the run.
type Judgement struct {
	Availability      *float64 `json:"availability,omitempty"` // least fraction of operations that succeed; nil for any
	ConsistencyModels []string `json:"consistency-models"`
	Strict            bool     `json:"strict,omitempty"`
}

// Duration is a time.Duration whose text is such as 50µs.
type Duration time.Duration

// MarshalText returns the duration in Go's notation.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads a duration in Go's notation.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a duration such as 50µs", text)
	}
	*d = Duration(v)
	return nil
}

// CheckOptions are the options that the checkers need.
func (t *Test) CheckOptions() checkers.Options {
	return checkers.Options{
		Workload: t.Workload, Availability: t.Availability, ConsistencyModels: t.ConsistencyModels,
		Strict: t.Strict, Nodes: t.Nodes, Concurrency: t.Concurrency,
		Settle: max(time.Duration(t.Recovery*float64(time.Second)), 1),
	}
}

// A BoundError is an option whose value is not possible.
type BoundError struct {
	Option string // as in --rate
	Value  any
	Want   string
}

func (e *BoundError) Error() string {
	return fmt.Sprintf("--%s is %v, expected %s", e.Option, e.Value, e.Want)
}

// The largest values of options. Every time in a run stays far below the 292 years
// that a time.Duration can hold.
const (
	maxSeconds   = 1_000_000 // eleven days
	maxLatencyMS = 3_600_000 // an hour
	maxRate      = 1_000_000 // operations a second
	maxKeys      = 1_000_000 // also writes per key
	maxLength    = 10_000    // micro-operations of a transaction
	maxNodes     = 1_000     // each is a process
	maxWorkers   = 10_000    //
	maxCPUCost   = time.Hour // of a message
	leastPause   = 0.001     // seconds between two operations of the nemesis
	leastRate    = 0.001     // operations a second, if not 0
	leastMemory  = 16        // MiB
	mostMemory   = 4<<10 - 1 // MiB: what 32 bits can address
)

// Validate returns an error that names the first option whose value is not
// possible. Names of workloads, faults and models are checked by the packages that
// define them.
func (t *Test) Validate() error {
	for _, n := range []struct {
		option      string
		value       float64
		least, most float64
		unit        string
	}{
		{"time-limit", t.TimeLimit, 1, maxSeconds, "seconds"},
		{"recovery", t.Recovery, 0, maxSeconds, "seconds"},
		{"nemesis-interval", t.NemesisInterval, leastPause, maxSeconds, "seconds"},
		{"latency", t.LatencyMS, 0, maxLatencyMS, "milliseconds"},
		{"node-count", float64(len(t.Nodes)), 1, maxNodes, "nodes"},
		{"concurrency", float64(t.Concurrency), 1, maxWorkers, "workers"},
		{"key-count", float64(t.KeyCount), 0, maxKeys, "keys"},
		{"max-txn-length", float64(t.MaxTxnLength), 1, maxLength, "operations"},
		{"max-writes-per-key", float64(t.MaxWritesPerKey), 1, maxKeys, "writes"},
	} {
		if !(n.value >= n.least && n.value <= n.most) { // NaN is neither
			return &BoundError{n.option, plain(n.value), fmt.Sprintf("%s to %s %s", plain(n.least), plain(n.most), n.unit)}
		}
	}
	if r := t.Rate; !(r == 0 || r >= leastRate && r <= maxRate) {
		return &BoundError{"rate", plain(r), fmt.Sprintf("0, or %v to %d operations a second", leastRate, maxRate)}
	}
	if y := t.Yields; !(y >= 0 && y <= 1) {
		return &BoundError{"yields", plain(y), "a probability from 0 to 1"}
	}
	if c := time.Duration(t.CPUCost); c < 0 || c > maxCPUCost {
		return &BoundError{"cpu-cost", c, fmt.Sprintf("0 to %v, such as 50µs", maxCPUCost)}
	}
	if m := t.NodeMemory; m != 0 && (m < leastMemory || m > mostMemory) {
		return &BoundError{"node-memory", m, fmt.Sprintf("%d to %d MiB", leastMemory, mostMemory)}
	}
	return nil
}

// plain writes a number as people type it.
func plain(x float64) string {
	switch {
	case math.IsNaN(x):
		return "not a number"
	case math.IsInf(x, 0):
		return "infinite"
	case math.Abs(x) >= 1e21:
		return fmt.Sprintf("%g", x)
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.6f", x), "0"), ".")
}
