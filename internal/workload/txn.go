package workload

import (
	"math"
	"math/rand/v2"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/internal/kernel"
)

// txn: transactions over registers or lists.
type txn struct {
	random *rand.Rand
	gen    *txnGenerator
	write  string // w or append
}

func newRWRegister(o Options, k *kernel.Kernel) (Workload, error) { return newTxn(o, k, "w"), nil }

func newListAppend(o Options, k *kernel.Kernel) (Workload, error) {
	return newTxn(o, k, "append"), nil
}

func newTxn(o Options, k *kernel.Kernel, write string) Workload {
	random := k.Rand("generator")
	w := &txn{random, newTxnGenerator(random, o, o.MaxTxnLength), write}
	if o.Strict {
		return &strictTxn{w, len(o.Nodes), map[int]int64{}}
	}
	return w
}

// strictTxn adds final operations, which Maelstrom's workload does not have: every
// key is read on every node, so that the replicas can be compared.
type strictTxn struct {
	*txn
	nodes int
	next  map[int]int64 // by worker: the next key to read
}

// keysPerRead is how many keys a final transaction reads.
const keysPerRead = 20

func (w *strictTxn) Final(worker int) (history.Op, time.Duration, bool) {
	first := w.next[worker]
	if worker >= w.nodes || first >= w.gen.nextKey { // the first workers talk to one node each
		return history.Op{}, 0, false
	}
	end := min(first+keysPerRead, w.gen.nextKey)
	w.next[worker] = end
	mops := []any{}
	for key := first; key < end; key++ {
		mops = append(mops, []any{edn.Keyword("r"), edn.Int(key), nil})
	}
	return history.Op{F: "txn", Value: mops, Final: true}, 0, true
}

func (w *strictTxn) FinalLimit() time.Duration { return 0 }

func (w *txn) Next(_ time.Duration, free []Worker) (history.Op, Worker, bool) {
	mops := []any{}
	for _, m := range w.gen.next() {
		if m.write {
			mops = append(mops, []any{edn.Keyword(w.write), edn.Int(m.key), edn.Int(m.value)})
		} else {
			mops = append(mops, []any{edn.Keyword("r"), edn.Int(m.key), nil})
		}
	}
	return history.Op{F: "txn", Value: mops}, pick(w.random, free), true
}

func (w *txn) Open(c *Client) Session { return txnSession{c, txnRPCs[w.write]} }

type txnSession struct {
	*Client
	rpc RPC
}

func (s txnSession) Invoke(op history.Op, done func(history.Op)) {
	request := op.Value.([]any)
	plain := make([]any, len(request))
	for i, mop := range request {
		m := mop.([]any)
		plain[i] = []any{string(m[0].(edn.Keyword)), m[1], m[2]}
	}
	s.Call(s.rpc, fields("txn", plain), DefaultTimeout, func(r Reply, err *Error) {
		var value []any
		if err == nil {
			value, err = s.completed(r, request)
		}
		if err != nil {
			done(failed(op, err, false))
			return
		}
		done(succeeded(op, value))
	})
}

// completed checks that the answer is the requested transaction with its reads
// filled in.
func (s txnSession) completed(r Reply, request []any) ([]any, *Error) {
	answer, _ := r.Get("txn").([]any)
	if len(answer) != len(request) {
		return nil, s.rpc.malformed(s.node, `"txn" has %d micro-operations, expected the %d of the request`, len(answer), len(request))
	}
	value := make([]any, len(answer))
	for i := range answer {
		want, got := request[i].([]any), answer[i].([]any)
		if got[0] != string(want[0].(edn.Keyword)) || !edn.Equal(got[1], want[1]) {
			return nil, s.rpc.malformed(s.node, `"txn"[%d] is %s, expected the micro-operation %s of the request`, i, jsonText(got), jsonText(want))
		}
		value[i] = []any{want[0], got[1], got[2]}
	}
	return value, nil
}

// txnGenerator draws transactions as Elle's generator does: keys are chosen
// exponentially among the active ones, every write to a key has a new value, and
// a key that has seen its share of writes gives way to a new one.
type txnGenerator struct {
	random    *rand.Rand
	active    []int64
	written   map[int64]int64 // the last value written to an active key
	maxLength int
	maxWrites int64
	nextKey   int64
}

type mop struct {
	write bool
	key   int64
	value int64
}

func newTxnGenerator(random *rand.Rand, o Options, maxLength int) *txnGenerator {
	g := &txnGenerator{random: random, written: map[int64]int64{}, maxLength: max(maxLength, 1), maxWrites: int64(max(o.MaxWritesPerKey, 1))}
	keys := o.KeyCount
	if keys == 0 {
		keys = 10
	}
	for range keys {
		g.active = append(g.active, g.nextKey)
		g.nextKey++
	}
	return g
}

func (g *txnGenerator) next() []mop {
	mops := make([]mop, 0, g.maxLength)
	for length := 1 + g.random.IntN(g.maxLength); len(mops) < length; {
		write := g.random.IntN(2) == 1
		i := g.index()
		key := g.active[i]
		if !write {
			mops = append(mops, mop{key: key})
			continue
		}
		if g.written[key] == g.maxWrites {
			delete(g.written, key)
			g.active[i] = g.nextKey
			g.nextKey++
			continue
		}
		g.written[key]++
		mops = append(mops, mop{true, key, g.written[key]})
	}
	return mops
}

// index draws the position of a key: each is twice as likely as the one before. It draws
// a number x from 2 to 2ⁿ⁺¹; the position is one less than the whole part of log₂ x.
func (g *txnGenerator) index() int {
	n := float64(len(g.active))
	x := g.random.Float64()
	log := math.Log2(x*(math.Pow(2, n)-1)*2 + 2)
	if math.IsInf(log, 1) { // 2ⁿ is beyond a float64
		log = math.Log2(x) + n + 1
	}
	return min(max(int(math.Floor(log-1)), 0), len(g.active)-1)
}
