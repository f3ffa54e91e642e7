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

// store is a simulated database with a known way of isolating transactions.
type store interface {
	// begin is called when a transaction is invoked, read and write as it goes on.
	begin(t *running)
	read(t *running, key int64) any
	write(t *running, key, value int64)
	// commit reports whether the transaction commits.
	commit(t *running) bool
}

// running is a transaction under way in a simulated database.
type running struct {
	process  int
	mops     []any
	next     int // the micro-operation to run
	snapshot int
	writes   []mop
	readOnly bool
}

// versions is a multi-version memory for registers or lists.
type versions struct {
	list   bool
	clock  int
	states map[int64][]state
}

type state struct {
	at    int
	value any
}

func (v *versions) at(key int64, clock int) any {
	var value any
	for _, s := range v.states[key] {
		if s.at <= clock {
			value = s.value
		}
	}
	return value
}

// with returns the value of a key after a transaction's own writes.
func (v *versions) with(value any, key int64, writes []mop) any {
	for _, w := range writes {
		if w.key != key {
			continue
		}
		if v.list {
			old, _ := value.([]any)
			value = append(append([]any{}, old...), w.value)
		} else {
			value = w.value
		}
	}
	return value
}

func (v *versions) install(writes []mop) {
	v.clock++
	done := map[int64]bool{}
	for _, w := range writes {
		key := w.key.(int64)
		if !done[key] {
			done[key] = true
			v.states[key] = append(v.states[key], state{v.clock, v.with(v.at(key, v.clock), key, writes)})
		}
	}
}

// serial runs a whole transaction at the moment of its commit: strict
// serializability. Stale ones among the read-only transactions run on an older
// state: serializability.
type serial struct {
	*versions
	stale func(upTo int) int // nil for none
}

func (s serial) begin(t *running)             { t.snapshot = -1 }
func (s serial) read(*running, int64) any     { return nil } // see commit
func (s serial) write(*running, int64, int64) {}
func (s serial) commit(t *running) bool {
	clock := s.clock
	if s.stale != nil && t.readOnly {
		clock = s.stale(clock)
	}
	for _, m := range t.mops {
		mop := m.([]any)
		key := mop[1].(int64)
		if mop[0] == edn.Keyword("r") {
			mop[2] = s.with(s.at(key, clock), key, t.writes)
		} else {
			t.writes = append(t.writes, mopOf(key, mop[2]))
		}
	}
	s.install(t.writes)
	return true
}

func mopOf(key int64, value any) mop { return mop{write: true, key: key, value: value} }

// snapshotIsolation reads from the state at the beginning and aborts if somebody
// else has written the same keys meanwhile.
type snapshotIsolation struct{ *versions }

func (s snapshotIsolation) begin(t *running) { t.snapshot = s.clock }
func (s snapshotIsolation) read(t *running, key int64) any {
	return s.with(s.at(key, t.snapshot), key, t.writes)
}
func (s snapshotIsolation) write(t *running, key, value int64) {
	t.writes = append(t.writes, mopOf(key, value))
}
func (s snapshotIsolation) commit(t *running) bool {
	for _, w := range t.writes {
		if states := s.states[w.key.(int64)]; len(states) > 0 && states[len(states)-1].at > t.snapshot {
			return false
		}
	}
	s.install(t.writes)
	return true
}

// readCommitted reads the newest committed state at every step.
type readCommitted struct{ *versions }

func (s readCommitted) begin(*running) {}
func (s readCommitted) read(t *running, key int64) any {
	return s.with(s.at(key, s.clock), key, t.writes)
}
func (s readCommitted) write(t *running, key, value int64) {
	t.writes = append(t.writes, mopOf(key, value))
}
func (s readCommitted) commit(t *running) bool { s.install(t.writes); return true }

// simulate draws a history of transactions against a store: processes take turns
// at random, one micro-operation at a time.
func simulate(t *rapid.T, db store, list bool) *history.History {
	write := edn.Keyword("w")
	if list {
		write = "append"
	}
	var ops []history.Op
	record := func(typ history.Type, process int, mops []any) {
		ops = append(ops, history.Op{Index: len(ops), Time: time.Duration(len(ops)) * time.Millisecond, Type: typ, Process: process, F: "txn", Value: mops})
	}
	next := map[int64]int64{}
	busy := map[int]*running{}
	processOf := map[int]int{}
	const workers = 4
	for step, left := 0, rapid.IntRange(1, 40).Draw(t, "transactions"); left > 0 || len(busy) > 0; step++ {
		w := rapid.IntRange(0, workers-1).Draw(t, "worker")
		r := busy[w]
		switch {
		case r == nil && left > 0:
			left--
			if _, ok := processOf[w]; !ok {
				processOf[w] = w
			}
			r = &running{process: processOf[w], readOnly: true}
			invoked := []any{}
			for range rapid.IntRange(1, 4).Draw(t, "length") {
				key := int64(rapid.IntRange(0, 2).Draw(t, "key"))
				var value any
				f := edn.Keyword("r")
				if rapid.Bool().Draw(t, "write") {
					next[key]++
					f, value = write, next[key]
					r.readOnly = false
				}
				r.mops = append(r.mops, []any{f, key, value})
				invoked = append(invoked, []any{f, key, value})
			}
			busy[w] = r
			record(history.Invoke, r.process, invoked)
			db.begin(r)
		case r == nil:
		case r.next < len(r.mops):
			mop := r.mops[r.next].([]any)
			if mop[0] == write {
				db.write(r, mop[1].(int64), mop[2].(int64))
			} else {
				mop[2] = db.read(r, mop[1].(int64))
			}
			r.next++
		default:
			delete(busy, w)
			committed := db.commit(r)
			switch {
			case !committed:
				record(history.Fail, r.process, ops[invocationOf(ops, r.process)].Value.([]any))
			case rapid.IntRange(0, 9).Draw(t, "lost answer") == 0:
				record(history.Info, r.process, ops[invocationOf(ops, r.process)].Value.([]any))
				processOf[w] += workers
			default:
				record(history.OK, r.process, r.mops)
			}
		}
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func invocationOf(ops []history.Op, process int) int {
	for i := len(ops) - 1; ; i-- {
		if ops[i].Process == process {
			return i
		}
	}
}

// TestNoFalseAlarms: what a store guarantees is never flagged.
func TestNoFalseAlarms(t *testing.T) {
	for _, list := range []bool{true, false} {
		for _, test := range []struct {
			model string
			store func(*rapid.T, *versions) store
		}{
			{"strict-serializable", func(_ *rapid.T, v *versions) store { return serial{v, nil} }},
			{"serializable", func(t *rapid.T, v *versions) store {
				return serial{v, func(upTo int) int { return rapid.IntRange(0, upTo).Draw(t, "stale state") }}
			}},
			{"snapshot-isolation", func(_ *rapid.T, v *versions) store { return snapshotIsolation{v} }},
			{"read-committed", func(_ *rapid.T, v *versions) store { return readCommitted{v} }},
		} {
			if list && test.model == "read-committed" {
				// A transaction that reads its own append before others append sees a
				// list that never is: read-modify-write needs more than this store has.
				continue
			}
			t.Run(fmt.Sprintf("%s/list=%v", test.model, list), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					h := simulate(t, test.store(t, &versions{list: list, states: map[int64][]state{}}), list)
					check := RWRegister
					if list {
						check = ListAppend
					}
					v, err := check(h, Options{ConsistencyModels: []string{test.model}})
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range v.Findings {
						if !inconclusive[f.Check] {
							t.Fatalf("%s: %v\n%s", f.Summary, strings.Join(f.Details, "\n"), describeHistory(h))
						}
					}
				})
			})
		}
	}
}

func describeHistory(h *history.History) string {
	var b strings.Builder
	for _, op := range h.Ops {
		b.WriteString(op.Text() + "\n")
	}
	return b.String()
}

// TestAgainstBruteForce: for small histories of lists in which the order of all
// appends is known, the check finds an anomaly if and only if no serial order of
// the transactions explains all reads.
func TestAgainstBruteForce(t *testing.T) {
	serializable, not := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		h := randomLists(t)
		v, err := ListAppend(h, Options{ConsistencyModels: []string{"serializable"}})
		if err != nil {
			t.Fatal(err)
		}
		want := bruteForce(h)
		if want {
			serializable++
		} else {
			not++
		}
		if (v.Valid != Invalid) != want {
			t.Fatalf("the check says %v, but serializable is %v\n%s", v.Valid, want, describeHistory(h))
		}
	})
	if serializable == 0 || not == 0 {
		t.Errorf("%d serializable and %d other histories, expected some of both", serializable, not)
	}
}

// randomLists draws transactions whose reads are random prefixes of one order for
// each key, and a last one that reads everything.
func randomLists(t *rapid.T) *history.History {
	n := rapid.IntRange(1, 5).Draw(t, "transactions")
	order := map[int64][]any{}
	next := map[int64]int64{}
	var txns [][]any
	for range n {
		mops := []any{}
		for range rapid.IntRange(1, 3).Draw(t, "length") {
			key := int64(rapid.IntRange(0, 1).Draw(t, "key"))
			if rapid.Bool().Draw(t, "append") {
				next[key]++
				order[key] = append(order[key], next[key])
				mops = append(mops, []any{edn.Keyword("append"), key, next[key]})
			} else {
				mops = append(mops, []any{edn.Keyword("r"), key, nil})
			}
		}
		txns = append(txns, mops)
	}
	for _, key := range []int64{0, 1} {
		order[key] = rapid.Permutation(order[key]).Draw(t, "order")
		// A transaction's own appends come in their order: dependencies between
		// transactions say nothing about the inside of one.
		for _, mops := range txns {
			sortOwn(order[key], mops, key)
		}
	}
	for _, mops := range txns {
		for _, m := range mops {
			if mop := m.([]any); mop[0] == edn.Keyword("r") {
				all := order[mop[1].(int64)]
				mop[2] = slices.Clone(all[:rapid.IntRange(0, len(all)).Draw(t, "read")])
			}
		}
	}
	final := []any{[]any{edn.Keyword("r"), int64(0), slices.Clone(order[0])}, []any{edn.Keyword("r"), int64(1), slices.Clone(order[1])}}
	txns = append(txns, final)
	var ops []history.Op
	for p, mops := range txns { // all concurrent
		ops = append(ops, history.Op{Type: history.Invoke, Process: p, F: "txn", Value: mops})
	}
	for p, mops := range txns {
		ops = append(ops, history.Op{Type: history.OK, Process: p, F: "txn", Value: mops})
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// sortOwn puts the values that one transaction appended into its order, at the
// places that they have.
func sortOwn(order []any, mops []any, key int64) {
	var own []any
	for _, m := range mops {
		if mop := m.([]any); mop[0] == edn.Keyword("append") && mop[1] == key {
			own = append(own, mop[2])
		}
	}
	next := 0
	for i, v := range order {
		if slices.Contains(own, v) {
			order[i] = own[next]
			next++
		}
	}
}

// bruteForce tries all serial orders.
func bruteForce(h *history.History) bool {
	var txns [][]any
	for _, op := range h.Ops {
		if op.Type == history.OK {
			txns = append(txns, op.Value.([]any))
		}
	}
	used := make([]bool, len(txns))
	var try func(state map[int64][]any, left int) bool
	try = func(state map[int64][]any, left int) bool {
		if left == 0 {
			return true
		}
		for i, mops := range txns {
			if used[i] {
				continue
			}
			next := map[int64][]any{0: state[0], 1: state[1]}
			ok := true
			for _, m := range mops {
				mop := m.([]any)
				key := mop[1].(int64)
				if mop[0] == edn.Keyword("append") {
					next[key] = append(slices.Clone(next[key]), mop[2])
				} else if !edn.Equal(next[key], mop[2]) && len(next[key])+len(mop[2].([]any)) > 0 {
					ok = false
				}
			}
			if ok {
				used[i] = true
				if try(next, left-1) {
					return true
				}
				used[i] = false
			}
		}
		return false
	}
	return try(map[int64][]any{}, len(txns))
}

// notation reads histories as Elle's tests write them: a transaction is "ax1 ry12",
// append 1 to x and read [1 2] of y, or "wx1 rx1" for registers; with a process
// before it, "0:ok", "1:fail", "2:info". Transactions run one after the other
// unless joined by |.
func notation(t *testing.T, text string, list bool) *history.History {
	t.Helper()
	var ops []history.Op
	for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
		var done []history.Op
		for i, part := range strings.Split(line, "|") {
			fields := strings.Fields(part)
			typ := map[string]history.Type{"ok": history.OK, "fail": history.Fail, "info": history.Info}[fields[0]]
			mops := []any{}
			for _, f := range fields[1:] {
				key := string(f[1])
				switch {
				case f[0] != 'r':
					name := map[byte]edn.Keyword{'a': "append", 'w': "w"}[f[0]]
					mops = append(mops, []any{name, key, int64(f[2] - '0')})
				case list:
					elements := []any{}
					for _, c := range f[2:] {
						elements = append(elements, int64(c-'0'))
					}
					mops = append(mops, []any{edn.Keyword("r"), key, elements})
				case len(f) == 2:
					mops = append(mops, []any{edn.Keyword("r"), key, nil})
				default:
					mops = append(mops, []any{edn.Keyword("r"), key, int64(f[2] - '0')})
				}
			}
			process := len(ops)*10 + i
			ops = append(ops, history.Op{Type: history.Invoke, Process: process, F: "txn", Value: mops})
			done = append(done, history.Op{Type: typ, Process: process, F: "txn", Value: mops})
		}
		ops = append(ops, done...)
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestAnomalies shows each anomaly in the smallest history that has it.
func TestAnomalies(t *testing.T) {
	for _, test := range []struct {
		name, model, history string
		list                 bool
		want                 string
	}{
		{"all is well", "strict-serializable", "ok ax1 rx1\nok rx1 ay1\nok ry1 rx1", true, ""},
		{"aborted read", "read-committed", "fail ax1\nok rx1", true, "G1a"},
		{"dirty update", "read-committed", "fail ax1\nok ax2\nok rx12", true, "G1a dirty-update"},
		{"intermediate read", "read-committed", "ok ax1 ax2 | ok rx1\nok rx12", true, "G1b"},
		{"dirty write", "read-uncommitted", "ok ax1 ay1 | ok ax2 ay2\nok rx12 ry21", true, "G0"},
		{"circular information flow", "read-committed", "ok ax1 ry1 | ok ay1 rx1", true, "G1c"},
		{"read skew", "snapshot-isolation", "ok ax1 ay1 | ok rx ry1\nok rx1 ry1", true, "G-single-item"},
		{"write skew", "serializable", "ok rx ay1 | ok ry ax1\nok rx1 ry1", true, "G2-item"},
		{"write skew is fine", "snapshot-isolation", "ok rx ay1 | ok ry ax1\nok rx1 ry1", true, ""},
		{"lost update", "repeatable-read", "ok rx ax1 | ok rx ax2\nok rx12", true, "G-single-item lost-update"},
		{"stale read", "strict-serializable", "ok ax1\nok rx\nok rx1", true, "G-single-item-realtime"},
		{"stale read is fine", "serializable", "ok ax1\nok rx\nok rx1", true, ""},
		{"contradiction", "snapshot-isolation", "ok ax1 rx", true, "internal"},
		{"future read", "read-atomic", "ok rx1 ax1", true, "future-read"},
		{"duplicate element", "read-uncommitted", "ok ax1\nok rx11", true, "duplicate-elements"},
		{"incompatible orders", "read-committed", "ok ax1 | ok ax2\nok rx12 | ok rx21", true, "incompatible-order"},

		{"all is well", "strict-serializable", "ok wx1 rx1\nok rx1 wx2\nok rx2", false, ""},
		{"aborted read", "read-committed", "fail wx1\nok rx1", false, "G1a"},
		{"intermediate read", "read-committed", "ok wx1 wx2 | ok rx1\nok rx2", false, "G1b"},
		{"circular information flow", "read-committed", "ok wx1 ry1 | ok wy1 rx1", false, "G1c"},
		{"contradiction", "snapshot-isolation", "ok wx1 rx2 | ok wx2", false, "internal"},
		{"lost update", "repeatable-read", "ok wx1\nok rx1 wx2 | ok rx1 wx3", false, "G2-item lost-update"},
		{"write skew", "serializable", "ok rx wy1 | ok ry wx1", false, "G2-item"},
		{"read skew", "snapshot-isolation", "ok wx1 wy1 | ok rx ry1", false, "G-single-item"},
		{"cyclic versions", "read-uncommitted", "ok rx1 wx2 | ok rx2 wx1", false, "cyclic-versions"},
		{"stale read", "strict-serializable", "ok wx1\nok rx", false, "G-single-item-realtime"},
	} {
		t.Run(fmt.Sprintf("%s/list=%v", test.name, test.list), func(t *testing.T) {
			check := RWRegister
			if test.list {
				check = ListAppend
			}
			v, err := check(notation(t, test.history, test.list), Options{ConsistencyModels: []string{test.model}})
			if err != nil {
				t.Fatal(err)
			}
			got := []string{}
			for _, f := range v.Findings {
				if !inconclusive[f.Check] {
					got = append(got, f.Check)
				}
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("found %v, want %s: %v", got, test.want, v.Findings)
			}
			if test.want != "" && v.Valid != Invalid {
				t.Errorf("the verdict is %v", v.Valid)
			}
		})
	}
}
