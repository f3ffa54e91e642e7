package network

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
)

// arrivals sends a hundred messages at once over a network whose latency is
// 100 ms, and returns when they arrive.
func arrivals(t *testing.T, fault func(*Network)) (times []time.Duration, events *events) {
	t.Helper()
	k, n, events, boxes := setUp(Latency{100 * time.Millisecond, Constant})
	fault(n)
	for i := range 100 {
		send(t, n, "n1", "n2", fmt.Sprint(i))
	}
	for k.Step() {
	}
	for _, got := range boxes["n2"].got {
		at, _, _ := strings.Cut(got, " ")
		d, err := time.ParseDuration(at)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, d)
	}
	return times, events
}

// TestFaultsDelay: duplicates and reordered messages come after the latency,
// by no more than the fault allows.
func TestFaultsDelay(t *testing.T) {
	const latency = 100 * time.Millisecond
	for _, test := range []struct {
		name       string
		fault      func(*Network)
		count      int
		last       time.Duration
		spreadOver time.Duration // of the arrivals, at least
	}{
		{"none", func(*Network) {}, 100, latency, 0},
		{"duplicate", func(n *Network) { n.Duplicate(1) }, 200, latency + duplicateWithin, duplicateWithin / 2},
		{"reorder", func(n *Network) { n.Reorder(time.Second) }, 100, latency + time.Second, time.Second / 2},
		{"slow", func(n *Network) { n.Slow([]string{"n1"}, time.Second) }, 100, latency + time.Second, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			times, _ := arrivals(t, test.fault)
			if len(times) != test.count {
				t.Fatalf("%d messages arrived, want %d", len(times), test.count)
			}
			first, last := times[0], times[len(times)-1]
			if first < latency || last > test.last || last-first < test.spreadOver {
				t.Errorf("messages arrived from %v to %v, want within %v to %v, %v apart or more", first, last, latency, test.last, test.spreadOver)
			}
			if test.name == "slow" && first != test.last {
				t.Errorf("a slow message arrived at %v, want %v", first, test.last)
			}
		})
	}
	times, events := arrivals(t, func(n *Network) { n.Lose(1) })
	if lost := strings.Count(fmt.Sprint(*events), "loss"); len(times) != 0 || lost != 100 {
		t.Errorf("of 100 messages %d arrived and %d were lost", len(times), lost)
	}
}

// drops records when messages were lost.
type drops struct{ times []time.Duration }

func (d *drops) Record(e journal.Event) {
	if e.Kind == journal.Drop {
		d.times = append(d.times, e.Time)
	}
}

// TestLossTime: a message is lost at the time at which it would have arrived.
func TestLossTime(t *testing.T) {
	k := kernel.New(1)
	var lost drops
	n := New(k, Latency{100 * time.Millisecond, Constant}, &lost)
	for _, id := range []string{"n1", "n2", "n3", "c1"} {
		n.Attach(id, &mailbox{kernel: k})
	}
	n.Slow([]string{"n3"}, time.Second)
	n.Lose(1)
	send(t, n, "n1", "n2", "1")
	send(t, n, "n1", "n3", "2")
	send(t, n, "c1", "n1", "3") // clients lose nothing
	for k.Step() {
	}
	if want := []time.Duration{100 * time.Millisecond, 1100 * time.Millisecond}; !slices.Equal(lost.times, want) {
		t.Errorf("messages were lost at %v, want %v", lost.times, want)
	}
	if got := n.ServerMessages(); got != 2 {
		t.Errorf("%d messages were sent between servers, want 2", got)
	}
}
