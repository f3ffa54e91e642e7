package checkers

import (
	"encoding/json"
	"fmt"

	"glomers/checkers/edn"
)

// Validity is a verdict. The zero value is Unknown, so that a result that was never
// filled in is not taken for a pass.
type Validity uint8

// The verdicts.
const (
	Unknown Validity = iota // the history does not show enough to tell
	Valid                   // no check found an error
	Invalid                 // the history proves an error
)

// String returns Maelstrom's word: true, unknown or false.
func (v Validity) String() string { return [...]string{"unknown", "true", "false"}[v] }

// MarshalEDN returns true, :unknown or false.
func (v Validity) MarshalEDN() any {
	return [...]any{edn.Keyword("unknown"), true, false}[v]
}

// MarshalJSON writes true, "unknown" or false.
func (v Validity) MarshalJSON() ([]byte, error) {
	return json.Marshal([...]any{"unknown", true, false}[v])
}

func validIf(ok bool) Validity {
	if ok {
		return Valid
	}
	return Invalid
}

// Worst returns the worst of several verdicts: Invalid is worse than Unknown, and
// Unknown worse than Valid. It is Unknown for none.
func Worst(verdicts ...Validity) Validity {
	worst, rank := Unknown, [...]int{Valid: 1, Unknown: 2, Invalid: 3}
	for i, v := range verdicts {
		if i == 0 || rank[v] > rank[worst] {
			worst = v
		}
	}
	return worst
}

// Finding is one kind of error in a run, in words for people.
type Finding struct {
	Check   string   `json:"check"`   // the name of the error, such as lost or G1a
	Summary string   `json:"summary"` // one sentence
	Details []string `json:"details,omitempty"`
	About   []any    `json:"about,omitempty"` // the value or key of the first detail, by which a report finds the messages that concern it
	Proof   []int    `json:"proof,omitempty"` // indices of operations that prove the first detail

	// Examples are the evidence of each detail, in their order. Remarks after the
	// examples, such as how many more there are, have none.
	Examples []Evidence `json:"-"`
}

// Verdict is what the results of all workloads have in common.
type Verdict struct {
	Valid    Validity  `json:"valid?"`
	Summary  string    `json:"-"` // a few words for people, such as "94 values, 3 lost"
	Findings []Finding `json:"-"` // why the verdict is not Valid
}

// Common returns the verdict itself, so that every type that embeds it is a
// WorkloadResult.
func (v *Verdict) Common() *Verdict { return v }

// WorkloadResult is the result of a workload's own check: an *EchoResult,
// *UniqueIDsResult, *SetFullResult, *CounterResult, *KafkaResult, *TxnResult or
// *LinKVResult. Its EDN form has the keys of :workload in Maelstrom's results.edn.
type WorkloadResult interface{ Common() *Verdict }

// few is how many examples a finding has.
const few = 5

// firstFew keeps a list of details short.
func firstFew(details []string) []string {
	if len(details) <= few {
		return details
	}
	return append(details[:few:few], fmt.Sprintf("and %d more", len(details)-few))
}
