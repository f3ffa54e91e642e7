package kernel

import (
	"errors"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEventsRunInOrder(t *testing.T) {
	k := New(1)
	var got []string
	note := func(s string) func() { return func() { got = append(got, s) } }
	k.At(2*time.Second, note("late"))
	k.At(time.Second, note("first"))
	k.At(time.Second, note("second"))
	k.At(time.Second, func() {
		k.After(0, note("scheduled meanwhile"))
		k.At(0, note("in the past"))
	})
	cancelled := k.At(3*time.Second, note("cancelled"))
	if cancelled.At() != 3*time.Second {
		t.Errorf("a timer for 3s is at %v", cancelled.At())
	}
	cancelled.Cancel()
	for k.Step() {
	}
	want := []string{"first", "second", "scheduled meanwhile", "in the past", "late"}
	if !slices.Equal(got, want) {
		t.Errorf("events ran as %q, want %q", got, want)
	}
	if k.Now() != 2*time.Second {
		t.Errorf("the clock is at %v, want 2s", k.Now())
	}
}

func TestAdvanceRunsWhatIsDue(t *testing.T) {
	k := New(1)
	runs := 0
	k.At(time.Second, func() { runs++; k.After(time.Second, func() { runs++ }) })
	k.Advance(1500 * time.Millisecond)
	if runs != 1 || k.Now() != 1500*time.Millisecond {
		t.Errorf("%d events ran by %v, want 1 by 1.5s", runs, k.Now())
	}
	if next, ok := k.Next(); !ok || next != 2500*time.Millisecond {
		t.Errorf("the next event is at %v %v, want 2.5s", next, ok)
	}
	k.Advance(time.Second) // time does not go back
	if k.Now() != 1500*time.Millisecond {
		t.Errorf("the clock went back to %v", k.Now())
	}
}

// TestAdvanceToTheTimeOfAnEvent: an event is due at its very time, and Advance
// ends when no event is left.
func TestAdvanceToTheTimeOfAnEvent(t *testing.T) {
	k := New(1)
	runs := 0
	k.At(time.Second, func() { runs++ })
	k.Advance(time.Second - 1)
	if runs != 0 {
		t.Error("an event ran before its time")
	}
	k.Advance(time.Second)
	if runs != 1 {
		t.Errorf("an event that is due ran %d times", runs)
	}
	if next, ok := k.Next(); ok {
		t.Errorf("an event is left for %v", next)
	}
}

func TestStop(t *testing.T) {
	k := New(1)
	first := errors.New("first")
	k.At(0, func() { k.Stop(first); k.Stop(errors.New("second")) })
	k.At(1, func() { t.Error("an event ran after Stop") })
	for k.Step() {
	}
	k.Advance(time.Second)
	if k.Err() != first || !k.Stopped() {
		t.Errorf("Err is %v, want the first error", k.Err())
	}
}

func TestRandStreams(t *testing.T) {
	draw := func(seed uint64, name string) [3]uint64 {
		r := New(seed).Rand(name)
		return [3]uint64{r.Uint64(), r.Uint64(), r.Uint64()}
	}
	if first, again := draw(1, "a"), draw(1, "a"); first != again {
		t.Error("one seed and name give different numbers")
	}
	if draw(1, "a") == draw(1, "b") || draw(1, "a") == draw(2, "a") {
		t.Error("different seeds or names give the same numbers")
	}
}

// TestQueue compares the queue with a sorted list, with random cancellations.
func TestQueue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type event struct{ at, id int }
		k := New(0)
		var want, got []event
		timers := map[int]*Timer{}
		for id, at := range rapid.SliceOfN(rapid.IntRange(0, 20), 0, 60).Draw(t, "times") {
			e := event{at, id}
			want = append(want, e)
			timers[id] = k.At(time.Duration(at), func() { got = append(got, e) })
		}
		for _, id := range rapid.SliceOf(rapid.IntRange(0, 59)).Draw(t, "cancelled") {
			timers[id].Cancel()
			want = slices.DeleteFunc(want, func(e event) bool { return e.id == id })
		}
		slices.SortStableFunc(want, func(a, b event) int { return a.at - b.at })
		for k.Step() {
		}
		if !slices.Equal(got, want) {
			t.Fatalf("ran %v, want %v", got, want)
		}
	})
}

func BenchmarkSchedule(b *testing.B) {
	k := New(0)
	for range 1000 { // a queue of the usual length
		k.After(time.Hour, func() {})
	}
	b.ReportAllocs()
	for b.Loop() {
		k.After(time.Millisecond, func() {})
		k.Step()
	}
}
