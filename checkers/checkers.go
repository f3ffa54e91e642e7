// Package checkers reaches Maelstrom's verdicts from recorded histories.
//
// Each checker is a function of a history alone. It returns a result whose
// fields are those of Maelstrom's results.edn; Results composes them for a
// workload:
//
//	h, err := history.ReadFile("store/latest/history.edn")
//	r, err := checkers.Check(h, nil, checkers.Options{Workload: "broadcast"})
//	fmt.Println(r.Valid)
package checkers

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
)

// Validity is a verdict. The zero value is Valid.
type Validity uint8

// The verdicts, from best to worst.
const (
	Valid   Validity = iota
	Unknown          // the history does not say
	Invalid
)

func (v Validity) String() string { return [...]string{"true", "unknown", "false"}[v] }

// MarshalEDN returns true, :unknown or false.
func (v Validity) MarshalEDN() any {
	return [...]any{true, edn.Keyword("unknown"), false}[v]
}

// MarshalJSON writes true, "unknown" or false.
func (v Validity) MarshalJSON() ([]byte, error) {
	return json.Marshal([...]any{true, "unknown", false}[v])
}

func validIf(ok bool) Validity {
	if ok {
		return Valid
	}
	return Invalid
}

// Worst returns the worst of several verdicts, Valid for none.
func Worst(verdicts ...Validity) Validity {
	worst := Valid
	for _, v := range verdicts {
		worst = max(worst, v)
	}
	return worst
}

// Finding is one thing that is wrong with a run, in words for people.
type Finding struct {
	Check   string   `json:"check"`   // such as lost or duplicated
	Summary string   `json:"summary"` // one sentence
	Details []string `json:"details,omitempty"`
	About   []any    `json:"about,omitempty"` // the value or key of the first detail, which the messages that matter mention
	Proof   []int    `json:"proof,omitempty"` // indices of the operations that show it and do not mention it, such as a read that lacks it
}

// Verdict is what the checker of a workload returns.
type Verdict struct {
	Valid    Validity
	Fields   any       // the value of :workload in results.edn
	Summary  string    // a few words for people, such as "94 values, 3 lost"
	Findings []Finding // why the verdict is not Valid
	Pages    []Page    // drawings of what is wrong
}

// Page is an HTML page to look at in a browser.
type Page struct {
	Name  string // of a file, with its extension
	Write func(io.Writer) error
}

// Options are what a test told its checkers.
type Options struct {
	Workload          string
	Availability      *float64 // the least fraction of operations that must succeed; nil for any
	ConsistencyModels []string // for transactions; nil for strict-serializable
	SequentialKeys    bool     // registers are sequentially consistent, each by itself: infer versions from the order of processes
	LinearizableKeys  bool     // registers are linearizable, each by itself: infer versions from real time

	Strict      bool     // look for what the official checks cannot see, too
	Nodes       []string // for strict checks: the nodes of the test,
	Concurrency int      // and its number of workers; 0 if unknown
}

// Results are the results of a run, with the keys of Maelstrom's results.edn.
type Results struct {
	Stats        Stats              `json:"stats"`
	Availability AvailabilityResult `json:"availability"`
	Latency      Latencies          `json:"latency"`
	Net          *NetResult         `json:"net,omitempty"`
	Workload     any                `json:"workload"`
	Strict       *StrictResult      `json:"strict,omitempty"`
	Valid        Validity           `json:"valid?"` // the official verdict

	WorkloadValid Validity  `json:"-"`
	Summary       string    `json:"-"` // of the workload, in a few words
	Findings      []Finding `json:"-"`
	Pages         []Page    `json:"-"`
}

// NetResult is the traffic of a run. It is always valid.
type NetResult struct {
	journal.Stats
	Valid Validity `json:"valid?"`
}

// workload is what its operations are called and the check of its own.
type workload struct {
	functions []string
	check     func(*history.History, Options) (Verdict, error)
}

var workloads = map[string]workload{
	"echo":            {[]string{"echo"}, func(h *history.History, _ Options) (Verdict, error) { return Echo(h), nil }},
	"unique-ids":      {[]string{"generate"}, func(h *history.History, _ Options) (Verdict, error) { return UniqueIDs(h), nil }},
	"broadcast":       {[]string{"broadcast", "read"}, func(h *history.History, _ Options) (Verdict, error) { return SetFull(h, "broadcast") }},
	"g-set":           {[]string{"add", "read"}, func(h *history.History, _ Options) (Verdict, error) { return SetFull(h, "add") }},
	"g-counter":       {[]string{"add", "read"}, func(h *history.History, _ Options) (Verdict, error) { return Counter(h) }},
	"pn-counter":      {[]string{"add", "read"}, func(h *history.History, _ Options) (Verdict, error) { return Counter(h) }},
	"kafka":           {kafkaFunctions, func(h *history.History, _ Options) (Verdict, error) { return Kafka(h) }},
	"txn-list-append": {[]string{"txn"}, ListAppend},
	"txn-rw-register": {[]string{"txn"}, RWRegister},
	"lin-kv":          {linKVFunctions, func(h *history.History, _ Options) (Verdict, error) { return LinKV(h) }},
}

var linKVFunctions = []string{"read", "write", "cas"}

// kafkaFunctions are those of Jepsen's kafka workload, and strict mode's.
var kafkaFunctions = []string{"send", "poll", "txn", "assign", "subscribe", "crash", "debug-topic-partitions", CommittedOffsets}

// Workloads returns the names of the workloads that Check knows, in order.
func Workloads() []string {
	names := make([]string, 0, len(workloads))
	for name := range workloads {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Check runs all checks of a workload. The network statistics are left out of
// the results when net is nil. A history of other operations than the workload's,
// or with values of the wrong shape, is an error.
func Check(h *history.History, net *journal.Stats, o Options) (*Results, error) {
	w, ok := workloads[o.Workload]
	if !ok {
		return nil, fmt.Errorf("unknown workload %q, expected one of %v", o.Workload, Workloads())
	}
	if err := w.knows(h); err != nil {
		return nil, fmt.Errorf("check %s: %w", o.Workload, err)
	}
	verdict, err := w.check(h, o)
	if err != nil {
		return nil, fmt.Errorf("check %s: %w", o.Workload, err)
	}
	r := &Results{
		Stats:        StatsOf(h),
		Availability: Availability(h, o.Availability),
		Latency:      LatenciesOf(h),
		Workload:     verdict.Fields,

		WorkloadValid: verdict.Valid,
		Summary:       verdict.Summary,
		Pages:         verdict.Pages,
	}
	if net != nil {
		s := *net
		s.PerOp(invocations(h))
		r.Net = &NetResult{s, Valid}
	}
	if o.Strict {
		strict, err := Strict(h, o)
		if err != nil {
			return nil, fmt.Errorf("check %s strictly: %w", o.Workload, err)
		}
		r.Strict = &strict
	}
	r.Valid = Worst(r.Stats.Valid, r.Availability.Valid, verdict.Valid)
	r.Findings = append(append(verdict.Findings, r.Stats.findings()...), r.Availability.findings(o.Availability)...)
	return r, nil
}

// knows returns an error if clients did something that the workload's clients do
// not do: its check would find nothing to judge, and call that valid.
func (w workload) knows(h *history.History) error {
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Client() && !slices.Contains(w.functions, op.F) {
			return &FunctionError{*op, w.functions}
		}
	}
	return nil
}

// invocations counts the operations that clients began.
func invocations(h *history.History) int {
	n := 0
	for i := range h.Ops {
		if h.Ops[i].Type == history.Invoke && h.Ops[i].Client() {
			n++
		}
	}
	return n
}

// A FunctionError is an operation that the workload does not have.
type FunctionError struct {
	Op   history.Op
	Want []string
}

func (e *FunctionError) Error() string {
	return fmt.Sprintf("%s is a %s, expected one of %s; is the history that of another workload?", e.Op.Where(), e.Op.F, strings.Join(e.Want, ", "))
}

// Position returns the place of the operation in the text of the history.
func (e *FunctionError) Position() (line, column int) { return e.Op.Position() }

// A ShapeError is an operation whose value is not what the workload defines.
type ShapeError struct {
	Op   history.Op
	Want string
}

func (e *ShapeError) Error() string {
	return fmt.Sprintf("%s has the value %s, expected %s", e.Op.Where(), edn.Brief(e.Op.Value, shown), e.Want)
}

// Position returns the place of the operation in the text of the history.
func (e *ShapeError) Position() (line, column int) { return e.Op.Position() }

// shown is how many runes of a value or an error a message quotes.
const shown = 100
