package nemesis

import (
	"math/rand/v2"
	"slices"
	"time"

	"glomers/checkers/edn"
)

// Fault is a kind of fault that the nemesis can inject.
type Fault struct {
	Name      string
	Doc       string // what it does, in a few words
	OfNodes   bool   // it acts on nodes, not on the network
	Official  bool   // Maelstrom can inject it
	Simulated bool   // it needs simulated nodes

	rest time.Duration // the least time from its end to its next start

	// start begins the fault and returns what it chose and what it did, as the
	// history shows them; stop ends it, and does no harm when it is over.
	start func(*injector) (chosen, done any)
	stop  func(*injector) (done any)
}

// The names of the faults.
const (
	FaultPartition = "partition"
	FaultLoss      = "loss"
	FaultDuplicate = "duplicate"
	FaultReorder   = "reorder"
	FaultSlow      = "slow"
	FaultPause     = "pause"
	FaultKill      = "kill"
	FaultClock     = "clock"
)

// How severe the faults are.
const (
	lossFraction      = 0.2
	duplicateFraction = 0.2
	reorderMost       = 100 * time.Millisecond
	slowBy            = 300 * time.Millisecond
	skewMost          = time.Minute

	// Two pauses without time to answer between them would be one that is longer than
	// the clients wait, whatever the interval.
	restBetweenPauses = 100 * time.Millisecond
)

// Faults is the table of all faults. It is the only place that knows them.
var Faults = []Fault{
	{
		Name: FaultPartition, Doc: "groups of nodes cannot talk to each other", Official: true,
		start: (*injector).partition,
		stop:  func(i *injector) any { i.net.Heal(); return healed },
	},
	{
		Name: FaultLoss, Doc: "a part of the messages is lost",
		start: func(i *injector) (any, any) { i.net.Lose(lossFraction); return lossFraction, edn.Keyword("losing") },
		stop:  func(i *injector) any { i.net.Lose(0); return healed },
	},
	{
		Name: FaultDuplicate, Doc: "a part of the messages arrives twice",
		start: func(i *injector) (any, any) {
			i.net.Duplicate(duplicateFraction)
			return duplicateFraction, edn.Keyword("duplicating")
		},
		stop: func(i *injector) any { i.net.Duplicate(0); return healed },
	},
	{
		Name: FaultReorder, Doc: "messages overtake each other",
		start: func(i *injector) (any, any) {
			i.net.Reorder(reorderMost)
			return reorderMost.Milliseconds(), edn.Keyword("reordering")
		},
		stop: func(i *injector) any { i.net.Reorder(0); return healed },
	},
	{
		Name: FaultSlow, Doc: "messages to and from some nodes are slow",
		start: func(i *injector) (any, any) {
			slow := someOf(i.nodes, i.random)
			i.net.Slow(slow, slowBy)
			return slowBy.Milliseconds(), setOf(slow)
		},
		stop: func(i *injector) any { i.net.Slow(nil, 0); return healed },
	},
	{
		Name: FaultPause, Doc: "a node stands still", OfNodes: true, rest: restBetweenPauses,
		start: func(i *injector) (any, any) { i.cluster.Pause(i.pickVictim()); return i.victim, edn.Keyword("paused") },
		stop:  func(i *injector) any { return i.release(i.cluster.Resume, "resumed") },
	},
	{
		Name: FaultKill, Doc: "a node crashes and comes back with an empty memory", OfNodes: true,
		start: func(i *injector) (any, any) { i.cluster.Kill(i.pickVictim()); return i.victim, edn.Keyword("killed") },
		stop:  func(i *injector) any { return i.release(i.cluster.Restart, "restarted") },
	},
	{
		Name: FaultClock, Doc: "the wall clock of a node is wrong", OfNodes: true, Simulated: true,
		start: func(i *injector) (any, any) {
			by := time.Duration((2*i.random.Float64() - 1) * float64(skewMost))
			i.cluster.Skew(i.pickVictim(), by)
			return i.victim, []any{edn.Keyword("skewed"), by.Milliseconds()}
		},
		stop: func(i *injector) any {
			return i.release(func(node string) { i.cluster.Skew(node, 0) }, "reset")
		},
	},
}

// healed is what the history shows when a fault of the network stops.
const healed = edn.Keyword("network-healed")

// Names returns the names of all faults.
func Names() []string {
	names := make([]string, len(Faults))
	for i, f := range Faults {
		names[i] = f.Name
	}
	return names
}

// Lookup returns the fault of a name.
func Lookup(name string) (Fault, bool) {
	i := slices.IndexFunc(Faults, func(f Fault) bool { return f.Name == name })
	if i < 0 {
		return Fault{}, false
	}
	return Faults[i], true
}

// injector starts and stops one fault, and remembers the node that it chose.
type injector struct {
	fault   Fault
	net     Network
	cluster Nodes
	nodes   []string
	random  *rand.Rand
	realCut bool
	note    func(kind string, grudge map[string][]string)

	victim string // of a fault of one node, "" between two faults
}

// pickVictim draws the node that a fault of one node is for.
func (i *injector) pickVictim() string {
	i.victim = i.nodes[i.random.IntN(len(i.nodes))]
	return i.victim
}

// release ends the fault of the victim, if there is one.
func (i *injector) release(f func(node string), done edn.Keyword) any {
	if i.victim == "" {
		return nil
	}
	f(i.victim)
	i.victim = ""
	return done
}

// someOf draws at least one of the nodes, and at most half of several.
func someOf(nodes []string, r *rand.Rand) []string {
	shuffled := slices.Clone(nodes)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	some := shuffled[:1+r.IntN(max(len(nodes)/2, 1))]
	slices.Sort(some)
	return some
}

// setOf returns nodes as histories show them.
func setOf(nodes []string) edn.Set {
	set := edn.Set{}
	for _, n := range nodes {
		set = append(set, n)
	}
	return set
}
