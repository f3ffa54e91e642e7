package history_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"glomers/checkers/history"
)

// TestFaults: each fault has its operations and its time, whatever else is in force.
func TestFaults(t *testing.T) {
	var ops []history.Op
	for i, f := range []string{
		"start-partition", "start-partition", // what was chosen, what was done
		"stop-loss", // of a fault that is not in force
		"start-loss", history.RunnerStall, "stop-partition", "stop-partition", "start-partition", "stop-loss", "start-", "partition",
	} {
		ops = append(ops, history.Op{Index: i, Process: history.Nemesis, Type: history.Info, F: f, Time: time.Duration(i)})
	}
	ops = append(ops, history.Op{Index: len(ops), Process: 0, Type: history.Invoke, F: "stop-partition"}) // a client's
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range h.Faults() {
		text := f.Name
		for _, op := range f.Starts {
			text += fmt.Sprintf(" %d", op.Index)
		}
		if f.Stop != nil {
			text += fmt.Sprintf(" to %d", f.Stop.Index)
		}
		got = append(got, text)
	}
	if want := "partition 0 1 to 5, loss 3 to 8, partition 7"; strings.Join(got, ", ") != want {
		t.Errorf("the faults are %q, expected %q", strings.Join(got, ", "), want)
	}
}

func TestFaultOf(t *testing.T) {
	for _, f := range []string{"partition", "two-words", "stop"} {
		if name, begins := history.FaultOf(history.StartFault(f)); name != f || !begins {
			t.Errorf("%s is %q, %t", history.StartFault(f), name, begins)
		}
		if name, begins := history.FaultOf(history.StopFault(f)); name != f || begins {
			t.Errorf("%s is %q, %t", history.StopFault(f), name, begins)
		}
	}
	for _, f := range []string{"", "start", history.RunnerStall, "partition-start"} {
		if name, begins := history.FaultOf(f); name != "" || begins {
			t.Errorf("%q is no fault, and was taken for %q, %t", f, name, begins)
		}
	}
}
