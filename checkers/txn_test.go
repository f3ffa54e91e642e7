package checkers

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"glomers/checkers/edn"
)

// elleRuns reads Elle's verdicts on a recorded run under several models.
func elleRuns(t *testing.T, dir string) []edn.Map {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "elle.edn"))
	if err != nil {
		t.Fatal(err)
	}
	d := edn.NewDecoder(bytes.NewReader(text))
	var runs []edn.Map
	for {
		v, err := d.Decode()
		if err == io.EOF {
			return runs
		}
		if err != nil {
			t.Fatal(err)
		}
		runs = append(runs, v.(edn.Map))
	}
}

func keywords(v any) []string {
	seq, _ := sequence(v)
	if s, ok := v.(edn.Set); ok {
		seq = s
	}
	out := []string{}
	for _, k := range seq {
		out = append(out, string(k.(edn.Keyword)))
	}
	sort.Strings(out)
	return out
}

// TestOracleTxn compares verdicts, anomalies and models with Elle's, under six
// models for each run. Our search for cycles is complete where Elle's is bounded
// by time and by the first path that it tries, so that ours may find a stronger
// anomaly, which implies Elle's. Such differences are listed in
// docs/agreement.md; any other one fails the test.
func TestOracleTxn(t *testing.T) {
	for _, run := range oracleRuns(t, "txn-rw-register", "txn-list-append") {
		for _, theirs := range elleRuns(t, run.dir) {
			model, _ := theirs.Get(edn.Keyword("model"))
			o := run.options
			o.ConsistencyModels = []string{string(model.(edn.Keyword))}
			t.Run(run.name+"/"+o.ConsistencyModels[0], func(t *testing.T) {
				r, err := Check(run.history, nil, o)
				if err != nil {
					t.Fatal(err)
				}
				get := func(field string) []string {
					v, _ := theirs.Get(edn.Keyword(field))
					return keywords(v)
				}
				// A verdict of unknown is a search that Elle gave up.
				valid, _ := theirs.Get(edn.Keyword("valid?"))
				if valid != edn.Keyword("unknown") && !edn.Equal(valid, r.Workload.Common().Valid.MarshalEDN()) {
					t.Errorf("valid is %v, Elle says %v", r.Workload.Common().Valid, valid)
				}
				if r.Workload.Common().Valid == Valid {
					if types := get("anomaly-types"); len(types) > 0 {
						t.Errorf("no anomalies, Elle says %v", types)
					}
					return
				}
				ours := r.Workload.(*TxnResult)
				types := anomalyTypes(ours)
				if missed := missedTypes(types, get("anomaly-types")); len(missed) > 0 {
					t.Errorf("anomalies are %v, which do not imply Elle's %v", types, missed)
				}
				if run.options.Workload == "txn-rw-register" && !slices.Equal(types, get("anomaly-types")) {
					t.Errorf("anomalies are %v, Elle says %v", types, get("anomaly-types"))
				}
				if got, want := append([]string{}, ours.Not...), get("not"); !slices.Equal(got, want) {
					t.Errorf("not is %v, Elle says %v", got, want)
				}
				if got, want := append([]string{}, ours.AlsoNot...), get("also-not"); !slices.Equal(got, want) {
					t.Errorf("also-not is %v, Elle says %v", got, want)
				}
			})
		}
	}
}

func anomalyTypes(r *TxnResult) []string {
	return append([]string{}, r.AnomalyTypes...)
}

// missedTypes returns the anomalies of theirs that ours do not imply. Elle says
// that a cycle exists where it knows but cannot show it.
func missedTypes(ours, theirs []string) (missed []string) {
	implied := impliedAnomalies.reach(ours...)
	for _, name := range theirs {
		exists := name == "strong-PL-1-cycle-exists" && implied["G0-realtime"]
		if !implied[name] && !exists {
			missed = append(missed, name)
		}
	}
	return missed
}

// TestCycleWitnesses checks every cycle that is found in the recorded runs: it
// closes, it visits no transaction twice, and its edges are of the kinds that its
// name says.
func TestCycleWitnesses(t *testing.T) {
	checked := 0
	for _, run := range oracleRuns(t, "txn-rw-register", "txn-list-append") {
		for name, c := range cyclesOf(t, run) {
			for _, w := range c.found {
				checked++
				checkWitness(t, run.name, name, c.graph, w)
			}
		}
	}
	if checked < 30 {
		t.Errorf("only %d cycles were checked", checked)
	}
}

type foundCycles struct {
	graph *depGraph
	found []cycle
}

func cyclesOf(t *testing.T, run oracleRun) map[string]foundCycles {
	t.Helper()
	var g *depGraph
	if run.options.Workload == "txn-rw-register" {
		txns, err := readTxns(run.history, "w", "")
		if err != nil {
			t.Fatal(err)
		}
		r := newRegisters(txns)
		r.link()
		g = r.graph
	} else {
		txns, err := readTxns(run.history, "append", "")
		if err != nil {
			t.Fatal(err)
		}
		l := newLists(txns)
		l.link()
		g = l.graph
	}
	g.linkRealtime(run.history)
	out := map[string]foundCycles{}
	found, complete := g.cycles()
	if !complete {
		t.Errorf("%s: the search was given up", run.name)
	}
	for name, cycles := range found {
		out[name] = foundCycles{g, cycles}
	}
	return out
}

func checkWitness(t *testing.T, run, name string, g *depGraph, c cycle) {
	t.Helper()
	path := c.vertices()
	if path[0] != path[len(path)-1] {
		t.Errorf("%s: %s does not close: %v", run, name, path)
	}
	visited := map[int32]bool{}
	count := map[edgeKind]int{}
	adjacentPairs := 0
	for i, e := range c.edges {
		if visited[path[i]] {
			t.Errorf("%s: %s visits a transaction twice", run, name)
		}
		visited[path[i]] = true
		if !slices.Contains(g.out[path[i]], e) {
			t.Errorf("%s: %s has an edge that the graph lacks", run, name)
		}
		count[e.kind]++
		if e.kind == rw && c.edges[(i+1)%len(c.edges)].kind == rw {
			adjacentPairs++
		}
	}
	base, isRealtime := strings.CutSuffix(name, "-realtime")
	if isRealtime != (count[realtime] > 0) {
		t.Errorf("%s: %s has %d realtime edges", run, name, count[realtime])
	}
	ok := map[string]bool{
		"G0":                 count[wr] == 0 && count[rw] == 0 && count[ww] > 0,
		"G1c":                count[wr] > 0 && count[rw] == 0,
		"G-single-item":      count[rw] == 1,
		"G-nonadjacent-item": count[rw] > 1 && adjacentPairs == 0,
		"G2-item":            count[rw] > 1 && adjacentPairs > 0,
	}[base]
	if !ok {
		t.Errorf("%s: %s has the edges %v", run, name, count)
	}
}
