package checkers

import (
	"maps"
	"testing"
	"time"

	"pgregory.net/rapid"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// logServer is a correct server of logs with as little comfort as the specification
// allows: a poll returns few messages, the last commit of a key counts or the highest one,
// and commits show late.
type logServer struct {
	logs      map[string][]int64
	committed map[string]int64
	states    []map[string]int64 // what was committed, by record of the history
	highest   bool
	forgets   bool // wrong: commits are acknowledged and dropped
	reverts   bool // wrong: the first commit of a key counts
}

func (s *logServer) commit(offsets map[string]int64) {
	s.committed = maps.Clone(s.committed)
	for key, offset := range offsets {
		old, known := s.committed[key]
		if !s.forgets && (!known || !s.reverts && (!s.highest || offset > old)) {
			s.committed[key] = offset
		}
	}
}

// logClient is a process of the history, which polls from where it is.
type logClient struct {
	process  int
	next     map[string]int64
	complete func() // nil if no operation is in flight
}

// logSettle is for how long commits may be invisible, in records, of which each takes a
// millisecond.
const logSettle = 10

// drawLogHistory draws a history of the server: sends and polls that overlap, some
// without an answer, and at the end a client for each of two nodes that polls from the
// beginning, as far as it gets, and asks for the committed offsets.
func drawLogHistory(t *rapid.T, s *logServer) *history.History {
	s.logs, s.committed, s.states = map[string][]int64{}, map[string]int64{}, nil
	var ops []history.Op
	record := func(typ history.Type, process int, f string, value any, extra edn.Map) {
		ops = append(ops, history.Op{Time: time.Duration(len(ops)) * time.Millisecond, Type: typ, Process: process, F: f, Value: value, Extra: extra})
		s.states = append(s.states, s.committed)
	}
	perKey := rapid.IntRange(1, 3).Draw(t, "messages of a key in a poll")
	inAll := rapid.IntRange(1, 4).Draw(t, "messages in a poll")
	poll := func(c *logClient) (msgs edn.Map, commit map[string]int64) {
		commit, left := map[string]int64{}, inAll
		for _, key := range []string{"x", "y"} {
			pairs := []any{}
			from, assigned := c.next[key]
			for assigned && from < int64(len(s.logs[key])) && len(pairs) < perKey && left > 0 {
				pairs = append(pairs, []any{from, s.logs[key][from]})
				commit[key] = from
				left--
				from++
				c.next[key] = from
			}
			msgs = append(msgs, edn.Entry{Key: key, Value: pairs})
		}
		return msgs, commit
	}
	message := int64(0)
	begin := func(c *logClient) {
		process := c.process
		lost := rapid.IntRange(0, 9).Draw(t, "lost") == 0
		done := func(f string, value, asked any) {
			typ := history.OK
			if lost {
				typ, value = history.Info, asked
				c.process, c.next = c.process+100, map[string]int64{"x": 0, "y": 0}
			}
			record(typ, process, f, value, nil)
			c.complete = nil
		}
		if rapid.Bool().Draw(t, "send") {
			key := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "key")
			message++
			value := message
			asked := []any{[]any{edn.Keyword("send"), key, value}}
			record(history.Invoke, process, "send", asked, nil)
			c.complete = func() {
				offset := int64(len(s.logs[key]))
				s.logs[key] = append(s.logs[key], value)
				done("send", []any{[]any{edn.Keyword("send"), key, []any{offset, value}}}, asked)
			}
			return
		}
		asked := []any{[]any{edn.Keyword("poll")}}
		record(history.Invoke, process, "poll", asked, nil)
		c.complete = func() {
			msgs, commit := poll(c)
			c.complete = func() {
				s.commit(commit)
				done("poll", []any{[]any{edn.Keyword("poll"), msgs}}, asked)
			}
		}
	}
	var clients []*logClient
	for p := range 4 {
		clients = append(clients, &logClient{process: p, next: map[string]int64{"x": 0, "y": 0}})
	}
	for range rapid.IntRange(0, 40).Draw(t, "steps") {
		if c := rapid.SampledFrom(clients).Draw(t, "client"); c.complete != nil {
			c.complete()
		} else {
			begin(c)
		}
	}
	for _, c := range clients { // what is in flight never completes, or did happen
		for c.complete != nil && rapid.Bool().Draw(t, "completes") {
			c.complete()
		}
	}
	seek := edn.Map{{Key: edn.Keyword("seek-to-beginning?"), Value: true}}
	for p := range 2 {
		c := &logClient{process: 1000 + p, next: map[string]int64{"x": 0, "y": 0}}
		record(history.Invoke, c.process, "assign", []any{"x", "y"}, seek)
		record(history.OK, c.process, "assign", []any{"x", "y"}, seek)
		for range rapid.IntRange(0, 8).Draw(t, "polls") {
			asked := []any{[]any{edn.Keyword("poll")}}
			record(history.Invoke, c.process, "poll", asked, nil)
			msgs, commit := poll(c)
			s.commit(commit)
			record(history.OK, c.process, "poll", []any{[]any{edn.Keyword("poll"), msgs}}, nil)
		}
	}
	for p := range 2 {
		since := max(0, len(ops)-logSettle)
		record(history.Invoke, 1000+p, history.CommittedOffsets, []any{"x", "y"}, nil)
		shown := edn.Map{}
		state := s.states[rapid.IntRange(since, len(s.states)-1).Draw(t, "state")]
		for _, key := range []string{"x", "y"} {
			if offset, ok := state[key]; ok {
				shown = append(shown, edn.Entry{Key: key, Value: offset})
			}
		}
		record(history.OK, 1000+p, history.CommittedOffsets, shown, nil)
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func checkLogHistory(t *rapid.T, s *logServer) *StrictResult {
	r, err := Strict(drawLogHistory(t, s), Options{Workload: "kafka", Nodes: []string{"n0", "n1"}, Concurrency: 4, Settle: logSettle * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestStrictLogsNoFalseAlarms: strict mode accuses no correct server of logs.
func TestStrictLogsNoFalseAlarms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &logServer{highest: rapid.Bool().Draw(t, "the highest commit counts")}
		if r := checkLogHistory(t, s); len(r.Errors) > 0 {
			t.Fatalf("accused: %s: %s %q", r.Errors[0].Check, r.Errors[0].Summary, r.Errors[0].Details)
		}
	})
}

// TestStrictLogsFinds: it does accuse servers that forget commits.
func TestStrictLogsFinds(t *testing.T) {
	for _, s := range []*logServer{{forgets: true}, {reverts: true}} {
		found := 0
		rapid.Check(t, func(t *rapid.T) {
			for _, e := range checkLogHistory(t, s).Errors {
				if e.Check != "commit-forgotten" {
					t.Fatalf("accused of %s", e.Check)
				}
				found++
			}
		})
		if found == 0 {
			t.Errorf("nothing was found of %+v", *s)
		}
	}
}
