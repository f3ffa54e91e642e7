// Package nemesis breaks the network and the nodes, and mends them, in the manner
// of Jepsen's nemeses.
package nemesis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/internal/kernel"
)

// The faults that the nemesis can inject.
const (
	FaultPartition = "partition" // groups of nodes cannot talk to each other
	FaultLoss      = "loss"      // a part of the messages is lost
	FaultDuplicate = "duplicate" // a part of the messages arrives twice
	FaultReorder   = "reorder"   // messages overtake each other
	FaultSlow      = "slow"      // messages from and to some nodes take long
	FaultPause     = "pause"     // a node stands still
	FaultKill      = "kill"      // a node crashes and comes back with an empty memory
	FaultClock     = "clock"     // the wall clock of a node is wrong
)

// Faults are the names of all faults.
var Faults = []string{FaultPartition, FaultLoss, FaultDuplicate, FaultReorder, FaultSlow, FaultPause, FaultKill, FaultClock}

// Network is what faults of the network act on. They concern messages between
// nodes and services, not those of clients.
type Network interface {
	Partition(grudge map[string][]string)
	Heal()
	Lose(fraction float64)
	Duplicate(fraction float64)
	Reorder(most time.Duration)
	Slow(nodes []string, by time.Duration)
}

// Nodes is what faults of nodes act on.
type Nodes interface {
	Pause(node string)
	Resume(node string)
	Kill(node string)
	Restart(node string)
	Skew(node string, by time.Duration)
}

// Recorder learns of every operation of the nemesis.
type Recorder interface {
	RecordOp(op history.Op)
}

// Nemesis starts and stops faults in turn, each by itself, at random intervals.
type Nemesis struct {
	kernel    *kernel.Kernel
	recorder  Recorder
	interval  time.Duration // mean
	schedules []*schedule
}

// schedule is one fault. Its start returns what it chose and what it did, its
// stop what it did.
type schedule struct {
	name   string
	random *rand.Rand
	start  func(r *rand.Rand) (chosen, done any)
	stop   func() (done any)
	next   *kernel.Timer
}

// New returns a nemesis with the given faults that waits for Start.
func New(k *kernel.Kernel, faults []string, net Network, cluster Nodes, nodes []string, interval time.Duration, r Recorder) (*Nemesis, error) {
	n := &Nemesis{kernel: k, recorder: r, interval: interval}
	for _, name := range faults {
		s := fault(name, net, cluster, nodes)
		if s == nil {
			return nil, fmt.Errorf("unknown fault %q, expected one of %v", name, Faults)
		}
		s.name = name
		s.random = k.Rand("nemesis")
		if name != FaultPartition {
			s.random = k.Rand("nemesis " + name)
		}
		n.schedules = append(n.schedules, s)
	}
	return n, nil
}

// Start begins with all faults at once.
func (n *Nemesis) Start() {
	for _, s := range n.schedules {
		n.start(s)
	}
}

// Stop ends the schedules; faults stay as they are.
func (n *Nemesis) Stop() {
	for _, s := range n.schedules {
		s.next.Cancel()
	}
}

// Heal ends all faults, those that have ended already as well.
func (n *Nemesis) Heal() {
	for _, s := range n.schedules {
		n.stop(s)
	}
}

// HealNodes ends the faults of nodes, and leaves the network as it is.
func (n *Nemesis) HealNodes() {
	for _, s := range n.schedules {
		if s.name == FaultPause || s.name == FaultKill || s.name == FaultClock {
			n.stop(s)
		}
	}
}

func (n *Nemesis) start(s *schedule) {
	chosen, done := s.start(s.random)
	n.record("start-"+s.name, chosen)
	n.record("start-"+s.name, done)
	s.next = n.kernel.After(n.delay(s), func() {
		n.stop(s)
		s.next = n.kernel.After(n.delay(s), func() { n.start(s) })
	})
}

func (n *Nemesis) stop(s *schedule) {
	n.record("stop-"+s.name, nil)
	n.record("stop-"+s.name, s.stop())
}

func (n *Nemesis) delay(s *schedule) time.Duration {
	return time.Duration(2 * s.random.Float64() * float64(n.interval))
}

func (n *Nemesis) record(f string, value any) {
	n.recorder.RecordOp(history.Op{Time: n.kernel.Now(), Type: history.Info, Process: history.Nemesis, F: f, Value: value})
}

// How bad the faults of the network are.
const (
	lossFraction      = 0.2
	duplicateFraction = 0.2
	reorderMost       = 100 * time.Millisecond
	slowBy            = 300 * time.Millisecond
	skewMost          = time.Minute
)

func fault(name string, net Network, cluster Nodes, nodes []string) *schedule {
	var victim string
	pick := func(r *rand.Rand) string {
		victim = nodes[r.IntN(len(nodes))]
		return victim
	}
	milliseconds := func(d time.Duration) any { return d.Milliseconds() }
	switch name {
	case FaultPartition:
		return partition(net, nodes)
	case FaultLoss:
		return &schedule{
			start: func(*rand.Rand) (any, any) { net.Lose(lossFraction); return lossFraction, word("losing") },
			stop:  func() any { net.Lose(0); return word("network-healed") },
		}
	case FaultDuplicate:
		return &schedule{
			start: func(*rand.Rand) (any, any) {
				net.Duplicate(duplicateFraction)
				return duplicateFraction, word("duplicating")
			},
			stop: func() any { net.Duplicate(0); return word("network-healed") },
		}
	case FaultReorder:
		return &schedule{
			start: func(*rand.Rand) (any, any) {
				net.Reorder(reorderMost)
				return milliseconds(reorderMost), word("reordering")
			},
			stop: func() any { net.Reorder(0); return word("network-healed") },
		}
	case FaultSlow:
		return &schedule{
			start: func(r *rand.Rand) (any, any) {
				slow := someOf(nodes, r)
				net.Slow(slow, slowBy)
				return milliseconds(slowBy), list(slow)
			},
			stop: func() any { net.Slow(nil, 0); return word("network-healed") },
		}
	case FaultPause:
		return &schedule{
			start: func(r *rand.Rand) (any, any) { cluster.Pause(pick(r)); return victim, word("paused") },
			stop:  func() any { return undo(&victim, cluster.Resume, "resumed") },
		}
	case FaultKill:
		return &schedule{
			start: func(r *rand.Rand) (any, any) { cluster.Kill(pick(r)); return victim, word("killed") },
			stop:  func() any { return undo(&victim, cluster.Restart, "restarted") },
		}
	case FaultClock:
		return &schedule{
			start: func(r *rand.Rand) (any, any) {
				by := time.Duration((2*r.Float64() - 1) * float64(skewMost))
				cluster.Skew(pick(r), by)
				return victim, []any{word("skewed"), milliseconds(by)}
			},
			stop: func() any { return undo(&victim, func(node string) { cluster.Skew(node, 0) }, "reset") },
		}
	}
	return nil
}

func word(s string) any { return edn.Keyword(s) }

// undo ends what was done to a node, if anything was.
func undo(victim *string, f func(string), done string) any {
	if *victim == "" {
		return nil
	}
	f(*victim)
	*victim = ""
	return word(done)
}

// someOf draws at least one of the nodes, and at most half of several.
func someOf(nodes []string, r *rand.Rand) []string {
	shuffled := slices.Clone(nodes)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	some := shuffled[:1+r.IntN(max(len(nodes)/2, 1))]
	slices.Sort(some)
	return some
}

func list(nodes []string) any {
	set := edn.Set{}
	for _, n := range nodes {
		set = append(set, n)
	}
	return set
}
