package stages_test

import (
	"strings"
	"testing"

	"glomers/checkers"
	"glomers/checkers/journal"
	"glomers/stages"
)

// results are those of a valid run with so many messages per operation.
func results(msgsPerOp float32, strict checkers.Validity) *checkers.Results {
	net := &checkers.NetResult{Stats: journal.Stats{Servers: journal.Traffic{MsgsPerOp: &msgsPerOp}}}
	return &checkers.Results{Valid: checkers.Valid, Net: net, Strict: &checkers.StrictResult{Valid: strict}}
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
		{"a pass that talks much", counter, stages.Record{Results: results(6, checkers.Unknown)}, "bronze", "messages per operation < 4 (now 6)"},
		{"fewer messages", counter, stages.Record{Results: results(3, checkers.Valid)}, "silver", "messages per operation < 0.6"},
		{"hardly any, not strict", counter, stages.Record{Results: results(0.5, checkers.Invalid), HardSeeds: 100}, "silver", "--strict"},
		{"hardly any", counter, stages.Record{Results: results(0.5, checkers.Valid), HardSeeds: 99}, "gold", "so far 99"},
		{"and hard mode", counter, stages.Record{Results: results(0.5, checkers.Valid), HardSeeds: 100}, "diamond", ""},
		{"one node", echo, stages.Record{Results: results(0, checkers.Valid)}, "silver", "10 seeds of hard mode"},
		{"one node, hard", echo, stages.Record{Results: results(0, checkers.Valid), HardSeeds: 10}, "gold", "100 seeds of hard mode"},
	} {
		best, earned, next := test.stage.Best(test.record)
		if earned != (test.medal != "") || best.Name != test.medal {
			t.Errorf("%s: earned %q, expected %q", test.what, best.Name, test.medal)
		}
		if got := strings.Join(next, "; "); !strings.Contains(got, test.next) || (test.next == "") != (got == "") {
			t.Errorf("%s: missing %q, expected %q in it", test.what, got, test.next)
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
