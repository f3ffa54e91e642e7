package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/nemesis"
	"glomers/internal/network"
	"glomers/internal/workload"
)

// TestStories runs whole tests and prints what happened between their parts, in
// order: phases, operations, faults, what the engine was asked to do to nodes, and
// messages, but for the requests and answers of operations. The nodes are relays (see
// there), about which a command says
//
//	run WORKLOAD nodes=2 rate=1 limit=4s recovery=1s latency=10ms faults=(partition) every=1s seed=1
//
// with these values as defaults, but without faults. A message is printed when it
// leaves, and again if it is lost. A node that is told twice who it is, or gets
// anything before that, complains.
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata/stories", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			if d.Cmd != "run" {
				d.Fatalf(t, "unknown command %s", d.Cmd)
			}
			s := &story{}
			_, err := Run(context.Background(), storyConfig(t, d), func(receive func(journal.Message) error) Engine {
				s.engine = &relays{virtual: virtual{receive: receive}, story: s, nodes: map[string]*relay{}}
				return s.engine
			}, s, quiet, s.progress)
			if err != nil {
				s.line("error: %v", err)
			}
			return s.text.String()
		})
	})
}

func storyConfig(t *testing.T, d *datadriven.TestData) Config {
	nodes, rate, seed := 2, 1, uint64(1)
	times := map[string]time.Duration{"limit": 4 * time.Second, "recovery": time.Second, "latency": 10 * time.Millisecond, "every": time.Second}
	var faults []string
	d.MaybeScanArgs(t, "nodes", &nodes)
	d.MaybeScanArgs(t, "rate", &rate)
	d.MaybeScanArgs(t, "seed", &seed)
	for _, a := range d.CmdArgs {
		if a.Key == "faults" {
			faults = a.Vals
		}
		if _, ok := times[a.Key]; ok {
			var err error
			if times[a.Key], err = time.ParseDuration(a.Vals[0]); err != nil {
				d.Fatalf(t, "%v", err)
			}
		}
	}
	c := Config{
		Workload: d.CmdArgs[0].Key,
		Options:  workload.Options{Concurrency: nodes, Topology: "line"},
		Pace:     workload.Pace{Rate: float64(rate), TimeLimit: times["limit"]},
		Latency:  network.Latency{Mean: times["latency"], Dist: network.Constant},
		Nemesis:  nemesis.Config{Faults: faults, Interval: times["every"], RealCuts: true},
		Recovery: times["recovery"],
		Seed:     seed,
	}
	for i := range nodes {
		c.Options.Nodes = append(c.Options.Nodes, fmt.Sprint("n", i))
	}
	return c
}

// story is the recorder that prints.
type story struct {
	text   strings.Builder
	engine *relays
	phase  Phase
	bodies map[int64]string // of messages that may still be lost
}

func (s *story) line(format string, args ...any) {
	fmt.Fprintf(&s.text, "%7.3f  %s\n", s.engine.now().Seconds(), fmt.Sprintf(format, args...))
}

func (s *story) progress(p Progress) {
	if p.Phase != s.phase {
		s.phase = p.Phase
		s.line("-- %s --", p.Phase)
	}
}

func (s *story) RecordOp(op history.Op) {
	if !op.Client() {
		if op.Value != nil {
			s.line("nemesis %s %s", op.F, edn.String(op.Value))
		}
		return
	}
	s.line("process %d %s %s %s", op.Process, op.Type, op.F, edn.String(op.Value))
}

func (s *story) Record(e journal.Event) {
	m := e.Message
	switch e.Kind {
	case journal.Send:
		var body struct {
			Type  string
			Value json.RawMessage `json:"message"`
		}
		if err := json.Unmarshal(m.Body, &body); err != nil {
			panic(err)
		}
		if s.bodies == nil {
			s.bodies = map[int64]string{}
		}
		s.bodies[m.ID] = strings.TrimSpace(body.Type + " " + string(body.Value))
		if !m.InvolvesClient() || body.Type == "init" || body.Type == "topology" {
			s.line("%s → %s  %s", m.Src, m.Dest, s.bodies[m.ID])
		}
	case journal.Drop:
		s.line("%s ✗ %s  %s is lost: %s", m.Src, m.Dest, s.bodies[m.ID], e.Reason)
	}
}

func (s *story) Flush() error { return nil }

// relays is an engine of relays that can be paused and killed.
type relays struct {
	virtual
	story *story
	nodes map[string]*relay
}

func (e *relays) now() time.Duration {
	if e.kernel == nil {
		return 0
	}
	return e.kernel.Now()
}

func (e *relays) Start(id string) (network.Endpoint, error) {
	e.nodes[id] = &relay{engine: e, id: id, acked: map[string]bool{}}
	return e.nodes[id], nil
}

func (e *relays) Drive(ctx context.Context, k *kernel.Kernel) error { return e.virtual.Drive(ctx, k) }

func (e *relays) Pause(id string) error {
	e.story.line("%s is paused", id)
	e.nodes[id].paused = true
	return nil
}

func (e *relays) Resume(id string) error {
	n := e.nodes[id]
	if n.paused {
		e.story.line("%s is resumed", id)
	}
	n.paused = false
	inbox := n.inbox
	n.inbox = nil
	for _, m := range inbox {
		n.Deliver(m)
	}
	return nil
}

func (e *relays) Kill(id string) error {
	e.story.line("%s is killed", id)
	e.nodes[id].dead = true
	return nil
}

func (e *relays) Restart(id string) (network.Endpoint, error) {
	e.story.line("%s is restarted", id)
	return e.Start(id)
}

// A relay answers echo. As a node of broadcast it passes each new value on to the
// neighbours of its topology, again every 300 ms until they acknowledge it.
type relay struct {
	engine       *relays
	id           string
	paused, dead bool
	initialized  bool
	inbox        []journal.Message
	neighbours   []string
	values       []int64
	acked        map[string]bool // "n1 5" for the value 5
}

const retryEvery = 300 * time.Millisecond

func (n *relay) Deliver(m journal.Message) {
	if n.paused {
		n.inbox = append(n.inbox, m)
		return
	}
	var body struct {
		Type     string              `json:"type"`
		MsgID    int64               `json:"msg_id"`
		Message  int64               `json:"message"`
		Echo     any                 `json:"echo"`
		Topology map[string][]string `json:"topology"`
	}
	if err := json.Unmarshal(m.Body, &body); err != nil {
		panic(err)
	}
	if init := body.Type == "init"; init == n.initialized {
		n.engine.story.line("%s must not get %s from %s now", n.id, body.Type, m.Src)
	}
	n.initialized = true
	answer := map[string]any{"type": body.Type + "_ok", "in_reply_to": body.MsgID}
	switch body.Type {
	case "gossip_ok":
		n.acked[fmt.Sprint(m.Src, body.Message)] = true
		return
	case "gossip", "broadcast":
		if body.Type == "gossip" {
			answer["message"] = body.Message
		}
		if !slices.Contains(n.values, body.Message) {
			n.values = append(n.values, body.Message)
			for _, to := range n.neighbours {
				if to != m.Src {
					n.pass(to, body.Message)
				}
			}
		}
	case "read":
		answer["messages"] = append([]int64{}, n.values...)
	case "topology":
		n.neighbours = body.Topology[n.id]
	case "echo":
		answer["echo"] = body.Echo
	}
	n.send(m.Src, answer)
}

// pass sends a value until it is acknowledged.
func (n *relay) pass(to string, value int64) {
	if n.dead || n.acked[fmt.Sprint(to, value)] {
		return
	}
	if !n.paused {
		n.send(to, map[string]any{"type": "gossip", "message": value})
	}
	n.engine.kernel.After(retryEvery, func() { n.pass(to, value) })
}

func (n *relay) send(to string, body map[string]any) {
	text, err := json.Marshal(body)
	if err == nil {
		err = n.engine.receive(journal.Message{Src: n.id, Dest: to, Body: text})
	}
	if err != nil {
		n.engine.kernel.Stop(err)
	}
}
