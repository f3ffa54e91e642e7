package trial

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"glomers/checkers"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/network"
	"glomers/internal/nodeio"
	"glomers/internal/runner"
	"glomers/internal/spec"
	"glomers/internal/verdict"
)

// cluster is an engine in virtual time whose nodes answer init, hand out ids, each once,
// and share a set, as long as nothing is wrong with them. There is one for each run.
type cluster struct {
	receive  func(journal.Message) error
	nodes    int
	ids      int
	elements []int
	wrong    wrong
}

// wrong is what is wrong with the nodes of a cluster.
type wrong struct {
	repeat func(c *cluster) bool  // whether an id is the same as the last one
	gossip string                 // a message from n0 to n0 with every answer, if not empty
	fail   error                  // that ends the run
	began  func(k *kernel.Kernel) // may be nil
}

func (c *cluster) Start(id string) (network.Endpoint, error) { c.nodes++; return c, nil }

func (c *cluster) Drive(ctx context.Context, k *kernel.Kernel) error {
	if c.wrong.began != nil {
		c.wrong.began(k)
	}
	if c.wrong.fail != nil {
		return c.wrong.fail
	}
	for ctx.Err() == nil && k.Step() {
	}
	return errors.Join(ctx.Err(), k.Err())
}

func (c *cluster) Stop() {}

func (c *cluster) Deliver(m journal.Message) {
	var body struct {
		Type    string
		Element int
		MsgID   int `json:"msg_id"`
	}
	if err := json.Unmarshal(m.Body, &body); err != nil {
		panic(err)
	}
	more := ""
	switch body.Type {
	case "gossip":
		return
	case "generate":
		if c.wrong.repeat == nil || !c.wrong.repeat(c) {
			c.ids++
		}
		more = fmt.Sprintf(`,"id":%d`, c.ids)
	case "add":
		c.elements = append(c.elements, body.Element)
	case "read":
		text, err := json.Marshal(c.elements)
		if err != nil {
			panic(err)
		}
		more = `,"value":` + string(text)
	}
	answer := fmt.Sprintf(`{"type":"%s_ok","in_reply_to":%d%s}`, body.Type, body.MsgID, more)
	messages := []journal.Message{{Src: m.Dest, Dest: m.Src, Body: []byte(answer)}}
	if c.wrong.gossip != "" {
		messages = append(messages, journal.Message{Src: "n0", Dest: "n0", Body: []byte(`{"type":"gossip","text":"` + c.wrong.gossip + `"}`)})
	}
	for _, m := range messages {
		if err := c.receive(m); err != nil {
			panic(err)
		}
	}
}

func testOf(w wrong) Test {
	t := Test{
		Spec: spec.Test{
			Workload: "unique-ids", Nodes: []string{"n0", "n1", "n2"}, Seed: 3,
			Load:    spec.Load{Concurrency: 3, Rate: 20, TimeLimit: 5, Topology: "grid", MaxTxnLength: 4, MaxWritesPerKey: 16},
			Network: spec.Network{LatencyMS: 100, LatencyDist: "constant", NemesisInterval: 1},
		},
		Engine: func(spec.Host) verdict.Engine {
			return func(receive func(journal.Message) error) runner.Engine { return &cluster{receive: receive, wrong: w} }
		},
	}
	t.Question = verdict.Ask(&t.Spec, nil)
	return t
}

func always(*cluster) bool { return true }

// run runs a test that can be judged.
func run(t *testing.T, test Test, seed uint64) Outcome {
	t.Helper()
	o, err := Run(context.Background(), test, seed)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestRun(t *testing.T) {
	o := run(t, testOf(wrong{}), 7)
	if !o.Passed() || o.Seed != 7 || o.Ops < 100 || len(o.Hash) != 64 || o.Figures != nil || o.Options != nil {
		t.Errorf("a good run has the outcome %+v", o)
	}
	if o := run(t, testOf(wrong{repeat: always}), 7); !slices.Equal(o.Failures, []string{"duplicated"}) || !strings.Contains(o.Details, "more than once") {
		t.Errorf("one id for all has the outcome %+v", o)
	}
	test := testOf(wrong{})
	test.Spec.Seed = 99 // that of the run counts
	if again := run(t, test, 7); !reflect.DeepEqual(again, o) {
		t.Errorf("the same seed has the outcomes %+v and %+v", o, again)
	}
	if other := run(t, test, 8); other.Hash == o.Hash {
		t.Error("another seed gives the same run")
	}
}

// TestRunVaries: a seed varies options, with which the test is run and which the
// outcome names.
func TestRunVaries(t *testing.T) {
	test := testOf(wrong{gossip: "a"})
	same := run(t, test, 7)
	test.Vary = Variation{LeastLatency: 0.5}
	test.Figures = func(r *checkers.Results) []Figure {
		return []Figure{{"operations", "", float64(r.Stats.Count)}, {"none", "", math.NaN()}}
	}
	o := run(t, test, 7)
	if want, options := test.Vary.Vary(test.Spec, 7); want.LatencyMS == 100 || !slices.Equal(o.Options, options) {
		t.Errorf("the options are %v, expected %v", o.Options, options)
	}
	if o.Hash == same.Hash {
		t.Error("another latency gives the same run")
	}
	if len(o.Figures) != 1 || o.Figures[0].Value == 0 {
		t.Errorf("the figures are %v, expected the number of operations alone", o.Figures)
	}
}

// TestHash: runs that differ in a message have different hashes.
func TestHash(t *testing.T) {
	hashes := map[string]bool{}
	for _, gossip := range []string{"", "a", "b"} {
		hashes[run(t, testOf(wrong{gossip: gossip}), 1).Hash] = true
	}
	if len(hashes) != 3 {
		t.Errorf("three runs with different messages have %d hashes", len(hashes))
	}
}

// TestRunEndsEarly: what nodes do wrong is an outcome, anything else an error.
func TestRunEndsEarly(t *testing.T) {
	crash, full := &nodeio.Error{Node: "n1", Msg: "crashed: exit status 3"}, errors.New("disk full")
	if o := run(t, testOf(wrong{fail: crash}), 5); o.Seed != 5 || !slices.Equal(o.Failures, []string{"a node crashed: exit status 3"}) || !strings.Contains(o.Details, "n1") {
		t.Errorf("a crash has the outcome %+v", o)
	}
	if _, err := Run(context.Background(), testOf(wrong{fail: full}), 5); !errors.Is(err, full) {
		t.Errorf("a full disk is the error %v", err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, fail := range []error{nil, crash} {
		if o, err := Run(ended, testOf(wrong{fail: fail}), 5); err == nil || len(o.Failures) > 0 {
			t.Errorf("an interrupt has the outcome %+v and the error %v", o, err)
		}
	}
}

// TestRunThatProvesNothing: a run with a check that could not be made is not a pass, and
// says why.
func TestRunThatProvesNothing(t *testing.T) {
	test := testOf(wrong{})
	test.Spec.Workload, test.Spec.Strict = "g-set", true
	test.Question = verdict.Ask(&test.Spec, nil)
	test.Question.Check.Nodes = nil
	if o := run(t, test, 1); !slices.Equal(o.Failures, []string{"no verdict"}) || !strings.Contains(o.Details, "the nodes of the test are not known") {
		t.Errorf("the outcome is %+v, expected no verdict and why", o)
	}
}

// TestFirstFailureCounts: each kind of failure is listed once, and the first has details.
func TestFirstFailureCounts(t *testing.T) {
	var o Outcome
	for _, f := range []verdict.Finding{{Kind: "lost", Summary: "first"}, {Kind: "stats", Summary: "second"}, {Kind: "lost", Summary: "third"}} {
		o.fail(f)
	}
	if !slices.Equal(o.Failures, []string{"lost", "stats"}) || o.Details != "first" {
		t.Errorf("the failures are %q with the details %q", o.Failures, o.Details)
	}
}

// shrink shrinks a test that fails with its own seed.
func shrink(t *testing.T, ctx context.Context, test Test, kind string) (Shrunk, []Reduction, error) {
	t.Helper()
	o := run(t, test, test.Spec.Seed)
	if !slices.Contains(o.Failures, kind) {
		t.Fatalf("the test fails with %q, expected %s", o.Failures, kind)
	}
	var reductions []Reduction
	s, err := Shrink(ctx, test, o.Ops, kind, 3, func(r Reduction) { reductions = append(reductions, r) })
	if s.Ops > o.Ops {
		t.Errorf("the smaller test has %d records, the original %d", s.Ops, o.Ops)
	}
	test.Spec, test.Question.Check = s.Test, s.Test.CheckOptions()
	if o := run(t, test, s.Test.Seed); !slices.Contains(o.Failures, kind) || o.Ops != s.Ops {
		t.Errorf("the smaller test fails with %q after %d records, expected %s after %d", o.Failures, o.Ops, kind, s.Ops)
	}
	return s, reductions, err
}

// TestShrink: everything is left out that a failure does not need.
func TestShrink(t *testing.T) {
	test := testOf(wrong{repeat: func(c *cluster) bool { return c.nodes >= 2 && c.ids > 4 }})
	test.Spec.Nemesis = []string{"partition", "loss"}
	s, reductions, err := shrink(t, context.Background(), test, "duplicated")
	if err != nil {
		t.Fatal(err)
	}
	rate := strconv.Itoa(int(s.Test.Rate))
	if want := []Option{{"nemesis", ""}, {"time-limit", "1"}, {"rate", rate}, {"node-count", "2"}, {"concurrency", "1"}, {"latency", "0"}}; rate == "20" || !slices.Equal(s.Options, want) {
		t.Errorf("the options that differ are %v, expected %v", s.Options, want)
	}
	if got := s.Test; len(got.Nemesis) > 0 || len(got.Nodes) != 2 || got.Concurrency != 1 || got.LatencyMS != 0 || got.TimeLimit != 1 {
		t.Errorf("the smallest test is %+v, expected two nodes, one worker and a second", got)
	}
	// Each reduction begins where the last one of its option ended.
	last := map[string]string{"nemesis": "partition,loss", "time-limit": "5", "rate": "20", "node-count": "3", "latency": "100"}
	for _, r := range reductions {
		if from, ok := last[r.Option]; ok && r.From != from || r.From == r.To || r.Ops == 0 {
			t.Errorf("a reduction is %+v, expected one from %s", r, from)
		}
		last[r.Option] = r.To
	}
}

// TestShrinkKeepsTheKind: a smaller test that fails in another way is no reduction, nor
// is one that takes longer to fail.
func TestShrinkKeepsTheKind(t *testing.T) {
	test := testOf(wrong{repeat: always})
	o := run(t, test, test.Spec.Seed)
	for _, c := range []struct {
		ops  int
		kind string
	}{{o.Ops, "lost"}, {1, "duplicated"}} {
		s, err := Shrink(context.Background(), test, c.ops, c.kind, 3, func(r Reduction) { t.Errorf("%+v is reported", r) })
		if err != nil || s.Options != nil || s.Ops != c.ops || !reflect.DeepEqual(s.Test, test.Spec) {
			t.Errorf("the failure %s in %d records is shrunk to %+v, %v", c.kind, c.ops, s, err)
		}
	}
}

// TestShrinkEnds: what was found before an interrupt is returned with it.
func TestShrinkEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	test := testOf(wrong{repeat: always})
	o := run(t, test, test.Spec.Seed)
	s, err := Shrink(ctx, test, o.Ops, "duplicated", 3, func(Reduction) { cancel() })
	if !errors.Is(err, context.Canceled) || len(s.Options) != 1 {
		t.Errorf("after an interrupt the test differs in %v, and the error is %v; expected one option", s.Options, err)
	}
}

// TestShrinkTriesSeeds: of each smaller test, its own seed is tried and then the first
// ones. A test that is not possible is not tried.
func TestShrinkTriesSeeds(t *testing.T) {
	probe := func(k *kernel.Kernel) uint64 { return k.Rand("which seed").Uint64() }
	numbers := map[uint64]uint64{}
	for seed := range uint64(100) {
		numbers[probe(kernel.New(seed))] = seed
	}
	var tried []uint64
	test := testOf(wrong{began: func(k *kernel.Kernel) { tried = append(tried, numbers[probe(k)]) }})
	candidate := test.Spec
	candidate.Seed = 42
	if _, found, err := stillFails(context.Background(), test, candidate, "lost", 4); found || err != nil {
		t.Errorf("a test that passes is found to fail: %v, %v", found, err)
	}
	if want := []uint64{42, 0, 1, 2}; !slices.Equal(tried, want) {
		t.Errorf("the seeds %v were tried, expected %v", tried, want)
	}
	tried, candidate.Nodes = nil, nil
	if _, found, err := stillFails(context.Background(), test, candidate, "lost", 4); found || err != nil || tried != nil {
		t.Errorf("a test without nodes was tried with the seeds %v: %v, %v", tried, found, err)
	}
}
