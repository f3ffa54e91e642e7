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

// TestAvailabilityAtTheLimit: a fraction is compared as Maelstrom does, as a float32, of
// which some are below the number that they stand for.
func TestAvailabilityAtTheLimit(t *testing.T) {
	for _, test := range []struct {
		ok, of int
		least  float64
		want   Validity
	}{{1, 1, 1, Valid}, {9, 10, 0.9, Invalid}, {10, 11, 0.9, Valid}, {3, 4, 0.75, Valid}, {7, 10, 0.75, Invalid}, {0, 2, 0, Valid}, {0, 0, 0, Unknown}} {
		h := &history.History{}
		for i := range test.of {
			done := history.OK
			if i >= test.ok {
				done = history.Info
			}
			h.Ops = append(h.Ops, history.Op{Process: i, F: "read"}, history.Op{Process: i, F: "read", Type: done})
		}
		if r := Availability(h, &test.least); r.Valid != test.want {
			t.Errorf("%d of %d with at least %v demanded: %v (%v), want %v", test.ok, test.of, test.least, r.Valid, r.OKFraction, test.want)
		}
		if r := Availability(h, nil); r.Valid != Valid {
			t.Errorf("%d of %d with nothing demanded: %v", test.ok, test.of, r.Valid)
		}
	}
}

// TestFractionBelow: a share that is too small never reads as if it were enough.
func TestFractionBelow(t *testing.T) {
	for _, test := range []struct {
		share float32
		least float64
		want  string
	}{{0.95, 1, "0.9500"}, {0.9, 0.9, "0.8999999762"}, {99_999.0 / 100_000, 1, "0.9999899864"}} {
		if got := (AvailabilityResult{OKFraction: test.share}).fractionBelow(test.least); got != test.want {
			t.Errorf("%v of at least %v is written %s, want %s", test.share, test.least, got, test.want)
		}
	}
}
