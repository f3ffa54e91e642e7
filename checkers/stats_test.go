package checkers

import (
	"slices"
	"strings"
	"testing"

	"glomers/checkers/history"
)

// TestErrorsByKind checks that errors are one kind if they differ in their texts only.
func TestErrorsByKind(t *testing.T) {
	var b strings.Builder
	for _, e := range []string{`[:precondition-failed "expected 1, had 2"]`, `[:precondition-failed "expected 3, had 7"]`, ":net-timeout", `[:abort "no"]`, `[:abort "no"]`, `[:abort "no"]`} {
		b.WriteString("{:type :invoke, :process 0, :f :txn, :value nil}\n{:type :fail, :process 0, :f :txn, :value nil, :error " + e + "}\n")
	}
	ops, err := history.Read(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	s := StatsOf(h)
	want := []string{"3 × txn fail: abort: no", "2 × txn fail: precondition-failed, such as: expected 1, had 2", "1 × txn fail: net-timeout"}
	if got := s.Errors(); !slices.Equal(got, want) {
		t.Errorf("the errors are %q, expected %q", got, want)
	}
}
