package checkers

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// TestSmallHistories checks small histories, one for each thing that a checker can
// find: each must be found, and nothing else with it. In a history
//
//	0 send [[:send x 1]] [[:send x [0 1]]]
//
// is an operation of process 0: its invocation and, a millisecond later, its
// completion. The completion may be ok (the default), fail, info, or begun for an
// operation that completes with a later "ends" line of its process. A line ends
// with final for a final read, and with seek for an assignment of keys from their
// beginning. :x is written x. The command check WORKLOAD has the arguments strict, nodes=2,
// models=read-committed, settle=1ms (the default is the shortest time),
// sequential-keys, linearizable-keys and words; its output is the verdict, the name of
// every finding, and the strict checks that were skipped; with words, also the summary
// of the workload and what the findings say; with proof, also the indices of the operations
// that prove each detail, and what it is about.
func TestSmallHistories(t *testing.T) {
	datadriven.Walk(t, "testdata/small", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, checkSmall)
	})
}

// checkSmall checks one history and returns the verdict with what was found.
func checkSmall(t *testing.T, d *datadriven.TestData) string {
	t.Helper()
	h := parseHistory(t, d)
	o := Options{Workload: d.CmdArgs[0].Key, Strict: d.HasArg("strict"), Settle: time.Nanosecond}
	if d.HasArg("nodes") {
		var n int
		d.ScanArgs(t, "nodes", &n)
		for i := range n {
			o.Nodes = append(o.Nodes, fmt.Sprintf("n%d", i))
		}
		o.Concurrency = n
	}
	if d.HasArg("models") {
		var models string
		d.ScanArgs(t, "models", &models)
		o.ConsistencyModels = []string{models}
	}
	if d.HasArg("settle") {
		var settle string
		d.ScanArgs(t, "settle", &settle)
		var err error
		if o.Settle, err = time.ParseDuration(settle); err != nil {
			d.Fatalf(t, "%v", err)
		}
	}
	o.SequentialKeys, o.LinearizableKeys = d.HasArg("sequential-keys"), d.HasArg("linearizable-keys")
	r, err := Check(h, nil, o)
	if err != nil {
		return "error: " + err.Error()
	}
	out := r.Valid.String() + findingNames(r.Findings)
	if d.HasArg("words") {
		out += "\n" + r.Workload.Common().Summary
		for _, f := range r.Findings {
			out += "\n" + f.Check + ": " + f.Summary
			for i, detail := range f.Details {
				out += "\n  " + detail
				if d.HasArg("proof") && i < len(f.Examples) {
					out += fmt.Sprintf(" (%v about %s)", f.Examples[i].Proof, edn.String(f.Examples[i].About))
				}
			}
		}
	}
	if r.Strict != nil {
		out += "\nstrict " + r.Strict.Valid.String() + findingNames(r.Strict.Errors)
		for _, s := range r.Strict.Skipped {
			out += "\nskipped " + s.Check + ": " + s.Reason
		}
	}
	return out
}

func findingNames(findings []Finding) string {
	s := ""
	for _, f := range findings {
		s += " " + f.Check
		if f.Summary == "" {
			s += " (without a summary)"
		}
	}
	return s
}

func parseHistory(t *testing.T, d *datadriven.TestData) *history.History {
	t.Helper()
	var ops []history.Op
	record := func(typ history.Type, process int, f string, value any) {
		op := history.Op{Time: time.Duration(len(ops)) * time.Millisecond, Type: typ, Process: process, F: f, Value: value}
		ops = append(ops, op)
	}
	for _, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
		line, final := strings.CutSuffix(line, " final")
		line, seek := strings.CutSuffix(line, " seek")
		fields := strings.SplitN(line, " ", 3)
		process, err := strconv.Atoi(fields[0])
		if err != nil || len(fields) < 2 {
			d.Fatalf(t, "%q: expected a process and the name of an operation", line)
		}
		f, rest := fields[1], ""
		if len(fields) == 3 {
			rest = fields[2]
		}
		typ := history.OK
		for word, of := range map[string]history.Type{"fail": history.Fail, "info": history.Info, "begun": history.Invoke} {
			if cut, ok := strings.CutSuffix(rest, word); ok {
				rest, typ = cut, of
			}
		}
		var values []any
		dec := edn.NewDecoder(strings.NewReader(rest))
		for {
			v, err := dec.Decode()
			if err != nil {
				break
			}
			values = append(values, v)
		}
		if f == "ends" {
			i := len(ops) - 1
			for ops[i].Process != process {
				i--
			}
			record(history.OK, process, ops[i].F, values[0])
			continue
		}
		if len(values) == 0 {
			values = []any{nil}
		}
		record(history.Invoke, process, f, values[0])
		if typ != history.Invoke {
			record(typ, process, f, values[len(values)-1])
		}
		for i := len(ops) - 1; i >= 0 && ops[i].Process == process && i >= len(ops)-2; i-- {
			ops[i].Final = final
			if seek {
				ops[i].Extra = edn.Map{{Key: edn.Keyword("seek-to-beginning?"), Value: true}}
			}
			if ops[i].Type == history.Invoke {
				break
			}
		}
	}
	for i := range ops {
		ops[i].Index = i
	}
	h, err := history.New(slices.Clip(ops))
	if err != nil {
		d.Fatalf(t, "%v", err)
	}
	return h
}

// TestAnomaliesPage checks the histories in docs/anomalies.md in the same way.
func TestAnomaliesPage(t *testing.T) {
	text, err := os.ReadFile("../docs/anomalies.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```check\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 20 {
		t.Fatalf("docs/anomalies.md has %d histories, expected at least 20", len(blocks))
	}
	for _, block := range blocks {
		datadriven.RunTestFromString(t, block[1], checkSmall)
	}
}
