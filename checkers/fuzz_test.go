package checkers

import (
	"bytes"
	"errors"
	"testing"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// FuzzCheck gives histories that no workload wrote to every checker. Whatever they
// hold:
//   - no result comes with an error, and an error of a value or a function names its
//     operation;
//   - a verdict that is not valid has a finding, each with a name, a summary, and
//     proof that is in the history;
//   - a valid one has none, and at least one operation that succeeded;
//   - strict mode that is unknown says what it skipped;
//   - checking twice gives the same bytes;
//   - a stricter consistency model is never more lenient.
func FuzzCheck(f *testing.F) {
	workloads := Workloads()
	for i, name := range workloads {
		values := map[string]string{
			"kafka":           `[[:send 1 [0 1]] [:poll {1 [[0 1]]}]]`,
			"txn-rw-register": `[[:r 1 nil] [:w 1 2]]`,
			"txn-list-append": `[[:r 1 [1 2]] [:append 1 3]]`,
			"lin-kv":          `[0 [1 2]]`,
			"echo":            `{:echo "a"}`,
			"g-counter":       `3`,
			"pn-counter":      `-3`,
		}
		value, ok := values[name]
		if !ok {
			value = "[1 2]"
		}
		for _, fn := range []string{"echo", "read", "broadcast", "add", "txn", "send", "poll", "assign", "cas", "committed-offsets", "generate"} {
			f.Add(uint8(i), []byte(`{:index 0 :type :invoke :process 0 :time 1 :f :`+fn+` :value `+value+`}
{:index 1 :type :ok :process 0 :time 2 :f :`+fn+` :value `+value+`}
{:index 2 :type :invoke :process 1 :time 30000000000 :f :`+fn+` :value nil :final? true}
{:index 3 :type :ok :process 1 :time 30000000001 :f :`+fn+` :value `+value+` :final? true}`))
		}
	}
	f.Fuzz(func(t *testing.T, workload uint8, text []byte) {
		ops, err := history.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		h, err := history.New(ops)
		if err != nil {
			return
		}
		least := 0.5
		o := Options{Workload: workloads[int(workload)%len(workloads)], Availability: &least, Strict: true, Nodes: []string{"n0", "n1"}, Concurrency: 2, LinearizableKeys: workload%2 == 1}
		r, err := Check(h, nil, o)
		if err != nil {
			checkError(t, r, err)
			return
		}
		checkFindings(t, h, "official", r.Valid, r.Findings)
		checkFindings(t, h, "workload", r.Workload.Common().Valid, r.Workload.Common().Findings)
		checkFindings(t, h, "strict", r.Strict.Valid, append(skippedAsFindings(r.Strict), r.Strict.Errors...))
		if r.Valid == Valid && r.Stats.OKCount == 0 {
			t.Error("the verdict is valid, though no operation succeeded")
		}
		again, err := Check(h, nil, o)
		if err != nil {
			t.Fatalf("the second time: %v", err)
		}
		if first, second := edn.Pretty(edn.Marshal(*r)), edn.Pretty(edn.Marshal(*again)); !bytes.Equal(first, second) {
			t.Errorf("two checks differ:\n%s\n%s", first, second)
		}
		checkMonotony(t, h, o)
	})
}

func checkError(t *testing.T, r *Results, err error) {
	t.Helper()
	if r != nil {
		t.Errorf("results beside the error %v", err)
	}
	var shape *ShapeError
	var function *FunctionError
	if !errors.As(err, &shape) && !errors.As(err, &function) {
		t.Errorf("an error without an operation: %v", err)
	}
}

// checkFindings compares a verdict with its findings.
func checkFindings(t *testing.T, h *history.History, what string, valid Validity, findings []Finding) {
	t.Helper()
	if (valid == Valid) != (len(findings) == 0) && (what != "workload" || valid != Unknown) { // a workload may leave it to stats to say that nothing happened
		t.Errorf("the %s verdict is %v with the findings %v", what, valid, findings)
	}
	for _, f := range findings {
		if f.Check == "" || f.Summary == "" {
			t.Errorf("a finding without a name or summary: %+v", f)
		}
		if len(f.Examples) > len(f.Details) || len(f.Details) > 0 && len(f.Examples) == 0 {
			t.Errorf("%s has evidence of %d examples for the details %q", f.Check, len(f.Examples), f.Details)
		}
		proof := f.Proof
		for _, e := range f.Examples {
			proof = append(proof[:len(proof):len(proof)], e.Proof...)
		}
		for _, i := range proof {
			if i < 0 || i >= len(h.Ops) {
				t.Errorf("%s is proved by operation %d of %d", f.Check, i, len(h.Ops))
			}
		}
	}
}

func skippedAsFindings(r *StrictResult) (out []Finding) {
	for _, s := range r.Skipped {
		out = append(out, Finding{Check: s.Check, Summary: s.Reason})
	}
	return out
}

// checkMonotony: what a weaker model forbids, a stronger one forbids, too.
func checkMonotony(t *testing.T, h *history.History, o Options) {
	t.Helper()
	var before *TxnResult
	for _, model := range []string{"read-uncommitted", "read-committed", "snapshot-isolation", "serializable", "strict-serializable"} {
		o.ConsistencyModels, o.Strict = []string{model}, false
		r, err := Check(h, nil, o)
		if err != nil {
			t.Fatalf("%s: %v", model, err)
		}
		txns, ok := r.Workload.(*TxnResult)
		if !ok {
			return
		}
		if before != nil && before.Valid == Invalid && txns.Valid != Invalid {
			t.Errorf("%s is %v, though a weaker model is violated: %v", model, txns.Valid, before.AnomalyTypes)
		}
		before = txns
	}
}
