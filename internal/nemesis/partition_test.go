package nemesis

import (
	"fmt"
	"slices"
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

type network struct{ broken bool }

func (n *network) Partition(map[string][]string) { n.broken = true }
func (n *network) Heal()                         { n.broken = false }

func TestSchedule(t *testing.T) {
	k := kernel.New(4)
	net, rec := &network{}, &recorder{}
	p := NewPartition(k, net, nodeIDs(5), 10*time.Second, rec)
	k.At(0, p.Start)
	k.At(1000*time.Second, func() {
		p.Stop()
		p.Heal()
	})
	for k.Step() {
	}
	if net.broken {
		t.Error("the network is still broken")
	}
	// Every operation is two records, of its beginning and its end.
	changes := len(rec.ops) / 2
	if changes < 60 || changes > 150 {
		t.Errorf("%d changes in 1000 s, want about 100", changes)
	}
	for i := 0; i+3 < len(rec.ops)-2; i += 2 {
		want := []string{"start-partition", "stop-partition"}[i/2%2]
		if rec.ops[i].F != want || rec.ops[i+1].F != want {
			t.Fatalf("record %d is %s, want %s", i, rec.ops[i].F, want)
		}
	}
}
