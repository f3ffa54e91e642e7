package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"glomers/checkers/history"
	"glomers/internal/kernel"
)

func nodeIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("n%d", i)
	}
	return ids
}

// TestGrudges checks what each kind of partition promises, for any cluster.
func TestGrudges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 25).Draw(t, "nodes")
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		nodes := nodeIDs(n)
		grudge := Grudge(kind, nodes, kernel.New(rapid.Uint64().Draw(t, "seed")).Rand("test"))
		majority := n/2 + 1
		groups := map[string]int{} // by what they can see
		for _, node := range nodes {
			dropped, ok := grudge[node]
			if !ok || slices.Contains(dropped, node) {
				t.Fatalf("%s has no grudge, or one against itself: %v", node, dropped)
			}
			var sees []string
			for _, other := range nodes {
				if !slices.Contains(dropped, other) {
					sees = append(sees, other)
				}
				if slices.Contains(dropped, other) != slices.Contains(grudge[other], node) && kind != MajoritiesRing {
					t.Fatalf("%s and %s do not drop each other's messages alike", node, other)
				}
			}
			groups[fmt.Sprint(sees)] = len(sees)
			if kind == MajoritiesRing && len(sees) < majority {
				t.Fatalf("%s sees only %v of %d nodes", node, sees, n)
			}
		}
		smallest, largest := n, 0
		for _, size := range groups {
			smallest, largest = min(smallest, size), max(largest, size)
		}
		switch kind {
		case One:
			if smallest != 1 || largest != max(n-1, 1) {
				t.Fatalf("one node is to be cut off: %v", groups)
			}
		case MinorityThird:
			if cut := (n - 1) / 3; largest != n-cut {
				t.Fatalf("less than a third is to be cut off: %v", groups)
			}
		case Majority:
			if largest != n-n/2 {
				t.Fatalf("half is to be cut off: %v", groups)
			}
		case MajoritiesRing:
			if n >= 4 && n <= 5 && len(groups) != n {
				t.Fatalf("no two nodes are to see the same majority: %v", groups)
			}
		}
	})
}

type recorder struct{ ops []history.Op }

func (r *recorder) RecordOp(op history.Op) { r.ops = append(r.ops, op) }

// world is a cluster that remembers what is wrong with it.
type world map[string]bool

func (w world) Partition(map[string][]string)        { w["partition"] = true }
func (w world) Heal()                                { delete(w, "partition") }
func (w world) Lose(f float64)                       { w.set("loss", f > 0) }
func (w world) Duplicate(f float64)                  { w.set("duplicate", f > 0) }
func (w world) Reorder(d time.Duration)              { w.set("reorder", d > 0) }
func (w world) Slow(nodes []string, d time.Duration) { w.set("slow", len(nodes) > 0 && d > 0) }
func (w world) Pause(node string)                    { w["pause "+node] = true }
func (w world) Resume(node string)                   { delete(w, "pause "+node) }
func (w world) Kill(node string)                     { w["kill "+node] = true }
func (w world) Restart(node string)                  { delete(w, "kill "+node) }
func (w world) Skew(node string, d time.Duration)    { w.set("clock "+node, d != 0) }
func (w world) set(fault string, on bool) {
	if on {
		w[fault] = true
	} else {
		delete(w, fault)
	}
}

// TestSchedule runs each fault by itself, and all of them together: they start
// and stop in turn, and nothing is left of them in the end.
func TestSchedule(t *testing.T) {
	tests := [][]string{Names()}
	for _, f := range Names() {
		tests = append(tests, []string{f})
	}
	for _, faults := range tests {
		t.Run(strings.Join(faults, ","), func(t *testing.T) {
			k := kernel.New(4)
			w, rec := world{}, &recorder{}
			n := New(k, Config{Faults: faults, Interval: 10 * time.Second}, w, w, nodeIDs(5), rec)
			broken := 0
			k.At(0, n.Start)
			for i := range 1000 {
				k.At(time.Duration(i)*time.Second, func() { broken += len(w) })
			}
			k.At(1000*time.Second, func() {
				n.Stop()
				n.Heal()
			})
			for k.Step() {
			}
			if len(w) > 0 {
				t.Errorf("still broken: %v", w)
			}
			if mean := float64(broken) / 1000 / float64(len(faults)); mean < 0.3 || mean > 0.7 {
				t.Errorf("a fault is there %.2f of the time, want about half", mean)
			}
			last := map[string]string{}
			changes := 0
			for i := 0; i < len(rec.ops); i += 2 { // every operation is two records
				verb, fault, _ := strings.Cut(rec.ops[i].F, "-")
				if rec.ops[i+1].F != rec.ops[i].F {
					t.Fatalf("record %d is %s, want %s", i+1, rec.ops[i+1].F, rec.ops[i].F)
				}
				if verb == "start" && last[fault] == "start" {
					t.Errorf("%s starts twice", fault)
				}
				last[fault] = verb
				changes++
			}
			if perFault := changes / len(faults); perFault < 60 || perFault > 150 {
				t.Errorf("%d changes in 1000 s, want about 100", perFault)
			}
		})
	}
}

// TestRestBetweenPauses checks that a node has time to answer between two pauses,
// which are no longer together than the longest one otherwise.
func TestRestBetweenPauses(t *testing.T) {
	k := kernel.New(1)
	rec := &recorder{}
	n := New(k, Config{Faults: []string{FaultPause}, Interval: 2 * time.Second}, world{}, world{}, nodeIDs(1), rec)
	k.At(0, n.Start)
	k.At(10000*time.Second, n.Stop)
	for k.Step() {
	}
	var ended time.Duration
	short, pauses := 0, 0
	for _, op := range rec.ops {
		switch {
		case op.F == "stop-pause":
			ended = op.Time
			pauses++
		case pauses > 0 && op.Time-ended < restBetweenPauses:
			t.Errorf("a pause begins at %v, %v after the last one", op.Time, op.Time-ended)
		case pauses > 0 && op.Time-ended < 2*restBetweenPauses:
			short++
		}
	}
	if pauses < 1000 || short == 0 {
		t.Errorf("%d pauses, %d of them soon after another: the test did not see what it is for", pauses, short)
	}
}

// TestRealCuts: of the four kinds of partition, two cut nothing between two nodes.
// Every run says how much each partition cut, and with RealCuts all of them do.
func TestRealCuts(t *testing.T) {
	for n := 1; n <= 7; n++ {
		for _, kind := range kinds {
			cut := 0
			for _, senders := range Grudge(kind, nodeIDs(n), kernel.New(1).Rand("test")) {
				cut += len(senders)
			}
			if got := cutsSomething(kind, n); got != (cut > 0) {
				t.Errorf("%s of %d nodes cuts %d links, but cutsSomething says %v", kind, n, cut, got)
			}
		}
	}
	empty := func(c Config, nodes int) (empty, all int) {
		k := kernel.New(3)
		n := New(k, c, world{}, world{}, nodeIDs(nodes), &recorder{})
		k.At(0, n.Start)
		k.At(1000*time.Second, n.Stop)
		for k.Step() {
		}
		for _, p := range n.Partitions() {
			if p.Cut == 0 {
				empty++
			}
			if p.Links != nodes*(nodes-1) || p.Cut > p.Links {
				t.Errorf("%+v has a wrong number of links", p)
			}
		}
		return empty, len(n.Partitions())
	}
	c := Config{Faults: []string{FaultPartition}, Interval: 10 * time.Second}
	if none, all := empty(c, 2); none < all/4 || none > 3*all/4 {
		t.Errorf("%d of %d partitions of two nodes cut nothing, want about half", none, all)
	}
	c.RealCuts = true
	for nodes := 2; nodes <= 5; nodes++ {
		if none, all := empty(c, nodes); none > 0 || all < 30 {
			t.Errorf("%d of %d real partitions of %d nodes cut nothing", none, all, nodes)
		}
	}
}

func TestConfig(t *testing.T) {
	for _, bad := range []Config{{Faults: []string{"earthquake"}, Interval: 1}, {Faults: []string{FaultLoss}}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is valid", bad)
		}
	}
}

// TestHealNodes: at the end of a run without final operations, nodes that are
// paused or dead come back, and the network stays as it is.
func TestHealNodes(t *testing.T) {
	k := kernel.New(1)
	w := world{}
	n := New(k, Config{Faults: Names(), Interval: time.Second}, w, w, nodeIDs(3), &recorder{})
	n.Start()
	n.Stop()
	n.HealNodes()
	for _, want := range []string{"partition", "loss", "duplicate", "reorder", "slow"} {
		if !w[want] {
			t.Errorf("%s was ended", want)
		}
	}
	if len(w) != 5 {
		t.Errorf("faults of nodes are left: %v", w)
	}
}

// TestSlowLeavesNodesAlone: of several nodes, at least one is not slowed down.
func TestSlowLeavesNodesAlone(t *testing.T) {
	r := kernel.New(1).Rand("test")
	for n := 1; n <= 7; n++ {
		sizes := map[int]bool{}
		for range 200 {
			sizes[len(someOf(nodeIDs(n), r))] = true
		}
		most := max(n/2, 1)
		if sizes[0] || sizes[most+1] || !sizes[1] || !sizes[most] {
			t.Errorf("of %d nodes, numbers that are slow: %v, want 1 to %d", n, sizes, most)
		}
	}
}

func TestDescribe(t *testing.T) {
	cut := Partition{Start: 1500 * time.Millisecond, Kind: One, Cut: 2, Links: 2}
	empty := Partition{Kind: MajoritiesRing, Links: 2}
	for want, partitions := range map[string][]Partition{
		"": nil,
		"partitions: one at 1.5 s cut 2 of 2 links, majorities-ring at 0.0 s cut nothing":                       {cut, empty},
		"no partition cut anything, so this was a run without partitions: majorities-ring at 0.0 s cut nothing": {empty},
		"5 partitions, each of which cut links":                                                                 {cut, cut, cut, cut, cut},
		"5 partitions, of which 2 cut nothing":                                                                  {cut, empty, cut, empty, cut},
	} {
		if got := Describe(partitions); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
