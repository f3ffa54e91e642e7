package checkers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
)

// Options are what a check needs to know of a test besides its history.
type Options struct {
	Workload          string   // one of Workloads
	Availability      *float64 // the least fraction of operations that must succeed, from 0 to 1; nil for any
	ConsistencyModels []string // for transactions; nil for strict-serializable
	SequentialKeys    bool     // txn-rw-register: assume that each key by itself is sequentially consistent, and order its versions as each process used them
	LinearizableKeys  bool     // txn-rw-register: assume that each key by itself is linearizable, and order its versions by real time

	// Nodes are the ids of the nodes in their order, and Concurrency is the number of
	// workers, 0 for one for each node: worker i talks to node i mod len(Nodes). Findings
	// then name nodes besides processes. Without Nodes, Silences and most checks of strict
	// mode have nothing to go by.
	Nodes       []string
	Concurrency int

	Strict bool // run the checks of strict mode, too

	// Settle is how long after the last update strict mode waits before it expects
	// every node to show it. The network must be free of partitions by then. 0 stands
	// for ten seconds, Maelstrom's recovery time.
	Settle time.Duration
}

// Results are the results of a run. Their EDN and JSON forms have the keys of
// Maelstrom's results.edn.
type Results struct {
	Stats        Stats              `json:"stats"`
	Availability AvailabilityResult `json:"availability"`
	Latency      Latencies          `json:"latency"`
	Net          *NetResult         `json:"net,omitempty"` // nil without a journal
	Workload     WorkloadResult     `json:"workload"`
	Strict       *StrictResult      `json:"strict,omitempty"` // nil unless Options.Strict
	Valid        Validity           `json:"valid?"`           // the official verdict: the worst of stats, availability and workload

	Findings []Finding `json:"-"` // why the official verdict is not Valid
}

// MarshalJSON writes the results with the keys and nesting of results.edn.
func (r Results) MarshalJSON() ([]byte, error) { return edn.ToJSON(edn.Marshal(r)), nil }

// NetResult is the traffic of a run. It is always valid.
type NetResult struct {
	journal.Stats
	Valid Validity `json:"valid?"`
}

// workload is what Check knows of one workload.
type workload struct {
	functions []string // the names of its clients' operations
	check     func(*history.History, Options) (WorkloadResult, error)
	strict    func(*strict) error // the additional checks of strict mode; nil for none
}

// checkWith turns a check that returns a concrete type of result into one that
// returns the interface.
func checkWith[R WorkloadResult](check func(*history.History, Options) (R, error)) func(*history.History, Options) (WorkloadResult, error) {
	return func(h *history.History, o Options) (WorkloadResult, error) {
		r, err := check(h, o)
		if err != nil {
			return nil, err // not a nil R in a non-nil interface
		}
		return r, nil
	}
}

func setFull(add string) func(*history.History, Options) (WorkloadResult, error) {
	return checkWith(func(h *history.History, o Options) (*SetFullResult, error) { return SetFull(h, add, o) })
}

// workloads holds every workload that Check knows. The names are those of the
// clients and generators in internal/workload.
var workloads = map[string]workload{
	"echo":            {[]string{"echo"}, checkWith(Echo), nil},
	"unique-ids":      {[]string{"generate"}, checkWith(UniqueIDs), nil},
	"broadcast":       {[]string{"broadcast", "read"}, setFull("broadcast"), func(s *strict) error { return s.set("broadcast") }},
	"g-set":           {[]string{"add", "read"}, setFull("add"), func(s *strict) error { return s.set("add") }},
	"g-counter":       {[]string{"add", "read"}, checkWith(Counter), (*strict).counter},
	"pn-counter":      {[]string{"add", "read"}, checkWith(Counter), (*strict).counter},
	"kafka":           {kafkaFunctions, checkWith(Kafka), (*strict).kafka},
	"txn-list-append": {[]string{"txn"}, checkWith(ListAppend), (*strict).lists},
	"txn-rw-register": {[]string{"txn"}, checkWith(RWRegister), (*strict).registers},
	"lin-kv":          {linKVFunctions, checkWith(LinKV), nil},
}

var linKVFunctions = []string{"read", "write", "cas"}

// kafkaFunctions are the operations of Jepsen's kafka workload, and the one that
// strict mode adds: reading committed offsets.
var kafkaFunctions = []string{"send", "poll", "txn", "assign", "subscribe", "crash", "debug-topic-partitions", history.CommittedOffsets}

// Workloads returns the names of the workloads that Check knows, in order.
func Workloads() []string { return slices.Sorted(maps.Keys(workloads)) }

// workloadNamed returns the workload of a name.
func workloadNamed(name string) (workload, error) {
	w, ok := workloads[name]
	if !ok {
		return w, fmt.Errorf("unknown workload %q, expected one of %s", name, strings.Join(Workloads(), ", "))
	}
	return w, nil
}

// Check runs all checks of a workload on a history. net holds the network
// statistics of the run, taken from its journal; if it is nil, the results have none.
//
// It returns an error, and no results, if the workload or a consistency model is
// unknown, if no check can tell whether a model holds, or if the history has
// operations of another workload (*FunctionError) or values of the wrong shape
// (*ShapeError).
func Check(h *history.History, net *journal.Stats, o Options) (*Results, error) {
	w, err := workloadNamed(o.Workload)
	if err != nil {
		return nil, err
	}
	if err := ValidateModels(o.ConsistencyModels); err != nil {
		return nil, err
	}
	if err := w.accepts(h); err != nil {
		return nil, fmt.Errorf("check %s: %w", o.Workload, err)
	}
	result, err := w.check(h, o)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", o.Workload, err)
	}
	r := &Results{
		Stats:        StatsOf(h),
		Availability: Availability(h, o.Availability),
		Latency:      LatenciesOf(h),
		Workload:     result,
	}
	if net != nil {
		s := *net
		s.PerOp(invocations(h))
		r.Net = &NetResult{s, Valid}
	}
	if o.Strict {
		if r.Strict, err = Strict(h, o); err != nil {
			return nil, fmt.Errorf("check %s strictly: %w", o.Workload, err)
		}
	}
	v := result.Common()
	r.Valid = Worst(r.Stats.Valid, r.Availability.Valid, v.Valid)
	r.Findings = slices.Concat(v.Findings, r.Stats.findings(), r.Availability.findings(o.Availability))
	return r, nil
}

// accepts returns a *FunctionError if the history has an operation that the
// workload does not have. The check would ignore it, and could call a history of
// another workload valid.
func (w workload) accepts(h *history.History) error {
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Client() && !slices.Contains(w.functions, op.F) {
			return &FunctionError{*op, w.functions}
		}
	}
	return nil
}

// invocations counts the operations that clients invoked.
func invocations(h *history.History) int {
	n := 0
	for i := range h.Ops {
		if h.Ops[i].Type == history.Invoke && h.Ops[i].Client() {
			n++
		}
	}
	return n
}
