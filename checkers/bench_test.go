package checkers

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// generator writes a history of n operations by ten processes, each of which
// takes effect when it completes.
type generator struct {
	ops     []history.Op
	random  *rand.Rand
	process int
}

const benchProcesses = 10

func generate(n int, invoke func(g *generator) (f string, value any), complete func(g *generator, f string, value any) any) *history.History {
	g := &generator{random: rand.New(rand.NewPCG(1, 2))}
	type pending struct {
		f     string
		value any
	}
	busy := map[int]*pending{}
	record := func(typ history.Type, process int, f string, value any) {
		g.ops = append(g.ops, history.Op{Time: time.Duration(len(g.ops)) * time.Microsecond, Type: typ, Process: process, F: f, Value: value})
	}
	for i := 0; i < n || len(busy) > 0; {
		p := g.random.IntN(benchProcesses)
		g.process = p
		if q := busy[p]; q != nil {
			record(history.OK, p, q.f, complete(g, q.f, q.value))
			delete(busy, p)
			continue
		}
		if i == n {
			continue
		}
		f, value := invoke(g)
		busy[p] = &pending{f, value}
		record(history.Invoke, p, f, value)
		i++
	}
	h, err := history.New(g.ops)
	if err != nil {
		panic(err)
	}
	return h
}

// keyed hands out keys that retire after some writes, as the workloads do.
type keyed struct {
	active []int64
	writes map[int64]int64
	next   int64
}

func newKeyed() *keyed {
	k := &keyed{writes: map[int64]int64{}}
	for range 10 {
		k.active = append(k.active, k.next)
		k.next++
	}
	return k
}

func (k *keyed) pick(r *rand.Rand, write bool) (key, value int64) {
	i := r.IntN(len(k.active))
	key = k.active[i]
	if !write {
		return key, 0
	}
	if k.writes[key] == 16 {
		delete(k.writes, key)
		key = k.next
		k.next++
		k.active[i] = key
	}
	k.writes[key]++
	return key, k.writes[key]
}

func benchTxn(n int, list bool) *history.History {
	keys := newKeyed()
	f := edn.Keyword("w")
	if list {
		f = "append"
	}
	values := map[int64]any{}
	return generate(n, func(g *generator) (string, any) {
		var mops []any
		for range 1 + g.random.IntN(4) {
			write := g.random.IntN(2) == 0
			key, value := keys.pick(g.random, write)
			if write {
				mops = append(mops, []any{f, edn.Int(key), edn.Int(value)})
			} else {
				mops = append(mops, []any{edn.Keyword("r"), edn.Int(key), nil})
			}
		}
		return "txn", mops
	}, func(_ *generator, _ string, value any) any {
		var done []any
		for _, m := range value.([]any) {
			mop := m.([]any)
			key := mop[1].(int64)
			switch {
			case mop[0] == edn.Keyword("r"):
				mop = []any{mop[0], mop[1], values[key]}
			case list:
				old, _ := values[key].([]any)
				values[key] = append(append(make([]any, 0, len(old)+1), old...), mop[2])
			default:
				values[key] = mop[2]
			}
			done = append(done, mop)
		}
		return done
	})
}

// benchKafka has clients that are assigned every key; each poll returns what was
// sent since the client's last one, and at the end all of them poll once more.
func benchKafka(n int) *history.History {
	type message struct{ key, offset, value any }
	keys := newKeyed()
	length := map[int64]int64{}
	var sent []message
	seen := map[int]int{} // process → index in sent
	count := 0
	return generate(n, func(g *generator) (string, any) {
		count++
		if g.random.IntN(2) == 0 && count <= n-benchProcesses {
			key, value := keys.pick(g.random, true)
			return "send", []any{[]any{edn.Keyword("send"), edn.Int(key), edn.Int(value)}}
		}
		return "poll", []any{[]any{edn.Keyword("poll")}}
	}, func(g *generator, f string, value any) any {
		if f == "send" {
			mop := value.([]any)[0].([]any)
			key := mop[1].(int64)
			m := message{mop[1], edn.Int(length[key]), mop[2]}
			length[key]++
			sent = append(sent, m)
			return []any{[]any{mop[0], mop[1], []any{m.offset, m.value}}}
		}
		var polled edn.Map
		at := map[any]int{}
		for _, m := range sent[seen[g.process]:] {
			i, ok := at[m.key]
			if !ok {
				i = len(polled)
				at[m.key] = i
				polled = append(polled, edn.Entry{Key: m.key, Value: []any{}})
			}
			polled[i].Value = append(polled[i].Value.([]any), []any{m.offset, m.value})
		}
		seen[g.process] = len(sent)
		return []any{[]any{edn.Keyword("poll"), polled}}
	})
}

// benchSet has twenty reads, each of everything: in a history of n operations
// they hold ten times n elements.
const benchReads = 20

func benchSet(n int) *history.History {
	var set []any
	next, count := int64(0), 0
	return generate(n, func(*generator) (string, any) {
		if count++; count%max(n/benchReads, 1) == 0 {
			return "read", nil
		}
		next++
		return "broadcast", edn.Int(next)
	}, func(_ *generator, f string, value any) any {
		if f == "read" {
			return append([]any{}, set...)
		}
		set = append(set, value)
		return value
	})
}

func benchLinKV(n int) *history.History {
	registers := map[int64]any{}
	count := int64(0)
	return generate(n, func(g *generator) (string, any) {
		count++
		key := count / 40 // forty operations on each key
		if g.random.IntN(2) == 0 {
			return "read", []any{edn.Int(key), nil}
		}
		return "write", []any{edn.Int(key), edn.Int(int64(g.random.IntN(5)))}
	}, func(_ *generator, f string, value any) any {
		pair := value.([]any)
		key := pair[0].(int64)
		if f == "read" {
			return []any{pair[0], registers[key]}
		}
		registers[key] = pair[1]
		return value
	})
}

// BenchmarkCheck checks histories of growing size. B/op-peak is the memory in use
// after the check, the history included.
func BenchmarkCheck(b *testing.B) {
	for _, test := range []struct {
		workload string
		generate func(int) *history.History
	}{
		{"broadcast", benchSet},
		{"kafka", benchKafka},
		{"txn-rw-register", func(n int) *history.History { return benchTxn(n, false) }},
		{"txn-list-append", func(n int) *history.History { return benchTxn(n, true) }},
		{"lin-kv", benchLinKV},
	} {
		for _, n := range []int{10_000, 100_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/%d", test.workload, n), func(b *testing.B) {
				h := test.generate(n)
				var after runtime.MemStats
				for b.Loop() {
					r, err := Check(h, nil, Options{Workload: test.workload})
					if err != nil {
						b.Fatal(err)
					}
					if r.Valid != Valid {
						b.Fatalf("%v: %v", r.Valid, r.Findings)
					}
				}
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*n), "µs/operation")
				b.ReportMetric(float64(after.Sys)/(1<<20), "MB-from-system")
			})
		}
	}
}
