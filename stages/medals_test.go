package stages_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"glomers/checkers"
	"glomers/checkers/journal"
	"glomers/stages"
)

// record is that of a program that passed with so many messages per operation.
func record(msgsPerOp float64, strict bool, hardSeeds int, hardFails ...uint64) stages.Record {
	return stages.Record{Passed: true, Figures: map[string]float64{"messages per operation": msgsPerOp}, Strict: strict, HardSeeds: hardSeeds, HardFails: hardFails}
}

func TestMeasure(t *testing.T) {
	stage, err := stages.Find("3d")
	if err != nil {
		t.Fatal(err)
	}
	msgs := float32(2.5)
	r := &checkers.Results{
		Net:      &checkers.NetResult{Stats: journal.Stats{Servers: journal.Traffic{MsgsPerOp: &msgs}}},
		Workload: &checkers.SetFullResult{StableLatencies: &checkers.Quantiles{Median: 310 * time.Millisecond, Max: time.Second}},
	}
	want := map[string]float64{"messages per operation": 2.5, "median stable latency": 310, "maximum stable latency": 1000}
	if got := stage.Measure(r); !maps.Equal(got, want) {
		t.Errorf("measured %v, expected %v", got, want)
	}
}

func TestMedals(t *testing.T) {
	counter, err := stages.Find("4")
	if err != nil {
		t.Fatal(err)
	}
	echo, err := stages.Find("1")
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what   string
		stage  stages.Stage
		record stages.Record
		medal  string
		next   string // part of what is missing for the next one
	}{
		{"no run", counter, stages.Record{}, "", "the challenge's own options"},
		{"a pass that talks much", counter, record(6, false, 0), "bronze", "messages per operation < 4 (now 6)"},
		{"fewer messages", counter, record(3, true, 0), "silver", "messages per operation < 0.65"},
		{"hardly any, not strict", counter, record(0.5, false, 100), "silver", "a pass with --strict [test --strict]"},
		{"hardly any", counter, record(0.5, true, 99), "gold", "100 seeds of hard mode (so far 99) [explore --hard --seeds 100]"},
		{"a seed that fails", counter, record(0.5, true, 100, 17), "gold", "seed 17 fails) [explore --hard --seed 17 --seeds 1]"},
		{"and hard mode", counter, record(0.5, true, 100), "diamond", ""},
		{"one node", echo, record(0, true, 0), "silver", "10 seeds of hard mode"},
		{"one node, hard", echo, record(0, true, 10), "gold", "100 seeds of hard mode"},
	} {
		best, earned, next := test.stage.Best(test.record)
		if earned != (test.medal != "") || best.Name != test.medal {
			t.Errorf("%s: earned %q, expected %q", test.what, best.Name, test.medal)
		}
		if got := fmt.Sprint(next); !strings.Contains(got, test.next) || (test.next == "") != (len(next) == 0) {
			t.Errorf("%s: missing %s, expected %q in it", test.what, got, test.next)
		}
	}
}

// TestMedalsRise checks that no medal is easier than the one before.
func TestMedalsRise(t *testing.T) {
	for _, s := range stages.All() {
		medals := s.Medals()
		for i, m := range medals[1:] {
			before := medals[i]
			if m.Hard < before.Hard || before.Strict && !m.Strict || len(m.Criteria) < len(before.Criteria) {
				t.Errorf("stage %s: %s (%s) asks for less than %s (%s)", s.ID, m.Name, m, before.Name, before)
			}
			for j, c := range before.Criteria {
				if m.Criteria[j].Title != c.Title || m.Criteria[j].Limit > c.Limit {
					t.Errorf("stage %s: the limit of %s, %s, is easier than %s of %s", s.ID, m.Name, m.Criteria[j], c, before.Name)
				}
			}
		}
	}
}
