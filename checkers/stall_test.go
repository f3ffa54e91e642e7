package checkers

import (
	"strings"
	"testing"

	"glomers/checkers/history"
)

// TestStallsAreNotTheNodes: too few operations that succeed are no verdict on
// the nodes if the runner itself made no progress.
func TestStallsAreNotTheNodes(t *testing.T) {
	all := 1.0
	ops := []history.Op{
		{Type: history.Invoke, F: "echo"}, {Type: history.OK, F: "echo"},
		{Type: history.Invoke, F: "echo"}, {Type: history.Info, F: "echo"},
	}
	if r := Availability(&history.History{Ops: ops}, &all); r.Valid != Invalid || r.Stalled != 0 {
		t.Errorf("without a stall: %+v, want invalid", r)
	}
	stall := history.Op{Process: history.Nemesis, Type: history.Info, F: history.RunnerStall, Value: int64(9500)}
	r := Availability(&history.History{Ops: append(ops, stall)}, &all)
	if r.Valid != Unknown {
		t.Errorf("with a stall the verdict is %v, want unknown", r.Valid)
	}
	if f := r.findings(&all); len(f) != 1 || !strings.Contains(f[0].Summary, "the runner itself made no progress for 9.5s") {
		t.Errorf("the findings are %v", f)
	}
	half := 0.5
	if r := Availability(&history.History{Ops: append(ops, stall)}, &half); r.Valid != Valid {
		t.Errorf("enough operations with a stall: %v, want valid", r.Valid)
	}
}
