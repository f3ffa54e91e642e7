package verdict

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/spec"
	"glomers/stages"
)

// TestVerdicts shows what people get to read about small runs. The command
//
//	judge WORKLOAD stage=3d nodes=2 availability=1 strict race racy=n0 incomplete='…' no-journal statistics
//
// judges a run: by the limits of a stage, if one is named, and with a journal, unless
// no-journal is given; with statistics, of the journal only they are known. Its input is
// a line for each operation,
//
//	PROCESS NAME VALUE, or PROCESS NAME VALUE -> COMPLETION VALUE
//
// where the completion is ok with the same value, unless it is given; it begins a second
// after the last one, and takes a millisecond. Other lines are
//
//	n0 n1 3             three messages from n0 to n1
//	c1 -> n0 {…}        a message
//	stalled 14          the runner itself stood still for so many seconds
//
// The output is the outcome, the rows, the warnings and the findings, with what they are
// about, and the entries of results.edn.
func TestVerdicts(t *testing.T) {
	datadriven.RunTest(t, "testdata/verdicts.txt", func(t *testing.T, d *datadriven.TestData) string {
		test := &spec.Test{Workload: d.CmdArgs[0].Key, Load: spec.Load{Concurrency: 2}}
		nodes := 2
		d.MaybeScanArgs(t, "nodes", &nodes)
		for i := range nodes {
			test.Nodes = append(test.Nodes, fmt.Sprint("n", i))
		}
		test.Strict, test.Race = d.HasArg("strict"), d.HasArg("race")
		if d.HasArg("availability") {
			var a int
			d.ScanArgs(t, "availability", &a)
			fraction := float64(a)
			test.Availability = &fraction
		}
		var stage *stages.Stage
		if d.HasArg("stage") {
			var id string
			d.ScanArgs(t, "stage", &id)
			s, err := stages.Find(id)
			if err != nil {
				t.Fatal(err)
			}
			stage = &s
		}
		q := Ask(test, stage)
		r := recordsOf(t, d, NewTraffic(q.Check))
		if d.HasArg("racy") {
			d.ScanArgs(t, "racy", &r.Racy)
		}
		d.MaybeScanArgs(t, "incomplete", &r.Incomplete)
		switch {
		case d.HasArg("no-journal"):
			r.Traffic = TrafficOf(nil)
		case d.HasArg("statistics"):
			r.Traffic = TrafficOf(&r.Traffic.net)
		}
		v, err := Judge(r, q)
		if err != nil {
			return "error: " + err.Error()
		}
		return describe(v, test)
	})
}

func recordsOf(t *testing.T, d *datadriven.TestData, traffic *Traffic) Records {
	var ops []history.Op
	record := func(op history.Op, at time.Duration) {
		op.Index, op.Time = len(ops), at
		ops = append(ops, op)
	}
	value := func(text string) any {
		v, err := edn.NewDecoder(strings.NewReader(text)).Decode()
		if err != nil {
			d.Fatalf(t, "%q: %v", text, err)
		}
		return v
	}
	now, messages := time.Duration(0), int64(0)
	send := func(src, dest, body string) {
		m := journal.Message{ID: messages, Src: src, Dest: dest, Body: []byte(body)}
		traffic.Add(journal.Event{Kind: journal.Send, Time: now, Message: m})
		traffic.Add(journal.Event{Kind: journal.Recv, Time: now, Message: m})
		messages++
	}
	for _, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
		var src, dest string
		var n, process int
		var seconds int64
		if _, err := fmt.Sscanf(line, "%s -> %s ", &src, &dest); err == nil {
			send(src, dest, line[strings.Index(line, "{"):])
			continue
		}
		if _, err := fmt.Sscanf(line, "n%s n%s %d", &src, &dest, &n); err == nil {
			for range n {
				send("n"+src, "n"+dest, `{"type":"gossip"}`)
			}
			continue
		}
		if _, err := fmt.Sscanf(line, "stalled %d", &seconds); err == nil {
			record(history.Op{Process: history.Nemesis, Type: history.Info, F: history.RunnerStall, Value: seconds * 1000}, now)
			continue
		}
		invoked, completed, differs := strings.Cut(line, " -> ")
		if _, err := fmt.Sscanf(invoked, "%d %s", &process, &src); err != nil {
			d.Fatalf(t, "%q: %v", line, err)
		}
		text := strings.SplitN(invoked, " ", 3)[2]
		op := history.Op{Process: process, Type: history.Invoke, F: src, Value: value(text)}
		record(op, now)
		op.Type = history.OK
		if differs {
			typ, text, _ := strings.Cut(completed, " ")
			op.Type, op.Value = map[string]history.Type{"ok": history.OK, "fail": history.Fail, "info": history.Info}[typ], value(text)
		}
		record(op, now+time.Millisecond)
		now += time.Second
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	return Records{History: h, Traffic: traffic}
}

func describe(v *Verdict, test *spec.Test) string {
	var b strings.Builder
	fmt.Fprintln(&b, v.Outcome)
	for _, r := range v.Rows(test) {
		fmt.Fprintln(&b, strings.TrimRight(fmt.Sprintf("  %-7s  %s: %s  %s", r.State, r.Name, r.Value, r.Limit), " "))
	}
	for _, w := range v.Warnings("store/run") {
		fmt.Fprintf(&b, "  warning: %s\n", w)
	}
	for _, f := range v.Findings {
		fmt.Fprintf(&b, "  %s %s: %s", f.Source, f.Kind, f.Summary)
		if f.About != nil {
			fmt.Fprintf(&b, " (about %v)", f.About)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "  %s\n", edn.String(v.EDN()))
	return b.String()
}
