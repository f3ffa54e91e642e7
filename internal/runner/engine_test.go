package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/nemesis"
	"glomers/internal/network"
	"glomers/internal/nodeio"
)

// capable is an engine that can do everything to nodes, and fails to do what is named.
type capable struct {
	virtual
	fails   string
	after   func() // Drive; may be nil
	onStall func(time.Duration)
	skewed  []string
}

var errEngine = errors.New("the engine is broken")

func (c *capable) failing(call string) error {
	if c.fails == call {
		return errEngine
	}
	return nil
}

func (c *capable) Start(id string) (network.Endpoint, error) {
	e, _ := c.virtual.Start(id)
	return e, c.failing("start")
}

func (c *capable) Drive(ctx context.Context, k *kernel.Kernel) error {
	err := c.virtual.Drive(ctx, k)
	if c.after != nil {
		c.after()
	}
	return err
}

func (c *capable) Pause(string) error  { return c.failing("pause") }
func (c *capable) Resume(string) error { return c.failing("resume") }
func (c *capable) Kill(string) error   { return c.failing("kill") }

func (c *capable) Restart(id string) (network.Endpoint, error) {
	return endpoint{&c.virtual, id}, c.failing("restart")
}

func (c *capable) Skew(node string, by time.Duration) error {
	c.skewed = append(c.skewed, fmt.Sprint(node, by != 0))
	return c.failing("skew")
}

func (c *capable) OnStall(f func(time.Duration)) { c.onStall = f }

func (c *capable) Silent(node string, err error) error {
	return &nodeio.Error{Node: node, Msg: err.Error()}
}

// runOn runs a test on a capable engine and returns what was logged, too.
func runOn(c Config, engine *capable, rec Recorder, progress func(Progress)) (Result, string, error) {
	var log bytes.Buffer
	result, err := Run(context.Background(), c, func(receive func(journal.Message) error) Engine {
		engine.receive = receive
		if engine.node == nil {
			engine.node = honest(c.Workload)
		}
		return engine
	}, rec, slog.New(slog.NewTextHandler(&log, nil)), progress)
	return result, log.String(), err
}

// TestUnsupportedFaults: a fault that the engine cannot inject ends the run and is named.
func TestUnsupportedFaults(t *testing.T) {
	for _, fault := range []string{nemesis.FaultPause, nemesis.FaultKill, nemesis.FaultClock} {
		c := configOf("echo", 1)
		c.Nemesis.Faults = []string{fault}
		_, _, err := run(t, c, honest("echo"))
		var unsupported *UnsupportedError
		if !errors.As(err, &unsupported) || err.Error() != "the engine cannot inject the fault "+fault {
			t.Errorf("%s: the error is %v", fault, err)
		}
	}
}

// TestEngineFails: an engine that cannot do what it should ends the run.
func TestEngineFails(t *testing.T) {
	for _, call := range []string{"start", "pause", "resume", "kill", "restart", "skew"} {
		c := configOf("echo", 1)
		c.Nemesis.Faults = []string{nemesis.FaultPause, nemesis.FaultKill, nemesis.FaultClock}
		rec := &memory{}
		_, log, err := runOn(c, &capable{fails: call}, rec, nil)
		if !errors.Is(err, errEngine) {
			t.Errorf("%s: the error is %v after %d records", call, err, len(rec.ops))
		}
		if ended := strings.Contains(log, `msg="the run ended early"`) && strings.Contains(log, "broken"); ended != (call != "start") || strings.Contains(log, "is complete") {
			t.Errorf("%s: the log is\n%.2000s", call, log)
		}
	}
}

// TestSkew: the clock of one node at a time is wrong, and right in the end.
func TestSkew(t *testing.T) {
	c := configOf("echo", 1)
	c.Nemesis.Faults = []string{nemesis.FaultClock}
	engine := &capable{}
	if _, _, err := runOn(c, engine, &memory{}, nil); err != nil {
		t.Fatal(err)
	}
	if len(engine.skewed) < 4 || len(engine.skewed)%2 != 0 {
		t.Fatalf("clocks were set %d times", len(engine.skewed))
	}
	for i := 0; i < len(engine.skewed); i += 2 {
		if node := engine.skewed[i][:2]; engine.skewed[i] != node+"true" || engine.skewed[i+1] != node+"false" {
			t.Errorf("clocks were set as %v", engine.skewed)
		}
	}
}

// TestRestartedNodeIsSilent: a node that was restarted and does not answer init is
// noted, and the run goes on.
func TestRestartedNodeIsSilent(t *testing.T) {
	for _, silent := range []bool{false, true} {
		c := configOf("broadcast", 1)
		c.Nemesis = nemesis.Config{Faults: []string{nemesis.FaultKill}, Interval: 10 * time.Second}
		c.Pace.TimeLimit = 60 * time.Second
		c.Pace.Rate = 5
		engine, node := &capable{}, honest("broadcast")
		started := map[string]bool{}
		topologies := 0
		engine.node = func(id string, b map[string]any) map[string]any {
			if b["type"] == "topology" {
				topologies++
			}
			if b["type"] == "init" {
				if silent && started[id] {
					return nil
				}
				started[id] = true
			}
			return node(id, b)
		}
		_, log, err := runOn(c, engine, &memory{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if noted := strings.Contains(log, "a node that was restarted did not answer init"); noted != silent {
			t.Errorf("nodes are silent: %v, but noted: %v", silent, noted)
		}
		if again := topologies > 3; again == silent {
			t.Errorf("nodes are silent: %v, and got %d topologies", silent, topologies)
		}
	}
}

// TestKilledBeforeInit: a node that is killed again before it can answer init is not
// said to be silent.
func TestKilledBeforeInit(t *testing.T) {
	c := configOf("echo", 1)
	c.Options.Nodes = c.Options.Nodes[:1]
	c.Nemesis = nemesis.Config{Faults: []string{nemesis.FaultKill}, Interval: time.Second}
	c.Pace.TimeLimit = 60 * time.Second
	engine, node, inits := &capable{}, honest("echo"), 0
	engine.node = func(id string, b map[string]any) map[string]any {
		if b["type"] == "init" {
			if inits++; inits > 1 {
				return nil
			}
		}
		return node(id, b)
	}
	_, log, err := runOn(c, engine, &memory{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if inits < 10 || strings.Contains(log, "did not answer init") {
		t.Errorf("after %d times init, the log is\n%.2000s", inits, log)
	}
}

// TestServices: nodes can use the services.
func TestServices(t *testing.T) {
	engine, answers := &capable{}, map[string]string{}
	node := honest("echo")
	engine.node = func(id string, b map[string]any) map[string]any {
		if b["type"] == "init" && id == "n0" {
			for _, service := range []string{"lin-kv", "seq-kv", "lww-kv", "lin-tso"} {
				if err := engine.receive(journal.Message{Src: id, Dest: service, Body: json.RawMessage(`{"type":"hello","msg_id":1}`)}); err != nil {
					t.Error(err)
				}
			}
		}
		if b["type"] == "error" {
			answers[fmt.Sprint(b["text"])] = id
			return nil
		}
		return node(id, b)
	}
	if _, _, err := runOn(configOf("echo", 1), engine, &memory{}, nil); err != nil {
		t.Fatal(err)
	}
	if len(answers) != 2 { // the three stores refuse with the same words
		t.Errorf("the services answered %v", answers)
	}
}

// TestStraysAreLogged: each message that answers no request is in the log.
func TestStraysAreLogged(t *testing.T) {
	engine := &capable{}
	node := honest("echo")
	engine.node = func(id string, b map[string]any) map[string]any {
		if b["type"] == "echo" {
			b["msg_id"] = nil
		}
		return node(id, b)
	}
	result, log, err := runOn(configOf("echo", 1), engine, &memory{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(log, `msg="a message answers no request" client=c`); n == 0 || n != result.Strays.Count {
		t.Errorf("%d of %d messages that answer no request are logged", n, result.Strays.Count)
	}
}

// TestStall: a stall of the runner itself is in the history.
func TestStall(t *testing.T) {
	engine, rec := &capable{}, &memory{}
	node := honest("echo")
	stalled := time.Duration(0)
	engine.node = func(id string, b map[string]any) map[string]any {
		if b["type"] == "echo" && stalled == 0 {
			stalled = engine.kernel.Now()
			engine.onStall(14 * time.Second)
		}
		return node(id, b)
	}
	_, log, err := runOn(configOf("echo", 1), engine, rec, nil)
	if err != nil {
		t.Fatal(err)
	}
	var stalls []history.Op
	for _, op := range rec.ops {
		if op.F == history.RunnerStall {
			stalls = append(stalls, op)
		}
	}
	if len(stalls) != 1 || stalls[0].Value != int64(14000) || stalls[0].Time != stalled || stalls[0].Client() || stalls[0].Type != history.Info {
		t.Errorf("the history has the stalls %v, expected one of 14000 ms at %v", stalls, stalled)
	}
	if !strings.Contains(log, "the runner itself made no progress") || !strings.Contains(log, "for=14s") {
		t.Error("the log does not have the stall")
	}
}

// TestLastFlush: records that cannot be written in the end are an error.
func TestLastFlush(t *testing.T) {
	rec := &memory{}
	full := errors.New("no space left on device")
	_, log, err := runOn(configOf("echo", 1), &capable{after: func() { rec.fail = full }}, rec, nil)
	if !errors.Is(err, full) || strings.Contains(log, "the run is complete") {
		t.Errorf("the run ended with %v", err)
	}
}

// TestLog: the log says what happens and when the run is complete; messages only where
// that is asked for.
func TestLog(t *testing.T) {
	for _, c := range []struct{ send, recv bool }{{false, false}, {true, false}, {false, true}, {true, true}} {
		config, rec := configOf("echo", 1), &memory{}
		config.LogSend, config.LogRecv = c.send, c.recv
		result, log, err := runOn(config, &capable{}, rec, nil)
		if err != nil {
			t.Fatal(err)
		}
		invoked := 0
		for _, op := range rec.ops {
			if op.Type == history.Invoke {
				invoked++
			}
		}
		for _, want := range []string{
			`msg="starting nodes" nodes="[n0 n1 n2]" seed=1`, "msg=running", `msg="waiting for operations in flight"`,
			"msg=nemesis f=start-partition value=:", fmt.Sprintf(`msg="the run is complete" operations=%d`, invoked),
		} {
			if !strings.Contains(log, want) {
				t.Errorf("the log lacks %s:\n%.1000s", want, log)
			}
		}
		sent, received := strings.Count(log, "msg=send time="), strings.Count(log, "msg=recv time=")
		if want := rec.net.All.SendCount; sent != map[bool]int{true: int(want)}[c.send] {
			t.Errorf("with %+v, %d of %d messages that were sent are logged", c, sent, want)
		}
		if want := rec.net.All.RecvCount; received != map[bool]int{true: int(want)}[c.recv] {
			t.Errorf("with %+v, %d of %d messages that were received are logged", c, received, want)
		}
		if c.send && !strings.Contains(log, `\"dest\":\"n0\"`) {
			t.Error("the messages that are logged are not shown")
		}
		if len(result.Partitions) == 0 {
			t.Error("the result has no partitions")
		}
	}
}

// TestCounts: whoever follows a run sees its operations, its faults and its pace, and
// in the end all of them.
func TestCounts(t *testing.T) {
	rec := &memory{}
	engine, answers := &capable{}, 0
	node := honest("echo")
	engine.node = func(id string, b map[string]any) map[string]any {
		if b["type"] == "echo" {
			answers++
			switch {
			case answers%5 == 0:
				return map[string]any{"type": "error", "code": 11, "text": "not now"}
			case answers%7 == 0:
				return map[string]any{"type": "error", "code": 13, "text": "who knows"}
			}
		}
		return node(id, b)
	}
	var last Progress
	pace, partitioned, reports := false, false, 0
	c := configOf("echo", 1)
	c.Pace.Rate = 1000 // some operations end after the time limit
	_, _, err := runOn(c, engine, rec, func(p Progress) {
		if p.Phase == Running {
			reports++
		}
		if p.Elapsed < 0 || p.Total > 0 && p.Elapsed > p.Total {
			t.Errorf("%v of %v have passed of the phase %s", p.Elapsed, p.Total, p.Phase)
		}
		pace = pace || p.Rate > 50 && p.Latency > 0
		partitioned = partitioned || strings.Contains(p.Faults, "partition: ")
		last = p
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[history.Type]int{}
	for _, op := range rec.ops {
		if op.Client() {
			want[op.Type]++
		}
	}
	if got := map[history.Type]int{history.Invoke: last.Invoked, history.OK: last.OK, history.Fail: last.Fail, history.Info: last.Info}; fmt.Sprint(got) != fmt.Sprint(want) || want[history.Fail] == 0 || want[history.Info] == 0 {
		t.Errorf("the counts are %v, expected %v", got, want)
	}
	if !pace || !partitioned {
		t.Errorf("the pace was seen: %v, partitions: %v", pace, partitioned)
	}
	if want := int(loadLimit / progressInterval); reports < want-1 || reports > want+2 {
		t.Errorf("there were %d reports while the load ran, expected about %d", reports, want)
	}
}

func TestStorm(t *testing.T) {
	for _, c := range []struct {
		messages     int64
		invoked      int
		perOperation int64
		storm        bool
	}{{999, 1, 999, false}, {1000, 1, 1000, true}, {6000, 10, 600, false}, {5000, 0, 5000, true}, {0, 0, 0, false}} {
		p := Progress{Messages: c.messages, Invoked: c.invoked}
		if n, storm := p.Storm(); n != c.perOperation || storm != c.storm {
			t.Errorf("%d messages for %d operations: %d each, a storm: %v", c.messages, c.invoked, n, storm)
		}
	}
}

// TestSilentWitness: of a node that does not answer a request of the setup, the engine
// says more, and a message that answers no request may be the reason.
func TestSilentWitness(t *testing.T) {
	for _, c := range []struct {
		request string
		answer  map[string]any // as if it answered no request; nil for none
		want    string
	}{
		{"init", nil, "node n0 did not answer init within 10s"},
		{"topology", nil, "node n0 did not answer topology within 5s: is there a handler for it, and does it answer topology_ok?"},
		{"init", map[string]any{"type": "init_ok"}, "node n0 did not answer init within 10s, but sent a message that answers no request: "},
		{"topology", map[string]any{"type": "topology_ok"}, "node n0 did not answer topology within 5s, but sent a message that answers no request: "},
	} {
		config := configOf("broadcast", 1)
		engine, node := &capable{}, honest("broadcast")
		engine.node = func(id string, b map[string]any) map[string]any {
			if b["type"] == c.request && id == "n0" {
				b["msg_id"] = nil
				return c.answer
			}
			return node(id, b)
		}
		_, _, err := runOn(config, engine, &memory{}, nil)
		var blamed *nodeio.Error
		if !errors.As(err, &blamed) || !strings.HasPrefix(err.Error(), c.want) || c.answer == nil && err.Error() != c.want {
			t.Errorf("%s answered with %v: the error is %v, expected %s", c.request, c.answer, err, c.want)
		}
	}
}

func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"<nil>":                       func(*Config) {},
		"latency":                     func(c *Config) { c.Latency.Mean = -1 },
		"the init spread is -1ns":     func(c *Config) { c.InitSpread = -1 },
		`unknown fault "earthquake"`:  func(c *Config) { c.Nemesis.Faults = []string{"earthquake"} },
		`unknown workload "juggling"`: func(c *Config) { c.Workload = "juggling" },
	} {
		c := configOf("echo", 1)
		change(&c)
		if got := fmt.Sprint(c.Validate()); !strings.Contains(got, want) {
			t.Errorf("found %s, expected %s", got, want)
		}
	}
	c := configOf("juggling", 1)
	if _, _, err := runOn(c, &capable{}, &memory{}, nil); err == nil || !strings.Contains(err.Error(), "juggling") {
		t.Errorf("running an unknown workload is the error %v", err)
	}
}

func TestConfigString(t *testing.T) {
	c := configOf("echo", 1)
	if got, want := c.String(), "echo, 3 nodes, 6 workers, 100 ops/s, 6s, latency 10ms exponential, nemesis partition"; got != want {
		t.Errorf("the configuration is described as %q, expected %q", got, want)
	}
	c.Options.Nodes, c.Options.Concurrency, c.Latency.Mean, c.Nemesis.Faults = c.Options.Nodes[:1], 1, 0, nil
	if got, want := c.String(), "echo, 1 node, 1 worker, 100 ops/s, 6s"; got != want {
		t.Errorf("the configuration is described as %q, expected %q", got, want)
	}
}

func TestIsInterrupt(t *testing.T) {
	for err, want := range map[error]bool{
		fmt.Errorf("run: %w", context.Canceled): true, fmt.Errorf("run: %w", context.DeadlineExceeded): true, errEngine: false,
	} {
		if IsInterrupt(err) != want {
			t.Errorf("%v is an interrupt: %v", err, !want)
		}
	}
}

// TestFaultsInForce: a fault is in force from its start to its stop; stopping it once
// more changes nothing.
func TestFaultsInForce(t *testing.T) {
	var f faults
	for _, step := range []struct{ op, want string }{
		{"start-partition", "partition"}, {"start-loss", "partition, loss"}, {"start-loss", "partition, loss"},
		{"runner-stall", "partition, loss"}, {"restart", "partition, loss"}, {"stop-partition", "loss"}, {"stop-partition", "loss"}, {"stop-loss", ""},
	} {
		f.observe(step.op)
		if got := f.describe(nil); got != step.want {
			t.Errorf("after %s, the faults in force are %q, expected %q", step.op, got, step.want)
		}
	}
}
