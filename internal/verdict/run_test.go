package verdict

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/nemesis"
	"glomers/internal/network"
	"glomers/internal/runner"
	"glomers/internal/spec"
	"glomers/internal/workload"
)

// cluster is an engine in virtual time whose nodes answer init and hand out ids.
type cluster struct {
	receive func(journal.Message) error
	ids     int
	repeat  bool // the same id again and again
	racy    []string
	fail    error // of the engine, instead of a run
}

func (c *cluster) Start(id string) (network.Endpoint, error) { return c, c.fail }

func (c *cluster) Drive(ctx context.Context, k *kernel.Kernel) error {
	for ctx.Err() == nil && k.Step() {
	}
	return errors.Join(ctx.Err(), k.Err())
}

func (c *cluster) Stop()          {}
func (c *cluster) Racy() []string { return c.racy }

func (c *cluster) Deliver(m journal.Message) {
	var body struct {
		Type  string
		MsgID int `json:"msg_id"`
	}
	if err := json.Unmarshal(m.Body, &body); err != nil {
		panic(err)
	}
	if !c.repeat {
		c.ids++
	}
	answer := fmt.Sprintf(`{"type":"%s_ok","in_reply_to":%d,"id":%d}`, body.Type, body.MsgID, c.ids)
	if err := c.receive(journal.Message{Src: m.Dest, Dest: m.Src, Body: []byte(answer)}); err != nil {
		panic(err)
	}
}

// keeper keeps the records of a run.
type keeper struct {
	ops            []history.Op
	events, flushs int
}

func (k *keeper) RecordOp(op history.Op) { k.ops = append(k.ops, op) }
func (k *keeper) Record(journal.Event)   { k.events++ }
func (k *keeper) Flush() error           { k.flushs++; return nil }

func uniqueIDs() *spec.Test {
	return &spec.Test{
		Workload: "unique-ids", Nodes: []string{"n0", "n1"},
		Load:    spec.Load{Concurrency: 2, Rate: 10, TimeLimit: 5, MaxTxnLength: 4, MaxWritesPerKey: 16},
		Network: spec.Network{LatencyDist: "constant", NemesisInterval: 1},
	}
}

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name    string
		change  func(*spec.Test)
		cluster cluster
		want    Outcome
		kinds   string
	}{
		{"a good run", func(*spec.Test) {}, cluster{}, Pass, ""},
		{"one id for all", func(*spec.Test) {}, cluster{repeat: true}, Fail, "official duplicated"},
		{"races", func(t *spec.Test) { t.Race = true }, cluster{racy: []string{"n1"}}, Fail, "race data-race"},
	} {
		test := uniqueIDs()
		c.change(test)
		kept := &keeper{}
		v, err := Run(context.Background(), test, Ask(test, nil), func(receive func(journal.Message) error) runner.Engine {
			c.cluster.receive = receive
			return &c.cluster
		}, Observation{Keep: kept})
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if v.Outcome != c.want || kinds(v) != c.kinds {
			t.Errorf("%s: %v with the findings %q, expected %v with %q", c.name, v.Outcome, kinds(v), c.want, c.kinds)
		}
		if v.Results.Net == nil || v.Results.Net.All.SendCount == 0 {
			t.Errorf("%s: no messages were counted", c.name)
		}
		if len(kept.ops) != 2*v.Results.Stats.Count || kept.events == 0 || kept.flushs == 0 {
			t.Errorf("%s: %d records, %d events and %d flushes were kept of %d operations", c.name, len(kept.ops), kept.events, kept.flushs, v.Results.Stats.Count)
		}
		for i, op := range kept.ops {
			if op.Index != i {
				t.Fatalf("%s: record %d has the index %d", c.name, i, op.Index)
			}
		}
	}
}

// TestRunLogs: a run says what it does, and logs messages where that is asked for.
func TestRunLogs(t *testing.T) {
	for _, c := range []struct {
		o          Observation
		sent, recv bool
	}{{Observation{}, false, false}, {Observation{LogSend: true}, true, false}, {Observation{LogRecv: true}, false, true}} {
		var b bytes.Buffer
		c.o.Log = slog.New(slog.NewTextHandler(&b, nil))
		nodes := &cluster{}
		records, err := Record(context.Background(), uniqueIDs(), func(receive func(journal.Message) error) runner.Engine {
			nodes.receive = receive
			return struct{ runner.Engine }{nodes} // it cannot tell of races
		}, c.o)
		if err != nil {
			t.Fatal(err)
		}
		if records.Traffic.Events == 0 {
			t.Error("the run has no events")
		}
		log := b.String()
		if strings.Contains(log, "msg=send") != c.sent || strings.Contains(log, "msg=recv") != c.recv || !strings.Contains(log, "the run is complete") {
			t.Errorf("%+v logs\n%.2000s", c.o, log)
		}
	}
}

// TestRunEnds: the error of a run that cannot begin, or is interrupted, is returned,
// with what was noticed until then.
func TestRunEnds(t *testing.T) {
	broken := errors.New("broken")
	_, err := Run(context.Background(), uniqueIDs(), Question{}, func(func(journal.Message) error) runner.Engine { return &cluster{fail: broken} }, Observation{})
	if !errors.Is(err, broken) {
		t.Errorf("the error is %v, expected that of the engine", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	test := uniqueIDs()
	test.Nemesis = []string{nemesis.FaultPartition}
	nodes := &cluster{}
	records, err := Record(ctx, test, func(receive func(journal.Message) error) runner.Engine {
		nodes.receive = receive
		return nodes
	}, Observation{Progress: func(p runner.Progress) {
		if p.Invoked > 5 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) || len(records.Partitions) == 0 {
		t.Errorf("the error is %v with %d partitions, expected an interrupt after a partition", err, len(records.Partitions))
	}
}

// TestConfig: every option of a test reaches the runner, in its units.
func TestConfig(t *testing.T) {
	half := 0.5
	test := &spec.Test{
		Stage: "3c", Workload: "broadcast", Seed: 7, Nodes: []string{"n0", "n1"},
		Load:      spec.Load{Concurrency: 4, Rate: 10, TimeLimit: 20, Recovery: 2.5, Topology: "grid", KeyCount: 3, MaxTxnLength: 5, MaxWritesPerKey: 6},
		Network:   spec.Network{LatencyMS: 1.5, LatencyDist: "uniform", Nemesis: []string{"loss"}, NemesisInterval: half},
		Judgement: spec.Judgement{Strict: true},
	}
	want := runner.Config{
		Workload: "broadcast",
		Options: workload.Options{
			Nodes: []string{"n0", "n1"}, Concurrency: 4, Topology: "grid", KeyCount: 3, MaxTxnLength: 5, MaxWritesPerKey: 6,
			MeanLatency: 1500 * time.Microsecond, Strict: true,
		},
		Pace:       workload.Pace{Rate: 10, TimeLimit: 20 * time.Second},
		Latency:    network.Latency{Mean: 1500 * time.Microsecond, Dist: network.Uniform},
		Nemesis:    nemesis.Config{Faults: []string{"loss"}, Interval: 500 * time.Millisecond, RealCuts: true},
		Recovery:   2500 * time.Millisecond,
		InitSpread: runner.DefaultInitSpread,
		Seed:       7,
	}
	if got := Config(test); !reflect.DeepEqual(got, want) {
		t.Errorf("the configuration is %+v, expected %+v", got, want)
	}
	// A partition may cut nothing where there is no stage, as in Maelstrom.
	test.Stage = ""
	if Config(test).Nemesis.RealCuts {
		t.Error("a test of no stage has real cuts only")
	}
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*spec.Test){
		"":                                func(*spec.Test) {},
		"--time-limit is 0":               func(t *spec.Test) { t.TimeLimit = 0 },
		`unknown fault "earthquake"`:      func(t *spec.Test) { t.Nemesis = []string{"earthquake"} },
		`unknown workload "juggling"`:     func(t *spec.Test) { t.Workload = "juggling" },
		`latency distribution is "heavy"`: func(t *spec.Test) { t.LatencyDist = "heavy" },
	} {
		test := uniqueIDs()
		change(test)
		if got := fmt.Sprint(Validate(test)); !strings.Contains(got, want) || want == "" && got != "<nil>" {
			t.Errorf("found %s, expected %q", got, want)
		}
	}
}
