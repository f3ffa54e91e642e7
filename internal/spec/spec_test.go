package spec

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

func valid() Test {
	return Test{
		Workload: "broadcast", Seed: math.MaxUint64, Nodes: []string{"n0"},
		Host:      Host{Engine: "sim", Solution: "./3c", CPUCost: Duration(50 * time.Microsecond), NodeMemory: 512},
		Load:      Load{Concurrency: 1, Rate: 5, TimeLimit: 20, Recovery: 10, Topology: "grid", MaxTxnLength: 4, MaxWritesPerKey: 16},
		Network:   Network{LatencyMS: 100, LatencyDist: "constant", NemesisInterval: 10, Nemesis: []string{"partition"}},
		Judgement: Judgement{ConsistencyModels: []string{"strict-serializable"}},
	}
}

func TestBounds(t *testing.T) {
	ok := valid()
	if err := ok.Validate(); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Test){
		"--time-limit is 10000000000, expected 1 to 1000000 seconds":              func(t *Test) { t.TimeLimit = 1e10 },
		"--time-limit is 0, expected 1 to":                                        func(t *Test) { t.TimeLimit = 0 },
		"--recovery is 10000000000, expected 0 to 1000000 seconds":                func(t *Test) { t.Recovery = 1e10 },
		"--recovery is not a number":                                              func(t *Test) { t.Recovery = math.NaN() },
		"--latency is 999999999999999, expected 0 to 3600000 milliseconds":        func(t *Test) { t.LatencyMS = 999999999999999 },
		"--latency is -5, expected 0 to":                                          func(t *Test) { t.LatencyMS = -5 },
		"--nemesis-interval is 10000000000, expected 0.001 to 1000000 seconds":    func(t *Test) { t.NemesisInterval = 1e10 },
		"--nemesis-interval is 0, expected":                                       func(t *Test) { t.NemesisInterval = 0 },
		"--rate is infinite, expected 0, or 0.001 to 1000000 operations a second": func(t *Test) { t.Rate = math.Inf(1) },
		"--rate is -1, expected 0, or":                                            func(t *Test) { t.Rate = -1 },
		"--rate is not a number":                                                  func(t *Test) { t.Rate = math.NaN() },
		"--rate is 1e+300":                                                        func(t *Test) { t.Rate = 1e300 },
		"--cpu-cost is -1s, expected 0 to 1h0m0s":                                 func(t *Test) { t.CPUCost = Duration(-time.Second) },
		"--cpu-cost is 2h0m0s, expected 0 to 1h0m0s":                              func(t *Test) { t.CPUCost = Duration(2 * time.Hour) },
		"--yields is -0.5, expected a probability from 0 to 1":                    func(t *Test) { t.Yields = -0.5 },
		"--yields is 1.5, expected a probability from 0 to 1":                     func(t *Test) { t.Yields = 1.5 },
		"--yields is not a number":                                                func(t *Test) { t.Yields = math.NaN() },
		"--time-limit is 1e+21, expected":                                         func(t *Test) { t.TimeLimit = 1e21 },
		"--node-memory is 4096, expected 16 to 4095 MiB":                          func(t *Test) { t.NodeMemory = 4096 },
		"--node-memory is 1, expected 16 to 4095 MiB":                             func(t *Test) { t.NodeMemory = 1 },
		"--node-count is 0, expected 1 to 1000 nodes":                             func(t *Test) { t.Nodes = nil },
		"--concurrency is 20000, expected 1 to 10000 workers":                     func(t *Test) { t.Concurrency = 20000 },
		"--key-count is -1":                                                       func(t *Test) { t.KeyCount = -1 },
		"--max-txn-length is 0, expected 1 to":                                    func(t *Test) { t.MaxTxnLength = 0 },
		"--max-writes-per-key is 0, expected 1 to":                                func(t *Test) { t.MaxWritesPerKey = 0 },
	} {
		test := valid()
		change(&test)
		if err := test.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("found %v, expected %s…", err, want)
		}
	}
}

// TestLimitsAreIncluded: the least and the largest value of every option are possible.
func TestLimitsAreIncluded(t *testing.T) {
	for name, change := range map[string]func(*Test){
		"least": func(t *Test) {
			t.TimeLimit, t.Recovery, t.NemesisInterval, t.LatencyMS, t.Rate = 1, 0, leastPause, 0, leastRate
			t.Concurrency, t.KeyCount, t.MaxTxnLength, t.MaxWritesPerKey = 1, 0, 1, 1
			t.Yields, t.CPUCost, t.NodeMemory = 0, 0, leastMemory
		},
		"most": func(t *Test) {
			t.TimeLimit, t.Recovery, t.NemesisInterval, t.LatencyMS, t.Rate = maxSeconds, maxSeconds, maxSeconds, maxLatencyMS, maxRate
			t.Concurrency, t.KeyCount, t.MaxTxnLength, t.MaxWritesPerKey = maxWorkers, maxKeys, maxLength, maxKeys
			t.Yields, t.CPUCost, t.NodeMemory = 1, Duration(maxCPUCost), mostMemory
			t.Nodes = make([]string, maxNodes)
		},
		"zero": func(t *Test) { t.Rate, t.NodeMemory = 0, 0 },
	} {
		test := valid()
		change(&test)
		if err := test.Validate(); err != nil {
			t.Errorf("the %s values: %v", name, err)
		}
	}
}

// TestSettle: what strict checks give a program to settle is the recovery that the test
// grants, and never zero, which would mean their default.
func TestSettle(t *testing.T) {
	for recovery, want := range map[float64]time.Duration{10: 10 * time.Second, 0.5: 500 * time.Millisecond, 0: 1} {
		test := valid()
		test.Recovery = recovery
		if got := test.CheckOptions().Settle; got != want {
			t.Errorf("a recovery of %v s is %v to settle, expected %v", recovery, got, want)
		}
	}
}

// The options of a test are one flat object, under the names of the flags.
func TestJSON(t *testing.T) {
	want := valid()
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"time-limit":20`, `"latency":100`, `"cpu-cost":"50µs"`, `"nemesis":["partition"]`, `"engine":"sim"`, `"seed":18446744073709551615`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s lacks %s", text, part)
		}
	}
	var got Test
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back as %+v", got)
	}
	if err := json.Unmarshal([]byte(`{"cpu-cost": "soon"}`), &got); err == nil || !strings.Contains(err.Error(), `"soon" is not a duration such as 50µs`) {
		t.Errorf("found %v", err)
	}
}
