// Package workload holds Maelstrom's ten workloads: the requests that clients send
// to nodes, their order, and how the answers become outcomes of operations
// (Maelstrom's doc/workloads.md).
//
// A Workload generates operations and opens a Session for each worker; a Load
// paces them.
package workload

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/internal/kernel"
)

// Options configure a workload.
type Options struct {
	Nodes           []string
	Concurrency     int // workers
	Topology        string
	KeyCount        int // 0 for the default of 10
	MaxTxnLength    int
	MaxWritesPerKey int
	MeanLatency     time.Duration // of the network, for the timeouts of lin-kv
	Strict          bool          // with the final operations that strict checks need
}

// Worker is a thread of the test that is free to run an operation.
type Worker struct{ Index, Process int }

// Workload generates the operations of a test.
type Workload interface {
	// Next returns an operation and the one of the free workers, of which there
	// is at least one, that runs it; false if none of them can do anything now.
	Next(now time.Duration, free []Worker) (history.Op, Worker, bool)
	// Open returns the session of a worker whose client is new.
	Open(c *Client) Session
}

// Session performs operations for one worker.
type Session interface {
	// Invoke performs op and calls done once with its completion.
	Invoke(op history.Op, done func(history.Op))
}

// Preparer is a Workload whose clients do something before the test.
type Preparer interface {
	Prepare(c *Client, done func(error))
}

// Observer is a Workload that wants to see every completion.
type Observer interface {
	Observe(worker int, op history.Op)
}

// Finisher is a Workload with final operations after the network recovered.
type Finisher interface {
	// Final returns the next final operation of a worker and how long to wait
	// before it; false when the worker is done.
	Final(worker int) (op history.Op, wait time.Duration, ok bool)
	// FinalLimit is how long the final operations may take, 0 for no limit.
	FinalLimit() time.Duration
}

type constructor func(Options, *kernel.Kernel) (Workload, error)

// workloads is the registry of this package. The checks of a workload are registered
// under the same name in package checkers.
var workloads = map[string]constructor{
	"broadcast":       newBroadcast,
	"echo":            newEcho,
	"g-counter":       newGCounter,
	"g-set":           newGSet,
	"kafka":           newKafka,
	"lin-kv":          newLinKV,
	"pn-counter":      newPNCounter,
	"txn-list-append": newListAppend,
	"txn-rw-register": newRWRegister,
	"unique-ids":      newUniqueIDs,
}

// Names returns the names of the workloads in order.
func Names() []string {
	names := make([]string, 0, len(workloads))
	for name := range workloads {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// New returns the workload of that name.
func New(name string, o Options, k *kernel.Kernel) (Workload, error) {
	create, ok := workloads[name]
	if !ok {
		return nil, fmt.Errorf("unknown workload %q, expected one of %s", name, strings.Join(Names(), ", "))
	}
	if len(o.Nodes) == 0 || o.Concurrency < 1 {
		return nil, fmt.Errorf("workload %s needs at least one node and one worker, found %d and %d", name, len(o.Nodes), o.Concurrency)
	}
	return create(o, k)
}

// pick returns one of the free workers, at random.
func pick(r *rand.Rand, free []Worker) Worker { return free[r.IntN(len(free))] }

// fields returns a map of alternating keys and values.
func fields(keysAndValues ...any) edn.Map {
	m := make(edn.Map, 0, len(keysAndValues)/2)
	for i := 0; i < len(keysAndValues); i += 2 {
		m = append(m, edn.Entry{Key: keysAndValues[i], Value: keysAndValues[i+1]})
	}
	return m
}

// finalReads makes every worker read once at the end.
type finalReads struct {
	read map[int]bool
	op   history.Op
}

func newFinalReads(op history.Op) finalReads { return finalReads{map[int]bool{}, op} }

func (f finalReads) Final(worker int) (history.Op, time.Duration, bool) {
	if f.read[worker] {
		return history.Op{}, 0, false
	}
	f.read[worker] = true
	return f.op, 0, true
}

func (f finalReads) FinalLimit() time.Duration { return 0 }
