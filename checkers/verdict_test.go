package checkers

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// TestZeroIsUnknown: what nothing was written to vouches for nothing.
func TestZeroIsUnknown(t *testing.T) {
	if v := (Results{}).Valid; v != Unknown {
		t.Errorf("the zero Results are %v", v)
	}
	for _, test := range []struct {
		verdicts []Validity
		want     Validity
	}{
		{nil, Unknown},
		{[]Validity{Valid}, Valid},
		{[]Validity{Valid, Unknown, Valid}, Unknown},
		{[]Validity{Unknown, Valid}, Unknown},
		{[]Validity{Valid, Invalid, Unknown}, Invalid},
	} {
		if got := Worst(test.verdicts...); got != test.want {
			t.Errorf("the worst of %v is %v, want %v", test.verdicts, got, test.want)
		}
	}
}

// TestEmptyHistory: every check, called by itself, knows nothing of an empty history.
// Maelstrom fails it for registers.
func TestEmptyHistory(t *testing.T) {
	h, err := history.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range workloads {
		r, err := w.check(h, Options{Workload: name})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := Unknown
		if name == "txn-rw-register" {
			want = Invalid
		}
		if got := r.Common().Valid; got != want {
			t.Errorf("%s calls an empty history %v, want %v", name, got, want)
		}
		least := 0.5
		all, err := Check(h, nil, Options{Workload: name, Availability: &least})
		if err != nil {
			t.Fatal(err)
		}
		if all.Valid != want || all.Availability.Valid != Unknown {
			t.Errorf("%s: Check calls an empty history %v, its availability %v", name, all.Valid, all.Availability.Valid)
		}
	}
}

// TestErrorsComeAlone: a check that fails returns no result.
func TestErrorsComeAlone(t *testing.T) {
	for name, w := range workloads {
		if name == "echo" || name == "unique-ids" {
			continue // any value has the right shape
		}
		ops := []history.Op{
			{Type: history.Invoke, F: w.functions[len(w.functions)-1], Value: "x", Final: true},
			{Type: history.OK, F: w.functions[len(w.functions)-1], Value: "x", Final: true},
		}
		if name == "kafka" {
			ops[0].F, ops[1].F = "send", "send"
		}
		if strings.HasPrefix(name, "txn-") {
			ops[0].Final, ops[1].Final = false, false
		}
		h, err := history.New(ops)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := w.check(h, Options{Workload: name}); err == nil || r != nil {
			t.Errorf("%s: result %v, error %v", name, r, err)
		}
		if r, err := Check(h, nil, Options{Workload: name}); err == nil || r != nil {
			t.Errorf("Check of %s: result %v, error %v", name, r, err)
		}
	}
}

// TestModels: every model is either judged or an error, and none that is judged
// allows everything.
func TestModels(t *testing.T) {
	for _, name := range ConsistencyModels() {
		if err := ValidateModels([]string{name}); err != nil {
			t.Errorf("%s is listed, but %v", name, err)
		}
	}
	for _, name := range []string{"serialisable", "Serializable", "", "linearizable", "causal", "1SR", "view-serializable", "session-serializable", "sequential", "PRAM"} {
		if ValidateModels([]string{"serializable", name}) == nil {
			t.Errorf("%q is accepted", name)
		}
		for _, check := range []func(*history.History, Options) (*TxnResult, error){RWRegister, ListAppend} {
			if r, err := check(&history.History{}, Options{ConsistencyModels: []string{name}}); err == nil || r != nil {
				t.Errorf("%q: result %v, error %v", name, r, err)
			}
		}
	}
}

// TestNotOnlyWhereInvalid: a valid history rules out no model, as in Elle's output,
// even if it has anomalies that the models allow.
func TestNotOnlyWhereInvalid(t *testing.T) {
	h := notation(t, "ok rx ay1 | ok ry ax1\nok rx1 ry1", true) // write skew
	for model, want := range map[string]int{"snapshot-isolation": 0, "serializable": 1} {
		r, err := ListAppend(h, Options{ConsistencyModels: []string{model}})
		if err != nil {
			t.Fatal(err)
		}
		if got := min(len(r.Not), 1); got != want {
			t.Errorf("under %s the verdict is %v and rules out %v, %v", model, r.Valid, r.Not, r.AlsoNot)
		}
		if text := edn.String(edn.Marshal(r)); strings.Contains(text, ":not") != (want == 1) {
			t.Errorf("under %s: %s", model, text)
		}
	}
}

// TestModelNotLookedFor: a valid verdict names the models whose own anomalies no check
// looks for.
func TestModelNotLookedFor(t *testing.T) {
	h := notation(t, "ok wx1\nok rx1", false)
	for model, want := range map[string]bool{"monotonic-view": true, "PL-FCV": true, "read-committed": false, "snapshot-isolation": false, "serializable": false, "strict-serializable": false, "read-uncommitted": false} {
		r, err := RWRegister(h, Options{ConsistencyModels: []string{model}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Valid != Valid || strings.Contains(r.Summary, "not looked for") != want {
			t.Errorf("under %s: %v, %s", model, r.Valid, r.Summary)
		}
	}
}

// TestNodesInFindings: worker i talks to node i mod nodes, and its processes are i,
// i + workers, ….
func TestNodesInFindings(t *testing.T) {
	who := namesOf(Options{Nodes: []string{"n0", "n1"}, Concurrency: 4})
	for process, want := range map[int]string{0: "n0", 3: "n1", 4: "n0", 7: "n1", history.Nemesis: ""} {
		if got := who.node(process); got != want {
			t.Errorf("process %d talks to %q, want %q", process, got, want)
		}
	}
	three := namesOf(Options{Nodes: []string{"n0", "n1", "n2"}, Concurrency: 4})
	if got := three.node(7); got != "n0" { // worker 3
		t.Errorf("process 7 of 4 workers talks to %q, want n0", got)
	}
	if got := (names{}).process(3); got != "process 3" {
		t.Errorf("without nodes: %q", got)
	}
}

// TestQuantile has Jepsen's definition: index ⌊p·n⌋, but no more than the last.
func TestQuantile(t *testing.T) {
	for _, test := range []struct {
		n    int
		p    float64
		want int
	}{{1, 0.5, 0}, {2, 0.5, 1}, {2, 0.99, 1}, {3, 0.5, 1}, {4, 0.5, 2}, {100, 0.99, 99}, {100, 0.95, 95}, {101, 0.5, 50}, {5, 0, 0}, {5, 1, 4}} {
		values := make([]int, test.n)
		for i := range values {
			values[i] = i
		}
		if got := Quantile(values, test.p); got != test.want {
			t.Errorf("of %d values the one at %v is number %d, want %d", test.n, test.p, got, test.want)
		}
	}
	if got := Quantile([]time.Duration(nil), 0.5); got != 0 {
		t.Errorf("of no values: %v", got)
	}
}

func TestFigure(t *testing.T) {
	for x, want := range map[float64]string{0: "0", 0.04999: "0.04999", 0.05: "0.05", 1.5: "1.5", 12: "12", 23.5678: "23.57", 999.96: "1000", 17980.26: "17980", 1234567.8: "1234568", -3.14159: "-3.142"} {
		if got := Figure(x); got != want {
			t.Errorf("%v is written %s, want %s", x, got, want)
		}
	}
}

// TestOne: a number and its noun agree.
func TestOne(t *testing.T) {
	if got := fmt.Sprint(count(1, "key differs", "keys differ"), ", ", count(2, "key differs", "keys differ")); got != "1 key differs, 2 keys differ" {
		t.Error(got)
	}
}
