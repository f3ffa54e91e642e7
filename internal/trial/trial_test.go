package trial

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"glomers/checkers"
	"glomers/internal/spec"
	"glomers/internal/verdict"
)

// outcome is that of a run with these failures.
func outcome(seed uint64, failures ...string) Outcome {
	o := Outcome{Seed: seed, Failures: failures, Figures: []Figure{{"messages per operation", "", float64(seed)}, {"latency", "ms", -float64(seed)}}}
	if len(failures) > 0 {
		o.Details = fmt.Sprintf("%s in detail, seed %d", failures[0], seed)
	}
	return o
}

func TestExplore(t *testing.T) {
	for _, c := range []struct {
		first, count uint64
	}{{0, 10}, {5, 1}, {math.MaxUint64 - 3, 4}} {
		var done []uint64
		got, err := Explore(context.Background(), Seeds{c.first, c.count, 1}, 3, func(_ context.Context, seed uint64) (Outcome, error) {
			return outcome(seed), nil
		}, func(o Outcome) { done = append(done, o.Seed) })
		if err != nil {
			t.Fatal(err)
		}
		var seeds []uint64
		for _, o := range got {
			seeds = append(seeds, o.Seed)
		}
		if !slices.Equal(done, seeds) {
			t.Errorf("done was called for the seeds %v, expected %v", done, seeds)
		}
		slices.Sort(seeds)
		if uint64(len(seeds)) != c.count || seeds[0] != c.first || seeds[len(seeds)-1] != c.first+(c.count-1) {
			t.Errorf("from %d, %d seeds: ran %v", c.first, c.count, seeds)
		}
	}
}

// TestJudgeWithoutFinding: a run that cannot be judged fails with the reason.
func TestJudgeWithoutFinding(t *testing.T) {
	skipped := []checkers.SkippedCheck{{Check: "lost", Reason: "no final read succeeded"}, {Check: "diverged", Reason: "no final read succeeded"}}
	v := &verdict.Verdict{Outcome: verdict.Unknown, Results: &checkers.Results{Valid: checkers.Valid, Strict: &checkers.StrictResult{Skipped: skipped}}}
	var o Outcome
	o.judge(v)
	if want := "strict: lost; diverged were not checked: no final read succeeded"; !slices.Equal(o.Failures, []string{"no verdict"}) || o.Details != want {
		t.Errorf("it failed with %q: %s\nexpected no verdict: %s", o.Failures, o.Details, want)
	}
}

func TestExploreEnds(t *testing.T) {
	broken := errors.New("broken")
	got, err := Explore(context.Background(), Seeds{0, 1000, 1}, 1, func(_ context.Context, seed uint64) (Outcome, error) {
		if seed == 3 {
			return Outcome{}, broken
		}
		return outcome(seed), nil
	}, nil)
	if !errors.Is(err, broken) || len(got) != 3 {
		t.Errorf("%d outcomes and the error %v, expected 3 and that of seed 3", len(got), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	got, err = Explore(ctx, Seeds{0, 1000, 1}, 1, func(ctx context.Context, seed uint64) (Outcome, error) {
		if seed == 2 {
			cancel()
			return Outcome{}, ctx.Err()
		}
		return outcome(seed), nil
	}, nil)
	if err != nil || len(got) != 2 {
		t.Errorf("%d outcomes and the error %v after an interrupt, expected the 2 that were done", len(got), err)
	}
}

// TestCollect: failures are sorted by how often they happen and by name, whatever the
// order of the runs. Each has the smallest seed, and the details of the smallest seed in
// which it was the first failure.
func TestCollect(t *testing.T) {
	s := Collect([]Outcome{
		outcome(9, "lost", "stats"), outcome(2), outcome(4, "lost"), outcome(7, "stats"), outcome(3, "lost", "stats", "init"), outcome(5, "crash"),
	})
	if s.Runs != 6 || s.Passed != 1 {
		t.Errorf("%d of %d passed, expected 1 of 6", s.Passed, s.Runs)
	}
	want := []Failure{
		{Kind: "lost", Count: 3, Seed: 3, Details: "lost in detail, seed 3"},
		{Kind: "stats", Count: 3, Seed: 3, Details: "stats in detail, seed 7"},
		{Kind: "crash", Count: 1, Seed: 5, Details: "crash in detail, seed 5"},
		{Kind: "init", Count: 1, Seed: 3},
	}
	if !reflect.DeepEqual(s.Failures, want) {
		t.Errorf("failures are %+v, expected %+v", s.Failures, want)
	}
	figures := []Distribution{{"messages per operation", "", 2, 5, 9, 9}, {"latency", "ms", -9, -4, -2, -2}}
	if !slices.Equal(s.Figures, figures) {
		t.Errorf("the figures are %+v, expected %+v", s.Figures, figures)
	}
	if s := Collect(nil); s.Runs != 0 || s.Figures != nil {
		t.Errorf("nothing is collected as %+v", s)
	}
}

func TestSmallerTests(t *testing.T) {
	test := spec.Test{
		Workload: "txn-rw-register", Nodes: []string{"n0", "n1", "n2", "n3", "n4"},
		Load:    spec.Load{Concurrency: 10, Rate: 100, TimeLimit: 20, MaxTxnLength: 4},
		Network: spec.Network{LatencyMS: 100, Nemesis: []string{"partition", "kill"}},
	}
	var texts []string
	for _, d := range dimensions {
		before := d.value(test)
		for _, smaller := range d.smaller(test) {
			texts = append(texts, d.option+" "+d.value(smaller))
			if d.value(smaller) == before {
				t.Errorf("%s: a smaller test has the same value %s", d.option, before)
			}
			if n := len(smaller.Nodes); n < 5 && smaller.Concurrency != 2*n {
				t.Errorf("%d nodes have %d workers, expected two each, as before", n, smaller.Concurrency)
			}
			for _, o := range changed(test, smaller) {
				if o.Name != d.option && !(d.option == "node-count" && o.Name == "concurrency") {
					t.Errorf("%s: the option %s changes, too", d.option, o.Name)
				}
			}
		}
		if d.value(test) != before {
			t.Errorf("%s: making a test smaller changes the original", d.option)
		}
	}
	all := strings.Join(texts, ", ")
	for _, want := range []string{"nemesis kill, nemesis partition", "time-limit 1, time-limit 2, time-limit 5", "rate 99", "node-count 1", "concurrency 9", "latency 0", "max-txn-length 3"} {
		if !strings.Contains(all, want) {
			t.Errorf("%s lacks %s", all, want)
		}
	}
	for n, want := range map[int][]int{1: nil, 4: {1, 2, 3}, 100: {1, 12, 25, 50, 75, 99}} {
		if got := smallerNumbers(n, 1); !slices.Equal(got, want) {
			t.Errorf("%v are tried below %d, expected %v", got, n, want)
		}
	}
	// What has no smaller value, or does not matter, is not tried.
	least := spec.Test{Workload: "broadcast", Nodes: []string{"n0"}, Load: spec.Load{Concurrency: 1, Rate: 1, TimeLimit: 1, MaxTxnLength: 4}}
	for _, d := range dimensions {
		if got := d.smaller(least); got != nil {
			t.Errorf("%s of the smallest test of broadcast is made smaller: %+v", d.option, got)
		}
	}
}

// TestNamedNodes checks that the nodes that are left keep the names that they had.
func TestNamedNodes(t *testing.T) {
	original := spec.Test{Nodes: []string{"a", "b", "n0"}, Load: spec.Load{Concurrency: 3}}
	smaller := original
	smaller.Nodes = original.Nodes[:2]
	if got, want := changed(original, smaller), []Option{{"nodes", "a,b"}}; !slices.Equal(got, want) {
		t.Errorf("the options are %v, expected %v", got, want)
	}
	smaller.Nodes, smaller.Rate = original.Nodes, 5
	if got, want := changed(original, smaller), []Option{{"rate", "5"}}; !slices.Equal(got, want) {
		t.Errorf("the options are %v, expected %v", got, want)
	}
	smaller.Rate = original.Rate
	original.Nodes, smaller.Nodes = []string{"n0", "n1"}, []string{"n0"}
	if got, want := changed(original, smaller), []Option{{"node-count", "1"}}; !slices.Equal(got, want) {
		t.Errorf("the options are %v, expected %v", got, want)
	}
}

// TestVary checks that a seed always chooses the same values, within the bounds, and
// that the options say them exactly.
func TestVary(t *testing.T) {
	v := Variation{LeastCPUCost: spec.Duration(25 * time.Microsecond), MostCPUCost: spec.Duration(500 * time.Microsecond), LeastLatency: 0.8, LeastYields: 0.01, MostYields: 0.3}
	test := spec.Test{Seed: 9, Network: spec.Network{LatencyMS: 100}}
	yielding := 0
	costs, latencies := map[spec.Duration]bool{}, map[float64]bool{}
	for seed := range uint64(100) {
		got, options := v.Vary(test, seed)
		again, _ := v.Vary(test, seed)
		if !reflect.DeepEqual(got, again) || got.Seed != 9 {
			t.Fatalf("seed %d gives %+v and %+v", seed, got, again)
		}
		cost := time.Duration(got.CPUCost)
		if got.CPUCost < v.LeastCPUCost || got.CPUCost > v.MostCPUCost || got.LatencyMS < 80 || got.LatencyMS > 100 {
			t.Errorf("seed %d: the cost is %v and the latency %v ms", seed, cost, got.LatencyMS)
		}
		exact, err := time.ParseDuration(options[0].Value)
		want := []Option{{"cpu-cost", cost.String()}, {"latency", fmt.Sprint(got.LatencyMS)}}
		if got.Yields > 0 {
			want = append(want, Option{"yields", fmt.Sprint(got.Yields)})
			yielding++
		}
		if got.Yields != 0 && (got.Yields < v.LeastYields || got.Yields > v.MostYields) {
			t.Errorf("seed %d: goroutines give way with probability %v", seed, got.Yields)
		}
		if err != nil || exact != cost || !slices.Equal(options, want) {
			t.Errorf("seed %d: the options are %v, expected %v", seed, options, want)
		}
		costs[got.CPUCost], latencies[got.LatencyMS] = true, true
	}
	if yielding < 60 || yielding > 90 {
		t.Errorf("goroutines give way in %d of 100 seeds, expected three of four", yielding)
	}
	if len(costs) < 50 || len(latencies) < 15 {
		t.Errorf("100 seeds have %d costs and %d latencies", len(costs), len(latencies))
	}
	for _, c := range []struct {
		v  Variation
		ms float64
	}{{Variation{LeastLatency: 0.8}, 0}, {Variation{LeastLatency: 0.8}, 1}, {Variation{}, 100}} {
		test.LatencyMS = c.ms
		if got, options := c.v.Vary(test, 1); options != nil || !reflect.DeepEqual(got, test) {
			t.Errorf("a test with a latency of %v ms and the bounds %+v is varied to %+v", c.ms, c.v, got)
		}
	}
}
