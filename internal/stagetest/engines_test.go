package stagetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"glomers/internal/cli"
	"glomers/internal/compare"
	"glomers/internal/sim/native/overlay"
	"glomers/stages"
)

var engines = flag.Bool("engines", false, "run every reference solution on each engine, compare, and rewrite the table in docs/simulation.md")

// engineNames are the engines that are compared, in the order of the columns.
var engineNames = []string{"native", "wasm", "process"}

// measured is what a run shows that should not depend on the engine. Figures that a
// workload does not have are NaN.
type measured struct {
	outcome      string
	partitions   bool
	msgsPerOp    float64
	stable       [2]float64 // stable latency: median and maximum, in ms
	opLatency    [2]float64 // of the most frequent operation: median and 99 %, in ms
	mostFrequent string
}

// batching are the stages whose solution sends together what arrives while it waits for an
// answer. How much that is depends on how long a process waits, so that the number of
// messages may differ by this share.
var batching = map[string]float64{"5b": 0.5}

// TestEngines runs the reference solutions with the challenge's own options on the
// three engines. Verdicts must be equal, messages and stable latencies within the
// bounds that docs/simulation.md states above the table.
func TestEngines(t *testing.T) {
	if !*engines {
		t.Skip("takes a quarter of an hour: make engines")
	}
	if err := overlay.Supported(runtime.GOOS, runtime.GOARCH); err != nil {
		t.Skip(err)
	}
	root, sum := workbook(t), compare.Sum(references(t))
	t.Chdir(root)
	var table strings.Builder
	fmt.Fprintf(&table, "| stage | | %s |\n|---|---|%s\n", strings.Join(engineNames, " | "), strings.Repeat("---|", len(engineNames)))
	for _, s := range stages.All() {
		var runs [][]measured // by engine, then by run of the stage
		for _, engine := range engineNames {
			runs = append(runs, measureStage(t, s, engine))
		}
		for i := range runs[0] {
			title := s.ID
			if i > 0 {
				title += ", `" + strings.Join(s.Again[i-1], " ") + "`"
			}
			var row []measured
			for _, r := range runs {
				row = append(row, r[i])
			}
			compareEngines(t, title, max(0.1, batching[s.ID]), row)
			writeRows(&table, title, row)
		}
	}
	path := filepath.Join(root, "docs", "simulation.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	page, err = compare.WriteTable(page, sum, table.String())
	if err != nil {
		t.Fatalf("%s: %v\n%s", path, err, &table)
	}
	if err := os.WriteFile(path, page, 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestEnginesTable checks that the table is one of the solutions as they are now.
func TestEnginesTable(t *testing.T) {
	path := filepath.Join(workbook(t), "docs", "simulation.md")
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if sum, err := compare.SumIn(page); err != nil || sum != compare.Sum(references(t)) {
		t.Errorf("the table in %s is older than the code of the solutions (%v): run make engines", path, err)
	}
}

// references returns the reference solutions of all stages.
func references(t *testing.T) []compare.Design {
	t.Helper()
	var all []compare.Design
	for _, s := range stages.All() {
		d, err := compare.Read(filepath.Join(workbook(t), "stages", s.Dir))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// measureStage runs a stage's reference solution and returns the figures of each of
// its runs.
func measureStage(t *testing.T, s stages.Stage, engine string) []measured {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cli.Main([]string{"glomers", "test", s.ID, "--engine", engine, "--seed", "21", "--store", t.TempDir(), "--json"}, &stdout, &stderr)
	var all []measured
	for d := json.NewDecoder(&stdout); ; {
		var result struct {
			Outcome string
			Stats   struct {
				ByF map[string]struct{ Count int } `json:"by-f"`
			}
			Latency map[string]map[string]float64
			Net     struct {
				Servers struct {
					MsgsPerOp *float64 `json:"msgs-per-op"`
				}
			}
			Workload struct {
				StableLatencies map[string]float64 `json:"stable-latencies"`
			}
		}
		err := d.Decode(&result)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("stage %s on %s: %v\n%s", s.ID, engine, err, &stderr)
		}
		m := measured{outcome: result.Outcome, msgsPerOp: math.NaN()}
		if v := result.Net.Servers.MsgsPerOp; v != nil {
			m.msgsPerOp = *v
		}
		m.stable = [2]float64{figure(result.Workload.StableLatencies, "0.5"), figure(result.Workload.StableLatencies, "1")}
		most := 0
		for f, stats := range result.Stats.ByF { // ties go to the first by name
			if stats.Count > most || stats.Count == most && f < m.mostFrequent {
				most, m.mostFrequent = stats.Count, f
			}
		}
		m.opLatency = [2]float64{figure(result.Latency[m.mostFrequent], "0.5"), figure(result.Latency[m.mostFrequent], "0.99")}
		m.partitions = slices.Contains(s.Flags, "partition") || len(all) > 0 && slices.Contains(s.Again[len(all)-1], "partition")
		all = append(all, m)
	}
	if len(all) != 1+len(s.Again) {
		t.Fatalf("stage %s on %s: %d results, expected %d\n%s", s.ID, engine, len(all), 1+len(s.Again), &stderr)
	}
	return all
}

func figure(values map[string]float64, name string) float64 {
	if v, ok := values[name]; ok {
		return v
	}
	return math.NaN()
}

// compareEngines reports figures that are further apart than the page says. share is how
// much of the messages an operation may differ.
func compareEngines(t *testing.T, title string, share float64, row []measured) {
	t.Helper()
	first := row[0]
	for i, m := range row[1:] {
		pair := fmt.Sprintf("stage %s, %s and %s", title, engineNames[0], engineNames[i+1])
		if m.outcome != first.outcome {
			t.Errorf("%s: the verdicts are %s and %s", pair, first.outcome, m.outcome)
		}
		if math.Abs(m.msgsPerOp-first.msgsPerOp) > share*max(m.msgsPerOp, first.msgsPerOp)+0.02 {
			t.Errorf("%s: %.4g and %.4g messages an operation, expected at most %.0f %% and 0.02 between them", pair, first.msgsPerOp, m.msgsPerOp, 100*share)
		}
		for k, quantile := range []string{"median", "maximum"} {
			a, b := first.stable[k], m.stable[k]
			bound := 100.0
			if m.partitions {
				bound = max(bound, 0.25*max(a, b))
			}
			if math.Abs(a-b) > bound {
				t.Errorf("%s: the %s stable latencies are %.4g and %.4g ms, expected at most %.4g ms between them", pair, quantile, a, b, bound)
			}
		}
	}
}

// writeRows writes the lines of a run: its verdicts, and each figure that the run has.
func writeRows(w io.Writer, title string, row []measured) {
	line := func(title, what string, cell func(measured) string) {
		fmt.Fprintf(w, "| %s | %s |", title, what)
		for _, m := range row {
			fmt.Fprintf(w, " %s |", cell(m))
		}
		fmt.Fprintln(w)
	}
	line(title, "verdict", func(m measured) string { return m.outcome })
	if row[0].msgsPerOp > 0 {
		line("", "messages an operation", func(m measured) string { return strconv.FormatFloat(m.msgsPerOp, 'g', 4, 64) })
	}
	if !math.IsNaN(row[0].stable[0]) {
		line("", "stable latency, median and maximum", func(m measured) string {
			return fmt.Sprintf("%.0f, %.0f ms", m.stable[0], m.stable[1])
		})
	}
	line("", "latency of `"+row[0].mostFrequent+"`, median and 99 %", func(m measured) string {
		return fmt.Sprintf("%.3g, %.3g ms", m.opLatency[0], m.opLatency[1])
	})
}
