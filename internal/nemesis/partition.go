// Package nemesis breaks the network and mends it, as Jepsen's partition
// nemesis does.
package nemesis

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/internal/kernel"
)

// Faults are the names that New knows.
var Faults = []string{"partition"}

// Network is what the nemesis acts on.
type Network interface {
	Partition(grudge map[string][]string)
	Heal()
}

// Recorder learns of every operation of the nemesis.
type Recorder interface {
	RecordOp(op history.Op)
}

// Partition starts and stops partitions in turn, at random intervals.
type Partition struct {
	kernel   *kernel.Kernel
	random   *rand.Rand
	net      Network
	recorder Recorder
	nodes    []string
	interval time.Duration // mean
	next     *kernel.Timer
}

// NewPartition returns a nemesis that waits for Start.
func NewPartition(k *kernel.Kernel, net Network, nodes []string, interval time.Duration, r Recorder) *Partition {
	return &Partition{kernel: k, random: k.Rand("nemesis"), net: net, recorder: r, nodes: nodes, interval: interval}
}

// Start begins with a partition at once.
func (p *Partition) Start() { p.start() }

// Stop ends the schedule; the network stays as it is.
func (p *Partition) Stop() { p.next.Cancel() }

// Heal ends the partition, whether there is one or not.
func (p *Partition) Heal() {
	p.record("stop-partition", nil)
	p.net.Heal()
	p.record("stop-partition", edn.Keyword("network-healed"))
}

func (p *Partition) start() {
	kind := kinds[p.random.IntN(len(kinds))]
	p.record("start-partition", edn.Keyword(kind))
	grudge := Grudge(kind, p.nodes, p.random)
	p.net.Partition(grudge)
	p.record("start-partition", []any{edn.Keyword("isolated"), describe(grudge, p.nodes)})
	p.next = p.kernel.After(p.delay(), func() {
		p.Heal()
		p.next = p.kernel.After(p.delay(), p.start)
	})
}

func (p *Partition) delay() time.Duration {
	return time.Duration(2 * p.random.Float64() * float64(p.interval))
}

func (p *Partition) record(f string, value any) {
	p.recorder.RecordOp(history.Op{Time: p.kernel.Now(), Type: history.Info, Process: history.Nemesis, F: f, Value: value})
}

func describe(grudge map[string][]string, nodes []string) edn.Map {
	m := edn.Map{}
	for _, node := range nodes {
		senders, ok := grudge[node]
		if !ok {
			continue
		}
		set := edn.Set{}
		for _, s := range senders {
			set = append(set, s)
		}
		m = append(m, edn.Entry{Key: node, Value: set})
	}
	return m
}

// The kinds of partition.
const (
	One            = "one"             // one node cut off
	MinorityThird  = "minority-third"  // a random minority of less than a third
	Majority       = "majority"        // a random split in two halves, the smaller one first
	MajoritiesRing = "majorities-ring" // everyone sees a majority, no two the same
)

var kinds = []string{One, MinorityThird, Majority, MajoritiesRing}

// Grudge draws a partition of the given kind: for every receiver, the senders
// whose messages it drops.
func Grudge(kind string, nodes []string, r *rand.Rand) map[string][]string {
	shuffled := slices.Clone(nodes)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	switch kind {
	case One:
		return split(shuffled, 1)
	case MinorityThird:
		return split(shuffled, (len(nodes)-1)/3)
	case Majority:
		return split(shuffled, len(nodes)/2)
	case MajoritiesRing:
		return majoritiesRing(shuffled)
	}
	panic(fmt.Sprintf("nemesis: unknown kind of partition %q", kind))
}

// split cuts off the first n nodes from the others.
func split(nodes []string, n int) map[string][]string {
	grudge := map[string][]string{}
	for i, node := range nodes {
		if i < n {
			grudge[node] = nodes[n:]
		} else {
			grudge[node] = nodes[:n]
		}
	}
	return grudge
}

// majoritiesRing connects each node to just enough others for a majority. It
// links, again and again, the two least connected nodes that are not linked yet;
// with up to five nodes in a ring, that is each node's neighbours.
func majoritiesRing(nodes []string) map[string][]string {
	n := len(nodes)
	majority := n/2 + 1
	linked := make([]map[int]bool, n)
	for i := range linked {
		linked[i] = map[int]bool{i: true}
	}
	if n <= 5 {
		for i := range nodes { // the middle of a majority sees those around it
			for d := -(majority / 2); d < majority-majority/2; d++ {
				linked[i][(i+d+n)%n] = true
			}
		}
	} else {
		linkLeastConnected(linked, majority)
	}
	grudge := map[string][]string{}
	for i, node := range nodes {
		grudge[node] = []string{}
		for j, other := range nodes {
			if !linked[i][j] {
				grudge[node] = append(grudge[node], other)
			}
		}
	}
	return grudge
}

func linkLeastConnected(linked []map[int]bool, majority int) {
	for {
		order := make([]int, len(linked))
		for i := range order {
			order[i] = i
		}
		sort.SliceStable(order, func(i, j int) bool { return len(linked[order[i]]) < len(linked[order[j]]) })
		a := order[0]
		if len(linked[a]) >= majority {
			return
		}
		for _, b := range order {
			if !linked[a][b] {
				linked[a][b], linked[b][a] = true, true
				break
			}
		}
	}
}
