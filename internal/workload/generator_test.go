package workload

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
)

func newWorkload(t *testing.T, name string, o Options) Workload {
	t.Helper()
	o.Nodes = []string{"n0", "n1"}
	w, err := New(name, o, kernel.New(1))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func workersUpTo(n int) []Worker {
	var free []Worker
	for i := range n {
		free = append(free, Worker{i, i})
	}
	return free
}

// draw generates operations, one a millisecond.
func draw(t *testing.T, w Workload, workers, count int) (ops []history.Op, by []Worker) {
	t.Helper()
	for i := range count {
		op, worker, ok := w.Next(time.Duration(i)*time.Millisecond, workersUpTo(workers))
		if !ok {
			t.Fatalf("there is no operation %d, though %d workers are free", i, workers)
		}
		ops, by = append(ops, op), append(by, worker)
	}
	return ops, by
}

func within(t *testing.T, what string, got, least, most int) {
	t.Helper()
	if got < least || got > most {
		t.Errorf("%s: %d, want %d to %d", what, got, least, most)
	}
}

// TestSimpleOperations: the workloads of a single message have one operation, the sets
// two, each half of the time, and add 0, 1, 2 and so on. All workers get some.
func TestSimpleOperations(t *testing.T) {
	for name, adds := range map[string]string{"echo": "", "unique-ids": "", "broadcast": "broadcast", "g-set": "add"} {
		ops, by := draw(t, newWorkload(t, name, Options{Concurrency: 4}), 4, 3000)
		counts, workers, values := map[string]int{}, map[int]int{}, map[any]bool{}
		for i, op := range ops {
			counts[op.F]++
			workers[by[i].Index]++
			if adds != "" && op.F == adds && op.Value != int64(counts[adds]-1) {
				t.Fatalf("%s: value %d is %v", name, counts[adds]-1, op.Value)
			}
			values[op.Value] = true
		}
		for i := range 4 {
			within(t, name+", operations of a worker", workers[i], 650, 850)
		}
		switch name {
		case "echo":
			within(t, "different texts", len(values), 128, 128)
			fallthrough
		case "unique-ids":
			within(t, name+", kinds of operation", len(counts), 1, 1)
		default:
			within(t, name+", adds", counts[adds], 1400, 1600)
			within(t, name+", reads", counts["read"], 1400, 1600)
		}
	}
}

// TestNew: a workload that does not exist, or that nobody could run, is refused.
func TestNew(t *testing.T) {
	nodes := []string{"n0"}
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"echo", Options{Nodes: nodes, Concurrency: 1}, "<nil>"},
		{"juggling", Options{Nodes: nodes, Concurrency: 1}, `unknown workload "juggling", expected one of broadcast, echo, g-counter, g-set, kafka, lin-kv, pn-counter, txn-list-append, txn-rw-register, unique-ids`},
		{"echo", Options{Concurrency: 1}, "workload echo needs at least one node and one worker, found 0 and 1"},
		{"echo", Options{Nodes: nodes}, "workload echo needs at least one node and one worker, found 1 and 0"},
		{"lin-kv", Options{Nodes: nodes, Concurrency: 4}, "<nil>"},
		{"lin-kv", Options{Nodes: nodes, Concurrency: 5}, "workload lin-kv shares each key among 2 workers, twice the number of nodes, but the concurrency is 5: choose a multiple of 2, such as --concurrency 2n"},
		{"lin-kv", Options{Nodes: []string{"n0", "n1"}, Concurrency: 6}, "workload lin-kv shares each key among 4 workers, twice the number of nodes, but the concurrency is 6: choose a multiple of 4, such as --concurrency 2n"},
		{"broadcast", Options{Nodes: nodes, Concurrency: 1, Topology: "moebius"}, `unknown topology "moebius", expected one of [line grid tree tree2 tree3 tree4 total]`},
	} {
		_, err := New(c.name, c.o, kernel.New(1))
		if got := fmt.Sprint(err); got != c.want {
			t.Errorf("%s with %d nodes and %d workers: %s, expected %s", c.name, len(c.o.Nodes), c.o.Concurrency, got, c.want)
		}
	}
}

// TestCounterOperations: pn-counter adds -5 to 4 half of the time, and g-counter what
// of that is not negative.
func TestCounterOperations(t *testing.T) {
	for _, test := range []struct {
		name                string
		least               int64
		leastAdds, mostAdds int // of 3000 operations
	}{{"pn-counter", -5, 1400, 1600}, {"g-counter", 0, 900, 1100}} {
		ops, _ := draw(t, newWorkload(t, test.name, Options{Concurrency: 4}), 4, 3000)
		adds, deltas := 0, map[int64]bool{}
		for _, op := range ops {
			if op.F == "add" {
				adds++
				deltas[op.Value.(int64)] = true
			}
		}
		within(t, test.name+", adds", adds, test.leastAdds, test.mostAdds)
		for delta := test.least - 1; delta <= 5; delta++ {
			if want := delta >= test.least && delta <= 4; deltas[delta] != want {
				t.Errorf("%s adds %d: %v, want %v", test.name, delta, deltas[delta], want)
			}
		}
	}
}

// TestLinKVOperations: of the workers that share a key, the first half read, and of
// the operations of the others a third are writes.
func TestLinKVOperations(t *testing.T) {
	ops, by := draw(t, newWorkload(t, "lin-kv", Options{Concurrency: 8}), 8, 3000)
	counts := map[string]int{}
	for i, op := range ops {
		counts[op.F]++
		if reader := by[i].Index%4 < 2; reader != (op.F == "read") {
			t.Fatalf("worker %d of 8 invokes %s", by[i].Index, op.F)
		}
	}
	within(t, "reads", counts["read"], 1400, 1600)
	within(t, "writes", counts["write"], 450, 550)
	for latency, want := range map[time.Duration]time.Duration{0: time.Second, 100 * time.Millisecond: time.Second, 200 * time.Millisecond: 2 * time.Second} {
		w := newWorkload(t, "lin-kv", Options{Concurrency: 4, MeanLatency: latency})
		if got := w.Open(nil).(linKVSession).timeout; got != want {
			t.Errorf("with a mean latency of %v, operations time out after %v, want %v", latency, got, want)
		}
	}
}

// TestTxnOperations: the values of a key are 1, 2, 3, …, as many as allowed; of the
// active keys each is twice as likely as the one before.
func TestTxnOperations(t *testing.T) {
	const maxWrites, maxLength = 5, 4
	ops, _ := draw(t, newWorkload(t, "txn-list-append", Options{Concurrency: 4, MaxTxnLength: maxLength, MaxWritesPerKey: maxWrites, KeyCount: 3}), 4, 3000)
	last := map[int64]int64{}
	lengths := map[int]bool{}
	reads, writes := 0, 0
	for _, op := range ops {
		mops := op.Value.([]any)
		lengths[len(mops)] = true
		for _, m := range mops {
			mop := m.([]any)
			if mop[0] != edn.Keyword("append") {
				reads++
				continue
			}
			writes++
			key, value := mop[1].(int64), mop[2].(int64)
			if value != last[key]+1 || value > maxWrites {
				t.Fatalf("key %d gets the value %d after %d, want at most %d", key, value, last[key], maxWrites)
			}
			last[key] = value
		}
	}
	// Every sixth attempt to write finds that the key has seen its share, and replaces
	// the key instead. All keys but those in use have seen theirs.
	within(t, "writes of a hundred micro-operations", 100*writes/(reads+writes), 42, 48)
	unfinished := 0
	for _, n := range last {
		if n < maxWrites {
			unfinished++
		}
	}
	within(t, "keys that have not seen their share of writes", unfinished, 1, 3)
	for length := range maxLength + 2 {
		if want := length >= 1 && length <= maxLength; lengths[length] != want {
			t.Errorf("a transaction of %d micro-operations: %v, want %v", length, lengths[length], want)
		}
	}
	g := newTxnGenerator(kernel.New(1).Rand("test"), Options{KeyCount: 3}, 1)
	counts := make([]int, 3)
	for range 7000 {
		counts[g.index()]++
	}
	for i, want := range []int{1000, 2000, 4000} {
		within(t, fmt.Sprintf("draws of key %d", i), counts[i], want*9/10, want*11/10)
	}
}

// TestManyKeys: each key is twice as likely as the one before, also if there are so
// many that 2 to their number is no float64.
func TestManyKeys(t *testing.T) {
	for _, keys := range []int{10, 1000, 1023, 1024, 100_000} {
		ops, _ := draw(t, newWorkload(t, "txn-list-append", Options{Concurrency: 4, MaxTxnLength: 1, MaxWritesPerKey: 1_000_000, KeyCount: keys}), 4, 4000)
		counts := map[int64]int{}
		for _, op := range ops {
			counts[op.Value.([]any)[0].([]any)[1].(int64)]++
		}
		within(t, fmt.Sprintf("the last of %d keys", keys), counts[int64(keys-1)], 1850, 2150)
		within(t, fmt.Sprintf("the one before, of %d keys", keys), counts[int64(keys-2)], 850, 1150)
	}
}

// TestStrictTxnReadsAllKeys: in the end, one worker for each node reads every key,
// twenty at a time.
func TestStrictTxnReadsAllKeys(t *testing.T) {
	w := newWorkload(t, "txn-rw-register", Options{Concurrency: 4, MaxTxnLength: 4, MaxWritesPerKey: 2, Strict: true}).(*strictTxn)
	draw(t, w, 4, 200)
	for worker := range 4 {
		var keys []int64
		for {
			op, _, ok := w.Final(worker)
			if !ok {
				break
			}
			mops := op.Value.([]any)
			if len(keys)+len(mops) < int(w.gen.nextKey) && len(mops) != keysPerRead || !op.Final {
				t.Errorf("a final transaction reads %d keys (final: %v), want %d", len(mops), op.Final, keysPerRead)
			}
			for _, m := range mops {
				keys = append(keys, m.([]any)[1].(int64))
			}
		}
		want := int(w.gen.nextKey)
		if worker >= 2 { // two nodes
			want = 0
		}
		if len(keys) != want || !slices.IsSorted(keys) {
			t.Errorf("worker %d reads %d keys, want %d", worker, len(keys), want)
		}
	}
}

// TestKafkaOperations: sends to a key are numbered without gaps; each worker's client
// crashes every 30 seconds on average; a key with messages that nobody polled is
// assigned besides others until it is polled.
func TestKafkaOperations(t *testing.T) {
	const seconds = 300
	w := newWorkload(t, "kafka", Options{Concurrency: 4, MaxWritesPerKey: 100})
	next := map[string]int64{}
	counts := map[string]int{}
	const unpolled = "1000"
	sent := history.Op{Type: history.OK, F: "send", Value: []any{[]any{edn.Keyword("send"), unpolled, []any{int64(7), int64(1)}}}}
	polled := func(offset int64) history.Op {
		msgs := edn.Map{{Key: unpolled, Value: []any{[]any{offset, int64(1)}}}}
		return history.Op{Type: history.OK, F: "poll", Value: []any{[]any{edn.Keyword("poll"), msgs}}}
	}
	withUnpolled := map[int]int{} // by third of the test
	for i := range seconds * 100 {
		switch i {
		case seconds * 100 / 3:
			w.(Observer).Observe(0, sent)
			w.(Observer).Observe(1, polled(6)) // not yet the newest
		case seconds * 100 * 2 / 3:
			w.(Observer).Observe(1, polled(7))
		}
		op, _, ok := w.Next(time.Duration(i)*10*time.Millisecond, workersUpTo(4))
		if !ok {
			t.Fatalf("there is no operation %d", i)
		}
		counts[op.F]++
		switch op.F {
		case "send":
			mop := op.Value.([]any)[0].([]any)
			key, value := mop[1].(string), mop[2].(int64)
			if value != next[key]+1 {
				t.Fatalf("key %s gets the message %d after %d", key, value, next[key])
			}
			next[key] = value
		case "assign":
			if slices.Contains(op.Value.([]any), any(unpolled)) {
				withUnpolled[i*3/(seconds*100)]++
			}
		}
	}
	within(t, "crashes of 4 workers in 300 s", counts["crash"], 30, 50)
	within(t, "sends of 30000 operations", counts["send"], 14_000, 15_500)
	within(t, "polls of 30000 operations", counts["poll"], 14_000, 15_500)
	within(t, "assignments of 30000 operations", counts["assign"], 400, 540)
	if withUnpolled[0] != 0 || withUnpolled[2] != 0 {
		t.Errorf("a key without messages to poll was assigned: %v", withUnpolled)
	}
	within(t, "assignments of a key with a message that nobody polled", withUnpolled[1], 35, 75)
}

// TestKafkaAssignment: an assignment has the key of its own, and sometimes all keys with
// messages that nobody polled, each once.
func TestKafkaAssignment(t *testing.T) {
	w := newWorkload(t, "kafka", Options{Concurrency: 2, MaxWritesPerKey: 100}).(*kafka)
	w.sent = map[string]int64{"10": 1, "9": 1, "8": 1}
	drawn := map[string]int{}
	for range 300 {
		drawn[fmt.Sprint(w.assignment("9"))]++
	}
	within(t, "assignments of all keys", drawn["[9 8 10]"], 80, 120)
	within(t, "assignments of one", drawn["[9]"], 180, 220)
}

// kafkaNode answers kafka's requests, polls with msgs, and keeps what polls ask for.
type kafkaNode struct {
	client *Client
	msgs   string
	polled []string
}

func (n *kafkaNode) Send(_, _ string, body json.RawMessage) error {
	var request struct {
		Type    string          `json:"type"`
		MsgID   int             `json:"msg_id"`
		Offsets json.RawMessage `json:"offsets"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return err
	}
	field := ""
	switch request.Type {
	case "poll":
		n.polled = append(n.polled, string(request.Offsets))
		field = `,"msgs":` + n.msgs
	case "list_committed_offsets":
		field = `,"offsets":{"8":5}`
	}
	answer := fmt.Sprintf(`{"type":"%s_ok","in_reply_to":%d%s}`, request.Type, request.MsgID, field)
	n.client.Deliver(journal.Message{Src: "n0", Dest: "c1", Body: json.RawMessage(answer)})
	return nil
}

// TestKafkaPositions: a poll begins behind the last offset that was polled. A key that
// is assigned anew begins at 0, whatever was committed, and so do all after a seek.
func TestKafkaPositions(t *testing.T) {
	node := &kafkaNode{}
	node.client = NewClient(kernel.New(1), node, "c1", "n0")
	s := newWorkload(t, "kafka", Options{Concurrency: 2, MaxWritesPerKey: 100}).Open(node.client)
	invoke := func(op history.Op) {
		t.Helper()
		var got history.Op
		s.Invoke(op, func(done history.Op) { got = done })
		if got.Type != history.OK {
			t.Fatalf("%s ended with %v %v", op.F, got.Type, got.Error)
		}
	}
	poll := func(msgs string) {
		node.msgs = msgs
		invoke(history.Op{F: "poll", Value: []any{[]any{edn.Keyword("poll")}}})
	}
	seek := edn.Map{{Key: edn.Keyword("seek-to-beginning?"), Value: true}}
	invoke(history.Op{F: "assign", Value: []any{"8"}})
	poll(`{"8":[[3,10],[4,11]]}`)
	invoke(history.Op{F: "assign", Value: []any{"9", "8"}})
	poll(`{"8":[[2,9]]}`)                    // from before the position
	poll(`{"9":[[0,1]],"7":[[6,1]],"6":[]}`) // two keys that nobody asked for
	poll(`{}`)
	invoke(history.Op{F: "assign", Value: []any{"9", "8"}, Extra: seek})
	poll(`{}`)
	want := []string{`{"8":0}`, `{"9":0,"8":5}`, `{"9":0,"8":5}`, `{"9":1,"8":5,"7":7,"6":0}`, `{"9":0,"8":0}`}
	if !slices.Equal(node.polled, want) {
		t.Errorf("polls ask for\n%s\nwant\n%s", strings.Join(node.polled, "\n"), strings.Join(want, "\n"))
	}
}

// TestKafkaFinal: a worker ends with a new client that polls all keys from their
// beginning until it has seen the highest offset of each, and in strict mode asks for
// the committed offsets.
func TestKafkaFinal(t *testing.T) {
	w := newWorkload(t, "kafka", Options{Concurrency: 2, MaxWritesPerKey: 100, Strict: true}).(*kafka)
	polled := func(offset int64) history.Op {
		msgs := edn.Map{{Key: "8", Value: []any{[]any{offset, int64(1)}}}}
		return history.Op{Type: history.OK, F: "poll", Value: []any{[]any{edn.Keyword("poll"), msgs}}}
	}
	w.Observe(1, polled(2))
	var steps []string
	for range 20 {
		op, wait, ok := w.Final(0)
		if !ok {
			steps = append(steps, "end")
			break
		}
		if wait > 2*finalPollEvery {
			t.Errorf("%s after %v, want at most %v", op.F, wait, 2*finalPollEvery)
		}
		steps = append(steps, op.F)
		if op.F == "poll" {
			w.Observe(0, polled(int64(len(steps)-3)))
		}
	}
	want := []string{"crash", "assign", "poll", "poll", "poll", history.CommittedOffsets, "end"}
	if !slices.Equal(steps, want) {
		t.Errorf("the final operations are %v, want %v", steps, want)
	}
	if w.FinalLimit() != finalPollLimit {
		t.Errorf("the final operations may take %v, want %v", w.FinalLimit(), finalPollLimit)
	}
}
