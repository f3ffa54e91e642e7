package service

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
)

// raw is the JSON form of a number.
func raw(n int) json.RawMessage { return json.RawMessage(strconv.Itoa(n)) }

var keyX = json.RawMessage(`"x"`)

// TestSequentialWindow: a client that saw nothing yet may see any of the last 32
// states, the oldest and the newest among them, and none before.
func TestSequentialWindow(t *testing.T) {
	s := newSequential(rand.New(rand.NewPCG(1, 2)))
	const writes = 100
	for i := 1; i <= writes; i++ {
		s.handle("writer", request{Type: "write", Key: keyX, Value: raw(i)})
	}
	if n := len(s.keys[canonical(keyX)]); n > pastStates {
		t.Errorf("%d versions of the key are kept, want %d at most", n, pastStates)
	}
	counts := map[string]int{}
	for i := range 10_000 {
		r := s.handle(fmt.Sprintf("reader %d", i), request{Type: "read", Key: keyX})
		counts[string(r.Value)]++
	}
	for state := writes - pastStates + 1; state <= writes; state++ {
		if counts[strconv.Itoa(state)] == 0 {
			t.Errorf("no reader saw %d", state)
		}
		if n := counts[strconv.Itoa(state)]; n > 2*10_000/pastStates {
			t.Errorf("%d of 10000 readers saw %d, want about one in %d", n, state, pastStates)
		}
	}
	if len(counts) != pastStates {
		t.Errorf("readers saw %d values, want the last %d: %v", len(counts), pastStates, counts)
	}
}

// TestEventualMerge: of two versions the one with the larger timestamp wins, and
// with equal ones that of the other replica.
func TestEventualMerge(t *testing.T) {
	for _, test := range []struct {
		mine, theirs int64
		want         string
	}{{1, 2, "20"}, {2, 2, "20"}, {3, 2, "10"}} {
		mine := replica{clock: test.mine, state: map[string]stamped{"x": {test.mine, raw(10)}}}
		theirs := replica{clock: 7, state: map[string]stamped{"x": {test.theirs, raw(20)}, "y": {0, raw(30)}}}
		mine.merge(&theirs)
		if got := string(mine.state["x"].value); got != test.want {
			t.Errorf("timestamps %d and %d: the value is %s, want %s", test.mine, test.theirs, got, test.want)
		}
		if mine.clock != 7 || string(mine.state["y"].value) != "30" {
			t.Errorf("timestamps %d and %d: the clock is %d, want 7; y is %s, want 30", test.mine, test.theirs, mine.clock, mine.state["y"].value)
		}
	}
}

// TestEventualClock: what changes a key, and nothing else, advances the clock of
// the replica that it runs on, and gets a timestamp of its own.
func TestEventualClock(t *testing.T) {
	s := newEventual(rand.New(rand.NewPCG(1, 2)))
	newest := func() (clock int64, value string) {
		clock = max(s.replicas[0].clock, s.replicas[1].clock)
		for _, r := range s.replicas {
			if v, ok := r.state[canonical(keyX)]; ok && v.ts == clock-1 {
				value = string(v.value)
			}
		}
		return clock, value
	}
	for want := int64(1); want <= 50; want++ {
		for range 5 { // neither reads nor failures count
			s.handle("c", request{Type: "read", Key: keyX})
			s.handle("c", request{Type: "cas", Key: keyX, From: raw(-1), To: raw(-2)})
		}
		s.replicas[1].merge(&s.replicas[0])
		s.replicas[0].merge(&s.replicas[1])
		q := request{Type: "write", Key: keyX, Value: raw(int(want))}
		if want%2 == 0 {
			q = request{Type: "cas", Key: keyX, From: raw(int(want - 1)), To: raw(int(want))}
		}
		if r := s.handle("c", q); r.Type == "error" {
			t.Fatalf("operation %d: %+v", want, r)
		}
		if clock, value := newest(); clock != want || value != fmt.Sprint(want) {
			t.Fatalf("after %d changes the clock is %d, the newest value %s", want, clock, value)
		}
	}
}
