package checkers

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"glomers/checkers/history"
)

// randomRegister draws operations of a few processes on one key whose answers are
// those of a register, or sometimes not. A process whose operation has an unknown
// outcome goes on as another one.
func randomRegister(t *rapid.T) *history.History {
	var ops []history.Op
	record := func(typ history.Type, process int, f string, arg any) {
		ops = append(ops, history.Op{Type: typ, Process: process, F: f, Value: []any{int64(0), arg}})
	}
	type pending struct {
		f   string
		arg any
	}
	const workers = 3
	busy := map[int]*pending{}
	process := map[int]int{}
	small := func() any {
		if n := rapid.IntRange(0, 3).Draw(t, "value"); n > 0 {
			return int64(n)
		}
		return nil
	}
	for left := rapid.IntRange(1, 12).Draw(t, "operations"); left > 0 || len(busy) > 0; {
		w := rapid.IntRange(0, workers-1).Draw(t, "worker")
		p := process[w]*workers + w
		switch q := busy[w]; {
		case q == nil && left > 0:
			left--
			q = &pending{f: rapid.SampledFrom([]string{"read", "write", "cas"}).Draw(t, "f")}
			switch q.f {
			case "write":
				q.arg = small()
			case "cas":
				q.arg = []any{small(), small()}
			}
			busy[w] = q
			record(history.Invoke, p, q.f, q.arg)
		case q != nil:
			delete(busy, w)
			switch typ := rapid.SampledFrom([]history.Type{history.OK, history.OK, history.OK, history.Fail, history.Info}).Draw(t, "outcome"); {
			case typ == history.OK && q.f == "read":
				record(typ, p, q.f, small())
			case typ == history.Info:
				record(typ, p, q.f, q.arg)
				process[w]++
			default:
				record(typ, p, q.f, q.arg)
			}
		}
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestLinKVAgainstAllOrders compares the verdict with that of trying all orders.
func TestLinKVAgainstAllOrders(t *testing.T) {
	valid, invalid := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		h := randomRegister(t)
		r, err := LinKV(h, Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range r.Keys {
			if len(k.Operations) > 8 {
				continue
			}
			want := Invalid
			if anyOrder(k.Operations, nil, make([]bool, len(k.Operations))) {
				want = Valid
				valid++
			} else {
				invalid++
			}
			if k.Valid != want {
				t.Fatalf("the verdict is %v, trying all orders says %v\n%s", k.Valid, want, describeHistory(h))
			}
		}
	})
	if valid == 0 || invalid == 0 {
		t.Errorf("%d valid and %d invalid keys, expected some of both", valid, invalid)
	}
}

func applyTo(o *LinKVOperation, state any) (any, bool) {
	switch o.F {
	case "read":
		return state, mapKey(state) == mapKey(o.To)
	case "write":
		return o.To, true
	}
	return o.To, mapKey(state) == mapKey(o.From)
}

// anyOrder tries every order of the operations that respects their times and has
// all acknowledged ones.
func anyOrder(operations []LinKVOperation, state any, done []bool) bool {
	complete := true
	firstEnd := math.MaxInt
	for i := range operations {
		if o := &operations[i]; !done[i] && o.Acknowledged() {
			complete = false
			firstEnd = min(firstEnd, o.Completion.Index)
		}
	}
	if complete {
		return true
	}
	for i := range operations {
		if done[i] || operations[i].Invocation.Index > firstEnd {
			continue
		}
		if next, ok := applyTo(&operations[i], state); ok {
			done[i] = true
			if anyOrder(operations, next, done) {
				return true
			}
			done[i] = false
		}
	}
	return false
}

// TestLinKVBudget: a search that is given up is unknown, wherever it runs, and says
// so.
func TestLinKVBudget(t *testing.T) {
	var ops []history.Op
	const writers = 30
	for p := range writers { // all at the same time, and then a read of what nobody wrote
		ops = append(ops, history.Op{Type: history.Invoke, Process: p, F: "write", Value: []any{int64(0), int64(p)}})
	}
	for p := range writers {
		ops = append(ops, history.Op{Type: history.OK, Process: p, F: "write", Value: []any{int64(0), int64(p)}})
	}
	ops = append(ops, history.Op{Type: history.Invoke, Process: 0, F: "read", Value: []any{int64(0), nil}},
		history.Op{Type: history.OK, Process: 0, F: "read", Value: []any{int64(0), int64(-1)}})
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	r, err := linKV(h, Options{}, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	if r.Valid != Unknown || len(r.Findings) != 1 || r.Findings[0].Check != "linearizable" {
		t.Errorf("the verdict is %v: %v", r.Valid, r.Findings)
	}
}

// TestLinKVLong: a long history on one key takes few steps where little happens at
// the same time.
func TestLinKVLong(t *testing.T) {
	var ops []history.Op
	const n = 20_000
	for i := range int64(n) {
		ops = append(ops, history.Op{Type: history.Invoke, Process: 0, F: "write", Value: []any{int64(0), i}},
			history.Op{Type: history.Invoke, Process: 1, F: "read", Value: []any{int64(0), nil}},
			history.Op{Type: history.OK, Process: 0, F: "write", Value: []any{int64(0), i}},
			history.Op{Type: history.OK, Process: 1, F: "read", Value: []any{int64(0), i}})
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	r, err := linKV(h, Options{}, (n/16+40)*n)
	if err != nil {
		t.Fatal(err)
	}
	if r.Valid != Valid {
		t.Errorf("the verdict is %v: %v", r.Valid, r.Findings)
	}
}
