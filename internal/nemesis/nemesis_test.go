package nemesis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"glomers/checkers/edn"
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

// TestGrudges checks what each kind of partition promises, for clusters of any size.
func TestGrudges(t *testing.T) {
	for _, kind := range kinds {
		for n := 1; n <= 25; n++ {
			for seed := range uint64(10) {
				checkGrudge(t, kind, n, Grudge(kind, nodeIDs(n), kernel.New(seed).Rand("test")))
			}
		}
	}
}

func checkGrudge(t *testing.T, kind string, n int, grudge map[string][]string) {
	nodes := nodeIDs(n)
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
	}
	smallest, largest := n, 0
	for _, size := range groups {
		smallest, largest = min(smallest, size), max(largest, size)
	}
	switch kind {
	case One:
		if smallest != 1 || largest != max(n-1, 1) {
			t.Fatalf("%d nodes are cut into %v, expected one node and the others", n, groups)
		}
	case MinorityThird:
		if cut := (n - 1) / 3; largest != n-cut {
			t.Fatalf("%d nodes are cut into %v, expected less than a third and the others", n, groups)
		}
	case Majority:
		if largest != n-n/2 {
			t.Fatalf("%d nodes are cut into %v, expected two halves", n, groups)
		}
	case MajoritiesRing:
		if smallest != majority || n <= 5 && largest != majority {
			t.Fatalf("%d nodes see %v, expected just enough for a majority, which is %d", n, groups, majority)
		}
		if n >= 3 && n <= 5 && len(groups) != n {
			t.Fatalf("%d nodes see %v, expected that no two see the same", n, groups)
		}
	}
}

// TestGrudgesAreDrawn: chance decides which nodes are cut off from which.
func TestGrudgesAreDrawn(t *testing.T) {
	// Of five nodes: five ways to cut off one, ten to cut off two, and twelve rings.
	for kind, want := range map[string]int{One: 5, MinorityThird: 5, Majority: 10, MajoritiesRing: 12} {
		drawn := map[string]bool{}
		for seed := range uint64(500) {
			grudge := Grudge(kind, nodeIDs(5), kernel.New(seed).Rand("test"))
			for _, senders := range grudge {
				slices.Sort(senders)
			}
			drawn[fmt.Sprint(grudge)] = true
		}
		if len(drawn) != want {
			t.Errorf("%s cuts five nodes in %d ways, expected %d", kind, len(drawn), want)
		}
	}
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

// transcript writes down what the nemesis does to a cluster, and what it tells the
// history.
type transcript struct{ lines []string }

func (t *transcript) add(format string, args ...any) {
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

func (t *transcript) RecordOp(op history.Op) { t.add("%s %s", op.F, edn.Append(nil, op.Value)) }

func (t *transcript) Partition(grudge map[string][]string) { t.add("  partition %v", grudge) }
func (t *transcript) Heal()                                { t.add("  heal") }
func (t *transcript) Lose(f float64)                       { t.add("  lose %v", f) }
func (t *transcript) Duplicate(f float64)                  { t.add("  duplicate %v", f) }
func (t *transcript) Reorder(d time.Duration)              { t.add("  reorder %v", d) }
func (t *transcript) Slow(nodes []string, d time.Duration) { t.add("  slow %v by %v", nodes, d) }
func (t *transcript) Pause(node string)                    { t.add("  pause %q", node) }
func (t *transcript) Resume(node string)                   { t.add("  resume %q", node) }
func (t *transcript) Kill(node string)                     { t.add("  kill %q", node) }
func (t *transcript) Restart(node string)                  { t.add("  restart %q", node) }
func (t *transcript) Skew(node string, d time.Duration) {
	t.add("  skew %q by %v", node, d.Round(time.Millisecond))
}

// TestFaults runs each fault once, and ends it twice: the history shows what the fault
// did, and no node is brought back that is already back.
func TestFaults(t *testing.T) {
	const want = `
  partition map[n0:[n1] n1:[n2 n0 n3] n2:[n1] n3:[n1]]
start-partition :one
start-partition [:isolated {"n0" #{"n1"}, "n1" #{"n2" "n0" "n3"}, "n2" #{"n1"}, "n3" #{"n1"}}]
stop-partition nil
  heal
stop-partition :network-healed
stop-partition nil
  heal
stop-partition :network-healed
  lose 0.2
start-loss 0.2
start-loss :losing
stop-loss nil
  lose 0
stop-loss :network-healed
stop-loss nil
  lose 0
stop-loss :network-healed
  duplicate 0.2
start-duplicate 0.2
start-duplicate :duplicating
stop-duplicate nil
  duplicate 0
stop-duplicate :network-healed
stop-duplicate nil
  duplicate 0
stop-duplicate :network-healed
  reorder 100ms
start-reorder 100
start-reorder :reordering
stop-reorder nil
  reorder 0s
stop-reorder :network-healed
stop-reorder nil
  reorder 0s
stop-reorder :network-healed
  slow [n3] by 300ms
start-slow 300
start-slow #{"n3"}
stop-slow nil
  slow [] by 0s
stop-slow :network-healed
stop-slow nil
  slow [] by 0s
stop-slow :network-healed
  pause "n2"
start-pause "n2"
start-pause :paused
stop-pause nil
  resume "n2"
stop-pause :resumed
stop-pause nil
stop-pause nil
  kill "n0"
start-kill "n0"
start-kill :killed
stop-kill nil
  restart "n0"
stop-kill :restarted
stop-kill nil
stop-kill nil
  skew "n3" by -22.009s
start-clock "n3"
start-clock [:skewed -22009]
stop-clock nil
  skew "n3" by 0s
stop-clock :reset
stop-clock nil
stop-clock nil
`
	tr := &transcript{}
	for _, fault := range Names() {
		n := New(kernel.New(1), Config{Faults: []string{fault}, Interval: time.Second}, tr, tr, nodeIDs(4), tr)
		n.Start()
		n.Heal()
		n.Heal()
	}
	if got := strings.Join(tr.lines, "\n"); got != strings.TrimSuffix(want[1:], "\n") {
		t.Errorf("the faults:\n%s\nexpected%s", got, want)
	}
}

// TestSkew: a clock is up to a minute fast or slow.
func TestSkew(t *testing.T) {
	k, tr := kernel.New(1), &transcript{}
	n := New(k, Config{Faults: []string{FaultClock}, Interval: time.Second}, tr, tr, nodeIDs(4), tr)
	fast, slow := 0, 0
	k.At(0, n.Start)
	k.At(1000*time.Second, n.Stop)
	for k.Step() {
	}
	for _, line := range tr.lines {
		if _, by, ok := strings.Cut(line, " by "); ok {
			d, err := time.ParseDuration(by)
			switch {
			case err != nil || d.Abs() > time.Minute:
				t.Errorf("%s: %v", line, err)
			case d > 30*time.Second:
				fast++
			case d < -30*time.Second:
				slow++
			}
		}
	}
	if fast < 50 || slow < 50 {
		t.Errorf("of about 500 skews, %d are more than half a minute fast and %d slow, expected a quarter each", fast, slow)
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
	if none, all := empty(c, 1); none != all { // there is nothing to cut
		t.Errorf("%d of %d partitions of a single node cut something", all-none, all)
	}
}

func TestConfig(t *testing.T) {
	for _, bad := range []Config{{Faults: []string{"earthquake"}, Interval: 1}, {Faults: []string{FaultLoss}}} {
		if bad.Validate() == nil {
			t.Errorf("%+v is valid", bad)
		}
	}
	for _, good := range []Config{{}, {Faults: Names(), Interval: 1}} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
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

// TestSlowLeavesNodesAlone: of several nodes, at least one is not slowed down, and each
// is now and then.
func TestSlowLeavesNodesAlone(t *testing.T) {
	r := kernel.New(1).Rand("test")
	for n := 1; n <= 7; n++ {
		sizes, slowed := map[int]bool{}, map[string]bool{}
		for range 200 {
			some := someOf(nodeIDs(n), r)
			sizes[len(some)] = true
			for _, node := range some {
				slowed[node] = true
			}
			if !slices.IsSorted(some) {
				t.Errorf("the slow nodes %v are not in order", some)
			}
		}
		if len(slowed) != n {
			t.Errorf("of %d nodes, only %v are ever slow", n, slowed)
		}
		most := max(n/2, 1)
		if sizes[0] || sizes[most+1] || !sizes[1] || !sizes[most] {
			t.Errorf("of %d nodes, numbers that are slow: %v, want 1 to %d", n, sizes, most)
		}
	}
}

func TestDescribe(t *testing.T) {
	cut := Partition{Start: 1500 * time.Millisecond, Kind: One, Cut: 8, Links: 20}
	empty := Partition{Kind: MajoritiesRing, Links: 20}
	for want, partitions := range map[string][]Partition{
		"": nil,
		"partitions: one at 1.5 s cut 8 of 20 links":                                       {cut},
		"partitions: one at 1.5 s cut 8 of 20 links, majorities-ring at 0.0 s cut nothing": {cut, empty},
		"partitions: one at 1.5 s cut 8 of 20 links, majorities-ring at 0.0 s cut nothing, " +
			"one at 1.5 s cut 8 of 20 links, one at 1.5 s cut 8 of 20 links": {cut, empty, cut, cut},
		"partitions: one at 1.5 s cut 8 of 20 links, one at 1.5 s cut 8 of 20 links, " +
			"one at 1.5 s cut 8 of 20 links, one at 1.5 s cut 8 of 20 links": {cut, cut, cut, cut},
		"no partition cut anything, so this was a run without partitions: majorities-ring at 0.0 s cut nothing": {empty},
		"5 partitions, each of which cut links": {cut, cut, cut, cut, cut},
		"5 partitions, of which 2 cut nothing":  {cut, empty, cut, empty, cut},
	} {
		if got := Describe(partitions); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if CutNothing(nil) {
		t.Error("a run without partitions had some that cut nothing")
	}
}
