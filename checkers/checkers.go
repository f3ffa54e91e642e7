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
	"sort"

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

type workloadChecker func(*history.History, Options) (Verdict, error)

var workloadCheckers = map[string]workloadChecker{
	"echo":            func(h *history.History, _ Options) (Verdict, error) { return Echo(h), nil },
	"unique-ids":      func(h *history.History, _ Options) (Verdict, error) { return UniqueIDs(h), nil },
	"broadcast":       func(h *history.History, _ Options) (Verdict, error) { return SetFull(h, "broadcast") },
	"g-set":           func(h *history.History, _ Options) (Verdict, error) { return SetFull(h, "add") },
	"g-counter":       func(h *history.History, _ Options) (Verdict, error) { return Counter(h) },
	"kafka":           func(h *history.History, _ Options) (Verdict, error) { return Kafka(h) },
	"lin-kv":          func(h *history.History, _ Options) (Verdict, error) { return LinKV(h) },
	"txn-list-append": ListAppend,
	"txn-rw-register": RWRegister,
	"pn-counter":      func(h *history.History, _ Options) (Verdict, error) { return Counter(h) },
}

// Workloads returns the names of the workloads that Check knows, in order.
func Workloads() []string {
	names := make([]string, 0, len(workloadCheckers))
	for name := range workloadCheckers {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Check runs all checks of a workload. The network statistics are left out of
// the results when net is nil. A history whose values have the wrong shape for
// the workload is an error.
func Check(h *history.History, net *journal.Stats, o Options) (*Results, error) {
	check, ok := workloadCheckers[o.Workload]
	if !ok {
		return nil, fmt.Errorf("unknown workload %q, expected one of %v", o.Workload, Workloads())
	}
	verdict, err := check(h, o)
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

// A ShapeError is an operation whose value is not what the workload defines.
type ShapeError struct {
	Op   history.Op
	Want string
}

func (e *ShapeError) Error() string {
	return fmt.Sprintf("operation %d has the value %s, expected %s", e.Op.Index, abbreviate(edn.String(e.Op.Value)), e.Want)
}

func abbreviate(s string) string {
	if len(s) > 100 {
		return s[:97] + "…"
	}
	return s
}
