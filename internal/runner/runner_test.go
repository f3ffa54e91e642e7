package runner

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"glomers/checkers"
	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/nemesis"
	"glomers/internal/network"
	"glomers/internal/workload"
)

// memory keeps a run in memory and hashes it.
type memory struct {
	ops  []history.Op
	net  journal.Stats
	sum  strings.Builder
	fail error
}

func (m *memory) RecordOp(op history.Op) {
	op.Index = len(m.ops)
	m.ops = append(m.ops, op)
	m.sum.WriteString(edn.String(op.MarshalEDN()))
}

func (m *memory) Record(e journal.Event) {
	m.net.Add(e)
	fmt.Fprint(&m.sum, e.Kind, e.Time, e.Message.String(), e.Reason)
}

func (m *memory) Flush() error { return m.fail }

func (m *memory) hash() [32]byte { return sha256.Sum256([]byte(m.sum.String())) }

// virtual is an engine whose nodes are functions and whose time is virtual.
type virtual struct {
	receive func(journal.Message) error
	node    func(id string, body map[string]any) map[string]any // nil for no answer
	kernel  *kernel.Kernel
	started []string
	stopped bool
}

func (v *virtual) Start(id string) (network.Endpoint, error) {
	v.started = append(v.started, id)
	return endpoint{v, id}, nil
}

func (v *virtual) Drive(ctx context.Context, k *kernel.Kernel) error {
	v.kernel = k
	for k.Step() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return k.Err()
}

func (v *virtual) Stop() { v.stopped = true }

type endpoint struct {
	engine *virtual
	id     string
}

// Deliver answers after a millisecond, two on n1, three on n2.
func (e endpoint) Deliver(m journal.Message) {
	var body map[string]any
	dec := json.NewDecoder(strings.NewReader(string(m.Body)))
	dec.UseNumber()
	if err := dec.Decode(&body); err != nil {
		panic(err)
	}
	answer := e.engine.node(e.id, body)
	if answer == nil {
		return
	}
	answer["in_reply_to"] = body["msg_id"]
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err)
	}
	e.engine.kernel.After(time.Duration(1+e.id[1]-'0')*time.Millisecond, func() {
		if err := e.engine.receive(journal.Message{Src: e.id, Dest: m.Src, Body: text}); err != nil {
			e.engine.kernel.Stop(err)
		}
	})
}

// honest returns nodes that share one memory and answer the workload correctly.
func honest(workload string) func(string, map[string]any) map[string]any {
	var values []any
	sum, ids := int64(0), 0
	logs := map[string][]any{}
	committed := map[string]any{}
	registers := map[string]any{}
	lists := map[string][]any{}
	str := func(v any) string { return fmt.Sprint(v) }
	number := func(v any) int64 { n, _ := v.(json.Number).Int64(); return n }
	return func(id string, b map[string]any) map[string]any {
		ok := map[string]any{"type": str(b["type"]) + "_ok"}
		switch b["type"] {
		case "init", "topology":
		case "echo":
			ok["echo"] = b["echo"]
		case "generate":
			ids++
			ok["id"] = fmt.Sprint(id, ids)
		case "broadcast":
			values = append(values, b["message"])
		case "add":
			if element, isSet := b["element"]; isSet {
				values = append(values, element)
			} else {
				sum += number(b["delta"])
			}
		case "read":
			if key, isKV := b["key"]; isKV {
				value, exists := registers[str(key)]
				if !exists {
					return map[string]any{"type": "error", "code": 20, "text": "not found"}
				}
				ok["value"] = value
				return ok
			}
			switch workload {
			case "broadcast":
				ok["messages"] = append([]any{}, values...)
			case "g-set":
				ok["value"] = append([]any{}, values...)
			default:
				ok["value"] = sum
			}
		case "write":
			registers[str(b["key"])] = b["value"]
		case "cas":
			value, exists := registers[str(b["key"])]
			if !exists || value != b["from"] {
				return map[string]any{"type": "error", "code": 22, "text": "no match"}
			}
			registers[str(b["key"])] = b["to"]
		case "send":
			key := str(b["key"])
			ok["offset"] = len(logs[key])
			logs[key] = append(logs[key], b["msg"])
		case "poll":
			msgs := map[string]any{}
			for key, from := range b["offsets"].(map[string]any) {
				pairs := []any{}
				for offset := number(from); offset < int64(len(logs[key])); offset++ {
					pairs = append(pairs, []any{offset, logs[key][offset]})
				}
				msgs[key] = pairs
			}
			ok["msgs"] = msgs
		case "commit_offsets":
			for key, offset := range b["offsets"].(map[string]any) {
				committed[key] = offset
			}
		case "list_committed_offsets":
			ok["offsets"] = committed
		case "txn":
			txn := b["txn"].([]any)
			for _, m := range txn {
				mop := m.([]any)
				key := str(mop[1])
				switch mop[0] {
				case "w":
					registers[key] = mop[2]
				case "append":
					lists[key] = append(lists[key], mop[2])
				case "r":
					mop[2] = registers[key]
					if lists[key] != nil {
						mop[2] = append([]any{}, lists[key]...)
					}
				}
			}
			ok["txn"] = txn
		default:
			return map[string]any{"type": "error", "code": 10, "text": "unknown"}
		}
		return ok
	}
}

// loadLimit is how long the load of a test lasts. Longer ones show no more, and cost
// more than in proportion: every read of a set returns all that was added before.
const loadLimit = 6 * time.Second

func configOf(name string, seed uint64) Config {
	nodes := []string{"n0", "n1", "n2"}
	return Config{
		Workload: name,
		Options:  workload.Options{Nodes: nodes, Concurrency: 6, Topology: "grid", MaxTxnLength: 4, MaxWritesPerKey: 16},
		Pace:     workload.Pace{Rate: 100, TimeLimit: loadLimit},
		Latency:  network.Latency{Mean: 10 * time.Millisecond, Dist: network.Exponential},
		Nemesis:  nemesis.Config{Faults: []string{nemesis.FaultPartition}, Interval: time.Second},
		Recovery: 10 * time.Second,
		Seed:     seed,
	}
}

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func run(t *testing.T, c Config, node func(string, map[string]any) map[string]any) (*memory, *virtual, error) {
	t.Helper()
	rec := &memory{}
	var engine *virtual
	_, err := Run(context.Background(), c, func(receive func(journal.Message) error) Engine {
		engine = &virtual{receive: receive, node: node}
		return engine
	}, rec, quiet, nil)
	if !engine.stopped {
		t.Error("the engine was not stopped")
	}
	return rec, engine, err
}

// TestHonestNodesPass runs every workload against correct nodes.
func TestHonestNodesPass(t *testing.T) {
	for _, name := range workload.Names() {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(2) {
				rec, _, err := run(t, configOf(name, seed), honest(name))
				if err != nil {
					t.Fatal(err)
				}
				h, err := history.New(rec.ops)
				if err != nil {
					t.Fatal(err)
				}
				r, err := checkers.Check(h, &rec.net, checkers.Options{Workload: name})
				if err != nil {
					t.Fatal(err)
				}
				if r.Valid != checkers.Valid {
					t.Errorf("seed %d is %v: %v", seed, r.Valid, r.Findings)
				}
				// 100 a second over 6 seconds, by a random pace.
				if r.Stats.Count < 500 || r.Stats.Count > 700 {
					t.Errorf("seed %d has %d operations, want about 600", seed, r.Stats.Count)
				}
			}
		})
	}
}

// TestStrictPasses: correct nodes pass strict mode in many random histories, with
// partitions, latencies and clients that give up.
func TestStrictPasses(t *testing.T) {
	seeds := uint64(14)
	if os.Getenv("GLOMERS_LONG") != "" {
		seeds = 100
	}
	for _, name := range workload.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for seed := range seeds {
				c := configOf(name, seed)
				c.Options.Strict = true
				c.Pace.TimeLimit = time.Second + time.Duration(seed%7)*300*time.Millisecond
				c.Nemesis.Interval = 500 * time.Millisecond
				rec, _, err := run(t, c, honest(name))
				if err != nil {
					t.Fatal(err)
				}
				h, err := history.New(rec.ops)
				if err != nil {
					t.Fatal(err)
				}
				r, err := checkers.Check(h, &rec.net, checkers.Options{Workload: name, Strict: true, Nodes: c.Options.Nodes, Concurrency: c.Options.Concurrency})
				if err != nil {
					t.Fatal(err)
				}
				if r.Valid != checkers.Valid || r.Strict.Valid != checkers.Valid {
					t.Fatalf("seed %d is %v, strictly %v: %v %v", seed, r.Valid, r.Strict.Valid, r.Findings, r.Strict.Errors)
				}
			}
		})
	}
}

// TestSameSeedSameRun compares whole runs.
func TestSameSeedSameRun(t *testing.T) {
	for _, name := range workload.Names() {
		hash := func(seed uint64) [32]byte {
			rec, _, err := run(t, configOf(name, seed), honest(name))
			if err != nil {
				t.Fatal(err)
			}
			return rec.hash()
		}
		if first, again := hash(1), hash(1); first != again {
			t.Errorf("%s: one seed gives different runs", name)
		}
		if hash(1) == hash(2) {
			t.Errorf("%s: different seeds give the same run", name)
		}
	}
}

// TestTimes checks the order of a test: load, healing, recovery, final reads.
func TestTimes(t *testing.T) {
	rec, _, err := run(t, configOf("broadcast", 3), honest("broadcast"))
	if err != nil {
		t.Fatal(err)
	}
	var healed, final time.Duration
	finals := 0
	for _, op := range rec.ops {
		switch {
		case op.F == "stop-partition":
			healed = op.Time
		case op.Final && op.Type == history.Invoke:
			finals++
			final = op.Time
		case op.Client() && op.Type == history.Invoke && op.Time > loadLimit:
			t.Errorf("an operation began at %v, after the time limit", op.Time)
		}
	}
	if finals != 6 {
		t.Errorf("%d final reads, want one from each of 6 workers", finals)
	}
	if wait := final - healed; wait < 10*time.Second || wait > 10100*time.Millisecond {
		t.Errorf("the final reads began %v after the network was healed, want 10s", wait)
	}
}

// TestLoadEndsBeforeFinalReads has more operations than the workers can do: those
// that wait at the time limit are not made up for among the final reads.
func TestLoadEndsBeforeFinalReads(t *testing.T) {
	for seed := range uint64(20) {
		c := configOf("g-counter", seed)
		c.Pace = workload.Pace{Rate: 20_000, TimeLimit: 200 * time.Millisecond}
		c.Recovery = time.Duration(seed%2) * time.Second
		rec, _, err := run(t, c, honest("g-counter"))
		if err != nil {
			t.Fatal(err)
		}
		final := false
		for _, op := range rec.ops {
			final = final || op.Final
			if final && op.F == "add" {
				t.Fatalf("seed %d: %v comes after the first final read", seed, op)
			}
		}
		if !final {
			t.Fatal("there was no final read")
		}
	}
}

// TestSilentNodes: operations time out after five seconds, as fail where they are
// idempotent, and the worker goes on as a new process.
func TestSilentNodes(t *testing.T) {
	node := honest("broadcast")
	rec, _, err := run(t, configOf("broadcast", 3), func(id string, b map[string]any) map[string]any {
		if b["type"] == "init" || b["type"] == "topology" {
			return node(id, b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	h, err := history.New(rec.ops)
	if err != nil {
		t.Fatal(err)
	}
	processes := map[int]bool{}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Type == history.Invoke || !op.Client() {
			continue
		}
		processes[op.Process] = true
		want := map[string]history.Type{"read": history.Fail, "broadcast": history.Info}[op.F]
		if op.Type != want || edn.String(op.Error) != ":net-timeout" {
			t.Errorf("%v %v, want %v :net-timeout", op, op.Error, want)
		}
		if took := op.Time - h.Invocation(op).Time; took != 5*time.Second {
			t.Errorf("%v took %v, want 5s", op, took)
		}
	}
	if len(processes) < 10 {
		t.Errorf("there were %d processes, want a new one after each unknown outcome", len(processes))
	}
}

// TestTopologyFails: a node that does not answer topology is told so, by name.
func TestTopologyFails(t *testing.T) {
	for _, test := range []struct {
		answer map[string]any
		want   string
	}{
		{nil, "did not answer topology within 5s: is there a handler for it, and does it answer topology_ok?"},
		{map[string]any{"type": "error", "code": 10, "text": "not yet"}, "did not answer topology with topology_ok: not-supported: not yet"},
	} {
		_, _, err := run(t, configOf("broadcast", 1), func(_ string, body map[string]any) map[string]any {
			if body["type"] == "init" {
				return map[string]any{"type": "init_ok"}
			}
			return test.answer
		})
		var setup *workload.SetupError
		if !errors.As(err, &setup) || !strings.Contains(err.Error(), "node n0 "+test.want) {
			t.Errorf("an answer of %v to topology gives %v, expected %q", test.answer, err, test.want)
		}
	}
}

func TestInitFails(t *testing.T) {
	var initErr *InitError
	_, _, err := run(t, configOf("echo", 1), func(string, map[string]any) map[string]any { return nil })
	if !errors.As(err, &initErr) || !initErr.Silent || !strings.Contains(err.Error(), "did not answer init within 10s") {
		t.Errorf("silent nodes give %v", err)
	}
	_, _, err = run(t, configOf("echo", 1), func(string, map[string]any) map[string]any {
		return map[string]any{"type": "error", "code": 11, "text": "not yet"}
	})
	if !errors.As(err, &initErr) || initErr.Silent || !strings.Contains(err.Error(), "temporarily-unavailable: not yet") {
		t.Errorf("nodes that refuse give %v", err)
	}
}

// TestRecorderFails: a full disk ends the run.
func TestRecorderFails(t *testing.T) {
	full := errors.New("no space left on device")
	rec := &memory{fail: full}
	_, err := Run(context.Background(), configOf("echo", 1), func(receive func(journal.Message) error) Engine {
		return &virtual{receive: receive, node: honest("echo")}
	}, rec, quiet, nil)
	if !errors.Is(err, full) {
		t.Errorf("the run ended with %v, want %v", err, full)
	}
	if len(rec.ops) > 500 {
		t.Errorf("the run went on for %d operations", len(rec.ops))
	}
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	rec := &memory{}
	_, err := Run(ctx, configOf("echo", 1), func(receive func(journal.Message) error) Engine {
		node := honest("echo")
		return &virtual{receive: receive, node: func(id string, b map[string]any) map[string]any {
			if len(rec.ops) > 100 {
				cancel()
			}
			return node(id, b)
		}}
	}, rec, quiet, nil)
	if !IsInterrupt(err) {
		t.Errorf("the run ended with %v, want an interrupt", err)
	}
}

// TestProgress: the phases come in order.
func TestProgress(t *testing.T) {
	var phases []Phase
	var last Progress
	rec := &memory{}
	_, err := Run(context.Background(), configOf("g-counter", 1), func(receive func(journal.Message) error) Engine {
		return &virtual{receive: receive, node: honest("g-counter")}
	}, rec, quiet, func(p Progress) {
		if len(phases) == 0 || phases[len(phases)-1] != p.Phase {
			phases = append(phases, p.Phase)
		}
		last = p
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(phases), fmt.Sprint([]Phase{Running, Finishing, Recovering, Final}); got != want {
		t.Errorf("the phases are %s, want %s", got, want)
	}
	if servers, ok := last.Storm(); last.Messages != int64(rec.net.Servers.MsgCount) || ok || servers != 0 {
		t.Errorf("in the end there were %d messages between servers, a storm: %v, want %d, no storm", last.Messages, ok, rec.net.Servers.MsgCount)
	}
}

// TestNullReads: a node that answers a read with null has none of the values, and
// has lost them unless the last read was answered by another one.
func TestNullReads(t *testing.T) {
	lost := 0
	for seed := range uint64(6) {
		c := configOf("broadcast", seed)
		c.Nemesis.Faults = nil
		node := honest("broadcast")
		rec, _, err := run(t, c, func(id string, b map[string]any) map[string]any {
			answer := node(id, b)
			if b["type"] == "read" && id != "n2" {
				answer["messages"] = nil
			}
			return answer
		})
		if err != nil {
			t.Fatal(err)
		}
		h, err := history.New(rec.ops)
		if err != nil {
			t.Fatal(err)
		}
		r, err := checkers.Check(h, &rec.net, checkers.Options{Workload: "broadcast"})
		if err != nil {
			t.Fatal(err)
		}
		if r.Valid == checkers.Invalid {
			lost++
		}
	}
	if lost < 2 {
		t.Errorf("%d of 6 runs are invalid although two of three nodes have no values", lost)
	}
}

// TestInitIsSpread: nodes get init at different times that the seed decides, all
// within the span.
func TestInitIsSpread(t *testing.T) {
	times := func(seed uint64) []time.Duration {
		c := configOf("echo", seed)
		c.InitSpread = 100 * time.Millisecond
		var at []time.Duration
		var engine *virtual
		_, err := Run(context.Background(), c, func(receive func(journal.Message) error) Engine {
			node := honest("echo")
			engine = &virtual{receive: receive, node: func(id string, b map[string]any) map[string]any {
				if b["type"] == "init" {
					at = append(at, engine.kernel.Now())
				}
				return node(id, b)
			}}
			return engine
		}, &memory{}, quiet, nil)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	first := times(1)
	if len(first) != 3 || first[0] == first[1] || first[1] == first[2] || first[2] > 100*time.Millisecond {
		t.Errorf("nodes got init at %v, want three times within 100ms", first)
	}
	if again := times(1); !slices.Equal(first, again) {
		t.Errorf("the same seed gives %v and %v", first, again)
	}
	if other := times(2); slices.Equal(first, other) {
		t.Errorf("two seeds give the same times %v", first)
	}
}

// TestStrays: the result names the messages that answer no request.
func TestStrays(t *testing.T) {
	node := honest("echo")
	rec := &memory{}
	result, err := Run(context.Background(), configOf("echo", 1), func(receive func(journal.Message) error) Engine {
		return &virtual{node: node, receive: func(m journal.Message) error {
			if strings.Contains(string(m.Body), "echo_ok") {
				m.Body = json.RawMessage(strings.Replace(string(m.Body), "in_reply_to", "reply_to", 1))
			}
			return receive(m)
		}}
	}, rec, quiet, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := result.Strays.Count; n < 10 || len(result.Strays.First) != 5 {
		t.Errorf("%d strays, %d of them kept", n, len(result.Strays.First))
	}
	if s := result.Strays.First[0].String(); !strings.Contains(s, `it has no "in_reply_to"`) || !strings.Contains(s, `"reply_to":`) {
		t.Errorf("the first stray is described as %s", s)
	}
}
