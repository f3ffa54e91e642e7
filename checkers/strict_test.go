package checkers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// locking is read uncommitted as databases with locks implement it: writes happen
// in place, under a lock on the key that is held to the end of the transaction; a
// transaction that would have to wait is aborted and undone. Reads take no lock
// and see whatever is there.
type locking struct {
	values map[int64]any
	owner  map[int64]*running
	undo   map[*running][]mop
	abort  map[*running]bool
}

func newLocking() *locking {
	return &locking{map[int64]any{}, map[int64]*running{}, map[*running][]mop{}, map[*running]bool{}}
}

func (s *locking) begin(*running)                 {}
func (s *locking) read(_ *running, key int64) any { return s.values[key] }
func (s *locking) write(t *running, key, value int64) {
	if owner := s.owner[key]; s.abort[t] || owner != nil && owner != t {
		s.abort[t] = true
		return
	}
	s.owner[key] = t
	s.undo[t] = append(s.undo[t], mopOf(key, s.values[key]))
	s.values[key] = value
}

func (s *locking) commit(t *running) bool {
	for _, m := range slices.Backward(s.undo[t]) {
		key := m.key.(int64)
		if s.abort[t] {
			s.values[key] = m.value
		}
		delete(s.owner, key)
	}
	return !s.abort[t]
}

// lastWriterWins is read uncommitted on replicas with skewed clocks: a write takes
// effect in place unless the key has one with a higher timestamp. All writes of a
// transaction have one timestamp, so that every key has the same order of writers;
// but a transaction may write below what it has read.
type lastWriterWins struct {
	values map[int64]any
	stamps map[int64]int
	stamp  func() int // of a new transaction
	own    map[*running]map[int64]any
	of     map[*running]int
}

func newLastWriterWins(stamp func() int) *lastWriterWins {
	return &lastWriterWins{map[int64]any{}, map[int64]int{}, stamp, map[*running]map[int64]any{}, map[*running]int{}}
}

func (s *lastWriterWins) begin(t *running) {
	s.of[t], s.own[t] = s.stamp(), map[int64]any{}
}

func (s *lastWriterWins) read(t *running, key int64) any {
	if own, ok := s.own[t][key]; ok {
		return own
	}
	return s.values[key]
}

func (s *lastWriterWins) write(t *running, key, value int64) {
	s.own[t][key] = value
	if s.of[t] >= s.stamps[key] {
		s.values[key], s.stamps[key] = value, s.of[t]
	}
}

func (s *lastWriterWins) commit(*running) bool { return true }

// withFinalReads ends a history as strict mode does: a process of each node reads
// all keys.
func withFinalReads(t *rapid.T, h *history.History, nodes int, value func(key int64) any) *history.History {
	ops := slices.Clone(h.Ops)
	at := time.Hour // long after everything has settled
	for n := range nodes {
		var asked, answered []any
		for key := range int64(3) {
			asked = append(asked, []any{edn.Keyword("r"), key, nil})
			answered = append(answered, []any{edn.Keyword("r"), key, value(key)})
		}
		process := 1000*nodes + n // one that did nothing yet
		ops = append(ops, history.Op{Time: at, Type: history.Invoke, Process: process, F: "txn", Value: asked, Final: true},
			history.Op{Time: at, Type: history.OK, Process: process, F: "txn", Value: answered, Final: true})
	}
	ended, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	return ended
}

// TestStrictNoFalseAlarms runs strict mode on stores that execute transactions one
// micro-operation at a time, interleaved with others, each under the weakest model
// that it guarantees: nothing is wrong with them.
func TestStrictNoFalseAlarms(t *testing.T) {
	for _, test := range []struct {
		name, model string
		store       func(*rapid.T, *versions) (store, func(key int64) any)
	}{
		{"locks", "read-uncommitted", func(*rapid.T, *versions) (store, func(int64) any) {
			s := newLocking()
			return s, func(key int64) any { return s.values[key] }
		}},
		{"last writer wins", "read-uncommitted", func(t *rapid.T, _ *versions) (store, func(int64) any) {
			stamps := rapid.Permutation(integers(1, 200)).Draw(t, "timestamps")
			s := newLastWriterWins(func() int {
				defer func() { stamps = stamps[1:] }()
				return stamps[0]
			})
			return s, func(key int64) any { return s.values[key] }
		}},
		{"buffered writes", "read-committed", func(_ *rapid.T, v *versions) (store, func(int64) any) {
			return readCommitted{v}, func(key int64) any { return v.at(key, v.clock) }
		}},
		{"snapshots", "snapshot-isolation", func(_ *rapid.T, v *versions) (store, func(int64) any) {
			return snapshotIsolation{v}, func(key int64) any { return v.at(key, v.clock) }
		}},
		{"one after the other", "strict-serializable", func(_ *rapid.T, v *versions) (store, func(int64) any) {
			return serial{v, nil}, func(key int64) any { return v.at(key, v.clock) }
		}},
	} {
		for _, list := range []bool{false, true} {
			if list && test.model != "snapshot-isolation" && test.model != "strict-serializable" {
				continue // appends read what they replace, which takes more than these stores have
			}
			t.Run(fmt.Sprintf("%s/list=%v", test.name, list), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					db, final := test.store(t, &versions{list: list, states: map[int64][]state{}})
					h := withFinalReads(t, simulate(t, db, list), 2, final)
					o := Options{Workload: "txn-rw-register", ConsistencyModels: []string{test.model}, Nodes: []string{"n0", "n1"}}
					if list {
						o.Workload = "txn-list-append"
					}
					r, err := Strict(h, o)
					if err != nil {
						t.Fatal(err)
					}
					if r.Valid != Valid {
						t.Fatalf("%v, skipped %v\n%s", describeFindings(r.Errors), r.Skipped, describeHistory(h))
					}
				})
			})
		}
	}
}

func integers(from, to int) (out []int) {
	for i := from; i <= to; i++ {
		out = append(out, i)
	}
	return out
}

func describeFindings(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s: %s\n%s\n", f.Check, f.Summary, strings.Join(f.Details, "\n"))
	}
	return b.String()
}

// TestStrictWorkload: strict mode does not vouch for a history of a workload that it does
// not know, or of another one.
func TestStrictWorkload(t *testing.T) {
	h, err := history.New([]history.Op{{Type: history.Invoke, F: "generate"}, {Type: history.OK, F: "generate", Value: int64(1)}})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "brodcast", "broadcast"} {
		if r, err := Strict(h, Options{Workload: name}); err == nil {
			t.Errorf("workload %q: %v, want an error", name, r.Valid)
		}
	}
	if r, err := Strict(h, Options{Workload: "unique-ids"}); err != nil || r.Valid != Valid {
		t.Errorf("unique-ids: %v, %v", r, err)
	}
}

// TestNotEverywhereCountsValues: a value that several nodes lack is one finding, which
// names them all.
func TestNotEverywhereCountsValues(t *testing.T) {
	ops := []history.Op{
		{Process: 0, Type: history.Invoke, F: "broadcast", Value: int64(7)},
		{Process: 0, Type: history.OK, F: "broadcast", Value: int64(7)},
	}
	for _, node := range []int{1, 2, 0} {
		var values []any
		if node == 0 {
			values = append(values, int64(7))
		}
		ops = append(ops,
			history.Op{Process: node, Type: history.Invoke, F: "read", Final: true},
			history.Op{Process: node, Type: history.OK, F: "read", Final: true, Value: values})
	}
	for i := range ops {
		ops[i].Time = time.Duration(i) * time.Second
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	r, err := Strict(h, Options{Workload: "broadcast", Nodes: []string{"n0", "n1", "n2"}, Settle: time.Nanosecond})
	if err != nil {
		t.Fatal(err)
	}
	want := "not-everywhere: 1 acknowledged value is missing from the final read of some node\n" +
		"7 was acknowledged to process 0 (n0) at 1.000 s, and the final read of node n1 at 3.000 s lacks it, as do those of node n2\n"
	if got := describeFindings(r.Errors); got != want {
		t.Errorf("found\n%s\nexpected\n%s", got, want)
	}
}

// TestStrictNeedsTheModel: what strict mode infers from a transaction that overwrote
// what it read holds from read committed on, and not below: the store whose
// transactions may write below what they have read is caught there.
func TestStrictNeedsTheModel(t *testing.T) {
	caught := 0
	rapid.Check(t, func(t *rapid.T) {
		stamps := rapid.Permutation(integers(1, 200)).Draw(t, "timestamps")
		s := newLastWriterWins(func() int {
			defer func() { stamps = stamps[1:] }()
			return stamps[0]
		})
		h := withFinalReads(t, simulate(t, s, false), 2, func(key int64) any { return s.values[key] })
		r, err := Strict(h, Options{Workload: "txn-rw-register", ConsistencyModels: []string{"read-committed"}, Nodes: []string{"n0", "n1"}})
		if err != nil {
			t.Fatal(err)
		}
		if r.Valid == Invalid {
			caught++
		}
	})
	if caught == 0 {
		t.Error("the store was never caught under read-committed")
	}
}

// TestStrictOracle: strict mode finds nothing wrong with the honest runs of the real
// Maelstrom, and says what it could not check in them.
func TestStrictOracle(t *testing.T) {
	for _, run := range oracleRuns(t, Workloads()...) {
		switch _, behaviour, _ := strings.Cut(run.name, "/"); behaviour {
		case "none", "latency100", "latencyexp":
			r, err := Strict(run.history, run.options)
			if err != nil {
				t.Fatal(err)
			}
			if r.Valid == Invalid {
				t.Errorf("%s: %s", run.name, describeFindings(r.Errors))
			}
			if strings.HasPrefix(run.name, "txn-") && (r.Valid != Unknown || len(r.Skipped) == 0) {
				t.Errorf("%s is %v though it has no final reads; skipped: %v", run.name, r.Valid, r.Skipped)
			}
		}
	}
}
