package trace

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
)

// TestStories tells runs that are written down, one event a line, in the order of their
// times in seconds:
//
//	0.1 p0 invoke broadcast 7            an operation of process 0
//	0.2 nemesis info start-partition nil
//	0.3 n0 > n1 {"values":[7]}           a message that arrives at once,
//	0.3 n0 > n1 {"values":[7]} @0.4      at 0.4,
//	0.3 n0 > n1 {"values":[7]} !loss     or is lost at once, because of loss,
//	0.3 n0 > n1 {"values":[7]} !loss@0.4 or at 0.4
//
// The command says what the story is about, and the proof as indices of operations:
//
//	story nodes=2 kind=lost about=7 proof=3
func TestStories(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			return tell(t, d)
		})
	})
}

func tell(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	var s Subject
	var about string
	nodes, workers, first, last := 0, 0, 0, 0
	for key, into := range map[string]any{"nodes": &nodes, "workers": &workers, "kind": &s.Kind, "about": &about, "first": &first, "last": &last} {
		d.MaybeScanArgs(t, key, into)
	}
	for _, a := range d.CmdArgs {
		for _, v := range a.Vals {
			if i, err := strconv.Atoi(v); err == nil && a.Key == "proof" {
				s.Proof = append(s.Proof, i)
			}
		}
	}
	if about != "" {
		v, err := ednOf(about)
		if err != nil {
			d.Fatalf(t, "%v", err)
		}
		s.About = []any{v}
	}
	n := Nodes{Workers: max(workers, nodes)}
	for i := range nodes {
		n.IDs = append(n.IDs, fmt.Sprint("n", i))
	}

	var ops []history.Op
	var events []journal.Event
	for _, text := range strings.Split(strings.TrimSpace(d.Input), "\n") {
		fields := strings.SplitN(text, " ", 5)
		if len(fields) > 3 && fields[2] == ">" {
			events = append(events, message(t, int64(len(events)), strings.SplitN(text, " ", 5))...)
		} else {
			ops = append(ops, operation(t, fields))
		}
	}
	h, err := history.New(ops)
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	tr := New(h, n, s)
	for _, e := range events {
		tr.Add(e)
	}
	out := append(tr.Lines(first, last), tr.Conclusion()...)
	return strings.Join(out, "\n") + "\n"
}

func at(t *testing.T, text string) time.Duration {
	t.Helper()
	d, err := time.ParseDuration(text + "s")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// message reads the two events of a message. Its id is that of the first.
func message(t *testing.T, id int64, fields []string) []journal.Event {
	t.Helper()
	rest := strings.Join(fields[4:], " ")
	body, fate, _ := strings.Cut(rest, "} ")
	if fate != "" {
		body += "}"
	}
	send := journal.Event{Kind: journal.Send, Time: at(t, fields[0]), Message: journal.Message{ID: id, Src: fields[1], Dest: fields[3], Body: json.RawMessage(body)}}
	end := send
	end.Kind = journal.Recv
	if reason, ok := strings.CutPrefix(fate, "!"); ok {
		end.Kind, end.Reason = journal.Drop, reason
		reason, when, ok := strings.Cut(reason, "@")
		if end.Reason = reason; ok {
			end.Time = at(t, when)
		}
	} else if when, ok := strings.CutPrefix(fate, "@"); ok {
		end.Time = at(t, when)
	}
	return []journal.Event{send, end}
}

func operation(t *testing.T, fields []string) history.Op {
	t.Helper()
	op := history.Op{Time: at(t, fields[0]), Process: history.Nemesis, F: fields[3]}
	if p, ok := strings.CutPrefix(fields[1], "p"); ok {
		var err error
		if op.Process, err = strconv.Atoi(p); err != nil {
			t.Fatal(err)
		}
	}
	op.Type = map[string]history.Type{"invoke": history.Invoke, "ok": history.OK, "fail": history.Fail, "info": history.Info}[fields[2]]
	if len(fields) == 5 {
		text, cause, failed := strings.Cut(fields[4], " error ")
		var err error
		if op.Value, err = ednOf(text); err != nil {
			t.Fatal(err)
		}
		if failed {
			if op.Error, err = ednOf(cause); err != nil {
				t.Fatal(err)
			}
		}
	}
	return op
}

func ednOf(text string) (any, error) { return edn.NewDecoder(strings.NewReader(text)).Decode() }
