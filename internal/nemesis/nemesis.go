// Package nemesis injects faults into the network and the nodes on the schedule of
// Jepsen's nemeses: each fault starts and stops in turn, at random intervals. The
// table Faults defines the faults.
package nemesis

import (
	"fmt"
	"strings"
	"time"

	"glomers/checkers/history"
	"glomers/internal/kernel"
)

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

// Recorder records every operation of the nemesis.
type Recorder interface {
	RecordOp(op history.Op)
}

// Config says which faults to inject, and how often.
type Config struct {
	Faults   []string      // names
	Interval time.Duration // mean time between the operations of a fault
	// RealCuts leaves out the kinds of partition that cut nothing, as two of
	// Maelstrom's four do when there are two nodes.
	RealCuts bool
}

// Validate reports an unknown fault or an interval that is not positive.
func (c Config) Validate() error {
	for _, name := range c.Faults {
		if _, ok := Lookup(name); !ok {
			return fmt.Errorf("unknown fault %q, expected one of %s", name, strings.Join(Names(), ", "))
		}
	}
	if len(c.Faults) > 0 && c.Interval <= 0 {
		return fmt.Errorf("the interval of the nemesis is %v, expected more than 0", c.Interval)
	}
	return nil
}

// Nemesis starts and stops faults.
type Nemesis struct {
	kernel     *kernel.Kernel
	recorder   Recorder
	interval   time.Duration
	schedules  []*schedule
	partitions []Partition
}

// schedule is one fault and the timer of its next start or stop.
type schedule struct {
	injector
	next *kernel.Timer
}

// New returns a nemesis that waits for Start. The configuration must be valid.
func New(k *kernel.Kernel, c Config, net Network, cluster Nodes, nodes []string, r Recorder) *Nemesis {
	n := &Nemesis{kernel: k, recorder: r, interval: c.Interval}
	for _, name := range c.Faults {
		fault, _ := Lookup(name)
		n.schedules = append(n.schedules, &schedule{injector: injector{
			fault: fault, net: net, cluster: cluster, nodes: nodes, realCut: c.RealCuts,
			random: k.Rand("nemesis " + name), note: n.notePartition,
		}})
	}
	return n
}

// Start starts every fault at once; from then on each follows its own schedule.
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

// Heal stops every fault, whether or not it is in force.
func (n *Nemesis) Heal() {
	for _, s := range n.schedules {
		n.stop(s)
	}
}

// HealNodes stops the faults of nodes and leaves those of the network in force.
func (n *Nemesis) HealNodes() {
	for _, s := range n.schedules {
		if s.fault.OfNodes {
			n.stop(s)
		}
	}
}

func (n *Nemesis) start(s *schedule) {
	chosen, done := s.fault.start(&s.injector)
	n.record(history.StartFault(s.fault.Name), chosen)
	n.record(history.StartFault(s.fault.Name), done)
	s.next = n.kernel.After(n.delay(s), func() {
		n.stop(s)
		s.next = n.kernel.After(max(n.delay(s), s.fault.rest), func() { n.start(s) })
	})
}

func (n *Nemesis) stop(s *schedule) {
	n.record(history.StopFault(s.fault.Name), nil)
	n.record(history.StopFault(s.fault.Name), s.fault.stop(&s.injector))
}

// delay draws the time until the next operation of a fault, as Jepsen's stagger
// does: uniform, from zero to twice the interval.
func (n *Nemesis) delay(s *schedule) time.Duration {
	return time.Duration(2 * s.random.Float64() * float64(n.interval))
}

func (n *Nemesis) record(f string, value any) {
	n.recorder.RecordOp(history.Op{Time: n.kernel.Now(), Type: history.Info, Process: history.Nemesis, F: f, Value: value})
}
