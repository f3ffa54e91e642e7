package workload

import (
	"fmt"
	"math/rand/v2"
	"time"

	"glomers/checkers/history"
	"glomers/internal/kernel"
)

// linKV: a linearizable key-value store. Groups of twice as many workers as
// there are nodes share a key: half of them read, the others write and compare
// and set. When many processes have used a key, the group moves on to a new one, so
// that the history of each key stays short enough to check.
type linKV struct {
	random  *rand.Rand
	nodes   int
	groups  []keyGroup
	nextKey int64
	timeout time.Duration
}

type keyGroup struct {
	key       int64
	processes map[int]bool
}

const processesPerKey = 20

func newLinKV(o Options, k *kernel.Kernel) (Workload, error) {
	size := 2 * len(o.Nodes)
	if o.Concurrency%size != 0 {
		return nil, fmt.Errorf("workload lin-kv shares each key among %d workers, twice the number of nodes, but the concurrency is %d: "+
			"choose a multiple of %d, such as --concurrency 2n", size, o.Concurrency, size)
	}
	w := &linKV{random: k.Rand("generator"), nodes: len(o.Nodes), timeout: max(10*o.MeanLatency, time.Second)}
	w.groups = make([]keyGroup, o.Concurrency/size)
	for i := range w.groups {
		w.renew(&w.groups[i])
	}
	return w, nil
}

func (w *linKV) renew(g *keyGroup) {
	*g = keyGroup{w.nextKey, map[int]bool{}}
	w.nextKey++
}

func (w *linKV) Next(_ time.Duration, free []Worker) (history.Op, Worker, bool) {
	worker := pick(w.random, free)
	g := &w.groups[worker.Index/(2*w.nodes)]
	if !g.processes[worker.Process] && len(g.processes) == processesPerKey {
		w.renew(g)
	}
	g.processes[worker.Process] = true

	op := history.Op{F: "read", Value: []any{g.key, nil}}
	if worker.Index%(2*w.nodes) >= w.nodes {
		if w.random.IntN(3) == 0 {
			op = history.Op{F: "write", Value: []any{g.key, w.random.Int64N(5)}}
		} else {
			op = history.Op{F: "cas", Value: []any{g.key, []any{w.random.Int64N(5), w.random.Int64N(5)}}}
		}
	}
	return op, worker, true
}

func (w *linKV) Open(c *Client) Session { return linKVSession{c, w.timeout} }

type linKVSession struct {
	*Client
	timeout time.Duration
}

func (s linKVSession) Invoke(op history.Op, done func(history.Op)) {
	pair := op.Value.([]any)
	request := fields("key", pair[0])
	switch op.F {
	case "write":
		request = append(request, fields("value", pair[1])...)
	case "cas":
		fromTo := pair[1].([]any)
		request = append(request, fields("from", fromTo[0], "to", fromTo[1])...)
	}
	s.Call(linKVRPCs[op.F], request, s.timeout, func(r Reply, err *Error) {
		switch {
		case err != nil:
			done(failed(op, err, op.F == "read"))
		case op.F == "read":
			done(succeeded(op, []any{pair[0], r.Get("value")}))
		default:
			done(succeeded(op, op.Value))
		}
	})
}
