package verdict

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"glomers/checkers"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/nodeio"
	"glomers/internal/runner"
	"glomers/internal/spec"
	"glomers/internal/workload"
	"glomers/stages"
)

// run returns the records of a broadcast of the values 0 to n-1, each acknowledged and
// then read, except for those that are lost.
func run(t *testing.T, n int, lost ...int) Records {
	t.Helper()
	var b strings.Builder
	var seen []string
	index := 0
	op := func(typ, f, value string) {
		fmt.Fprintf(&b, "{:index %d, :time %d000000, :type :%s, :process 0, :f :%s, :value %s}\n", index, index, typ, f, value)
		index++
	}
	for v := range n {
		op("invoke", "broadcast", fmt.Sprint(v))
		op("ok", "broadcast", fmt.Sprint(v))
		gone := false
		for _, l := range lost {
			gone = gone || l == v
		}
		if !gone {
			seen = append(seen, fmt.Sprint(v))
		}
		op("invoke", "read", "nil")
		op("ok", "read", "["+strings.Join(seen, " ")+"]")
	}
	ops, err := history.Read(strings.NewReader(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	return Records{History: h}
}

// traffic is of so many messages between servers.
func traffic(messages int) *Traffic {
	t := NewTraffic(checkers.Options{Workload: "broadcast"})
	for i := range messages {
		t.Add(journal.Event{Kind: journal.Send, Message: journal.Message{ID: int64(i), Src: "n0", Dest: "n1"}})
	}
	return t
}

func ask(t *testing.T, change func(*spec.Test)) Question {
	t.Helper()
	stage, err := stages.Find("3d")
	if err != nil {
		t.Fatal(err)
	}
	test := spec.Test{Workload: "broadcast", Nodes: []string{"n0"}, Load: spec.Load{Concurrency: 1}}
	change(&test)
	return Ask(&test, &stage)
}

func kinds(v *Verdict) string {
	var out []string
	for _, f := range v.Findings {
		out = append(out, string(f.Source)+" "+f.Kind)
	}
	return strings.Join(out, ", ")
}

func TestJudge(t *testing.T) {
	same := func(*spec.Test) {}
	hard := func(t *spec.Test) { t.Hard = true }
	race := func(t *spec.Test) { t.Race = true }
	for _, c := range []struct {
		name     string
		change   func(*spec.Test)
		messages int // between servers, of 20 operations; -1 for a run without a journal
		lost     []int
		racy     []string
		cut      string
		want     Outcome
		kinds    string
	}{
		{"a good run", same, 100, nil, nil, "", Pass, ""},
		{"a limit that is missed", same, 601, nil, nil, "", Fail, "limit messages per operation"},
		{"exactly the limit", same, 600, nil, nil, "", Fail, "limit messages per operation"},
		{"a figure that was not measured", same, -1, nil, nil, "", Fail, "limit messages per operation"},
		{"limits are not for hard mode", hard, 601, nil, nil, "", Pass, ""},
		{"a lost value", same, 100, []int{3}, nil, "", Fail, "official lost"},
		{"an interrupted run", same, 100, []int{3}, nil, "the run was interrupted", Unknown, ""},
		{"a cut run that would pass", same, 100, nil, nil, "the journal is cut", Unknown, ""},
		{"a race that does not matter", same, 100, nil, []string{"n0"}, "", Pass, ""},
		{"a race that does", race, 100, nil, []string{"n0"}, "", Fail, "race data-race"},
	} {
		records := run(t, 10, c.lost...)
		records.Racy, records.Incomplete = c.racy, c.cut
		if c.messages >= 0 {
			records.Traffic = traffic(c.messages)
		}
		v, err := Judge(records, ask(t, c.change))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if v.Outcome != c.want || kinds(v) != c.kinds {
			t.Errorf("%s: %v with the findings %q, expected %v with %q", c.name, v.Outcome, kinds(v), c.want, c.kinds)
		}
		if passed, _ := v.EDN().Get(v.EDN()[0].Key); passed != (c.want == Pass) {
			t.Errorf("%s: :passed is %v", c.name, passed)
		}
	}
	var zero Verdict
	if zero.Outcome != Unknown {
		t.Error("a verdict that nobody reached is not unknown")
	}
}

// TestRaceRow checks that a run with the race detector has a row that says what the
// detector found.
func TestRaceRow(t *testing.T) {
	for _, c := range []struct {
		race bool
		racy []string
		want []Row
	}{
		{false, []string{"n0"}, nil},
		{true, nil, []Row{{"data races", "none found", "by Go's race detector", Good}}},
		{true, []string{"n0", "n2"}, []Row{{"data races", "on n0, n2", "Go's race detector reports them in the nodes' logs", Bad}}},
	} {
		test := spec.Test{Workload: "broadcast", Nodes: []string{"n0"}, Load: spec.Load{Concurrency: 1}}
		test.Race = c.race
		records := run(t, 10)
		records.Racy = c.racy
		v, err := Judge(records, Ask(&test, nil))
		if err != nil {
			t.Fatal(err)
		}
		got := slices.DeleteFunc(v.Rows(&test), func(r Row) bool { return r.Name != "data races" })
		if !slices.Equal(got, c.want) {
			t.Errorf("--race is %v, races on %v: rows %v, expected %v", c.race, c.racy, got, c.want)
		}
	}
}

// Strict findings come after the official ones, and fail the run.
func TestStrict(t *testing.T) {
	q := ask(t, func(t *spec.Test) { t.Strict, t.Nodes, t.Concurrency = true, []string{"n0", "n1"}, 2 })
	q.Limits = nil
	v, err := Judge(run(t, 3), q) // n1 never reads
	if err != nil {
		t.Fatal(err)
	}
	if v.Outcome == Pass || !strings.Contains(kinds(v), "strict no-final-read") {
		t.Errorf("%v with %q, expected the strict finding no-final-read", v.Outcome, kinds(v))
	}
}

// TestRegistries: whatever can be run can be judged, and the other way round.
func TestRegistries(t *testing.T) {
	if run, judged := workload.Names(), checkers.Workloads(); !slices.Equal(run, judged) {
		t.Errorf("internal/workload has the workloads %v, checkers has %v", run, judged)
	}
}

func TestBlame(t *testing.T) {
	for _, c := range []struct {
		err  error
		kind string // empty if it is not the nodes' fault
	}{
		{fmt.Errorf("run: %w", &nodeio.Error{Node: "n1", Msg: "crashed: exit status 3"}), "a node crashed: exit status 3"},
		{&nodeio.Error{Node: "n1", Msg: `printed a line: "hello 17"`}, "a node printed a line"},
		{&runner.InitError{Node: "n1", Silent: true}, "init"},
		{fmt.Errorf("run: %w", &workload.SetupError{Node: "n1", Request: "topology", Err: &workload.Error{Name: "not-supported"}}), "topology"},
		{&checkers.ShapeError{}, "an answer of the wrong shape"},
		{&nodeio.Error{Node: "n1", Msg: "closed its stdout"}, "a node closed its stdout"},
		{errors.New("disk full"), ""},
		{nil, ""},
	} {
		f, ok := Blame(c.err)
		if ok != (c.kind != "") || f.Kind != c.kind {
			t.Errorf("%v: found %q, expected %q", c.err, f.Kind, c.kind)
		}
	}
}

// TestStalledLimit checks that a figure beyond its limit is not the nodes' fault where
// the runner itself stood still.
func TestStalledLimit(t *testing.T) {
	stage, err := stages.Find("3e")
	if err != nil {
		t.Fatal(err)
	}
	q := Question{Check: checkers.Options{Workload: "broadcast"}, Limits: stage.Criteria[:1]}
	for _, c := range []struct {
		messages int
		stall    bool
		want     Outcome
	}{{4000, false, Fail}, {4000, true, Unknown}, {4, true, Pass}} {
		r := run(t, 10)
		r.Traffic = traffic(c.messages)
		if c.stall {
			ops := append(r.History.Ops, history.Op{Index: len(r.History.Ops), Process: history.Nemesis, Type: history.Info, F: history.RunnerStall, Value: int64(14000)})
			if r.History, err = history.New(ops); err != nil {
				t.Fatal(err)
			}
		}
		v, err := Judge(r, q)
		if err != nil {
			t.Fatal(err)
		}
		if v.Outcome != c.want {
			t.Errorf("%d messages, stalled %v: %v, expected %v", c.messages, c.stall, v.Outcome, c.want)
		}
	}
}

// TestUnreadable: of records that cannot be read, no more is said than that.
func TestUnreadable(t *testing.T) {
	v := &Verdict{Incomplete: "the history is cut", Racy: []string{"n1"}}
	want := []Row{{"broadcast", "unknown", "", Doubtful}}
	if got := v.Rows(&spec.Test{Workload: "broadcast"}); !slices.Equal(got, want) {
		t.Errorf("the rows are %v, expected %v", got, want)
	}
	if got := v.Warnings("run"); len(got) != 1 || !strings.Contains(got[0], "n1.log") {
		t.Errorf("the warnings are %q, expected that about n1", got)
	}
}

// TestUnknownTest: a history of which no test is known has rows for what it shows.
func TestUnknownTest(t *testing.T) {
	v, err := Judge(run(t, 10), Question{Check: checkers.Options{Workload: "broadcast"}})
	if err != nil {
		t.Fatal(err)
	}
	if rows := v.Rows(nil); rows[0].Name != "workload" || rows[0].Value != "valid" {
		t.Errorf("the rows are %v, expected that the workload is valid", rows)
	}
}

// TestMessagesHaveOneRow: messages per operation are shown once, as a limit or as a
// figure. The traffic of strict mode can be judged without it.
func TestMessagesHaveOneRow(t *testing.T) {
	stage, err := stages.Find("3d")
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []State{Good, Figure, Figure} { // messages, median, maximum
		r := run(t, 10)
		r.Traffic = NewTraffic(checkers.Options{Workload: "broadcast", Strict: true, Nodes: []string{"n0"}})
		v, err := Judge(r, Question{Check: checkers.Options{Workload: "broadcast"}, Limits: stage.Criteria[i : i+1]})
		if err != nil {
			t.Fatal(err)
		}
		var states []State
		for _, row := range v.Rows(nil) {
			if row.Name == "messages per operation" {
				states = append(states, row.State)
			}
		}
		if !slices.Equal(states, []State{want}) {
			t.Errorf("with a limit for the %s, the rows of messages per operation are %v, expected one, %v", stage.Criteria[i].Title, states, want)
		}
	}
}
