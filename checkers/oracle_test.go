package checkers

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// oracleRun is a recorded run of the real Maelstrom with its results.
type oracleRun struct {
	name    string // workload/behaviour
	dir     string
	options Options
	history *history.History
	results edn.Map
}

// oracleRuns loads the recorded runs of the given workloads.
func oracleRuns(t *testing.T, workloads ...string) []oracleRun {
	t.Helper()
	var runs []oracleRun
	for _, w := range workloads {
		dirs, _ := filepath.Glob(filepath.Join("../testdata/oracle", w, "*"))
		if len(dirs) == 0 {
			t.Fatalf("no recorded runs of %s", w)
		}
		for _, dir := range dirs {
			runs = append(runs, loadOracle(t, w, dir))
		}
	}
	return runs
}

func loadOracle(t *testing.T, workload, dir string) oracleRun {
	t.Helper()
	h, err := history.ReadFile(filepath.Join(dir, "history.edn.gz"))
	if err != nil {
		t.Fatal(err)
	}
	run := oracleRun{name: workload + "/" + filepath.Base(dir), dir: dir, history: h, options: Options{Workload: workload}}
	run.results = readEDN(t, filepath.Join(dir, "results.edn")).(edn.Map)
	command, err := os.ReadFile(filepath.Join(dir, "command"))
	if err != nil {
		t.Fatal(err)
	}
	if _, value, ok := strings.Cut(string(command), "--availability "); ok {
		least := 1.0
		if word := strings.Fields(value)[0]; word != "total" {
			least, err = strconv.ParseFloat(word, 64)
			if err != nil {
				t.Fatal(err)
			}
		}
		run.options.Availability = &least
	}
	return run
}

// readEDN reads one form from a file, or from the gzip file of that name.
func readEDN(t *testing.T, path string) any {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		f, err := os.Open(path + ".gz")
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		z, err := gzip.NewReader(f)
		if err != nil {
			t.Fatal(err)
		}
		if text, err = io.ReadAll(z); err != nil {
			t.Fatal(err)
		}
	}
	v, err := edn.NewDecoder(bytes.NewReader(text)).Decode()
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return v
}

// TestOracleFields compares every field of Maelstrom's results.
func TestOracleFields(t *testing.T) {
	for _, run := range oracleRuns(t, "echo", "unique-ids", "broadcast", "g-set", "g-counter", "pn-counter") {
		t.Run(run.name, func(t *testing.T) {
			r, err := Check(run.history, nil, run.options)
			if err != nil {
				t.Fatal(err)
			}
			// Through text, so that ours has the types of what was read.
			ours, err := edn.NewDecoder(bytes.NewReader(edn.Pretty(edn.Marshal(*r)))).Decode()
			if err != nil {
				t.Fatal(err)
			}
			for _, field := range []string{"stats", "availability", "workload", "valid?"} {
				got, _ := ours.(edn.Map).Get(edn.Keyword(field))
				want, _ := run.results.Get(edn.Keyword(field))
				if run.options.Workload == "echo" && field == "workload" {
					got, want = errorsAsSet(got), errorsAsSet(want)
				}
				diff(t, field, got, want)
			}
		})
	}
}

// errorsAsSet makes the order of :errors irrelevant: Maelstrom lists the errors
// of echo in the order of a hash map.
func errorsAsSet(v any) any {
	m := append(edn.Map{}, v.(edn.Map)...)
	for i := range m {
		if l, ok := m[i].Value.(edn.List); ok {
			m[i].Value = edn.Set(l)
		}
	}
	return m
}

// diff reports where two EDN values differ.
func diff(t *testing.T, path string, got, want any) {
	t.Helper()
	g, ok1 := got.(edn.Map)
	w, ok2 := want.(edn.Map)
	if !ok1 || !ok2 {
		if !edn.Equal(got, want) {
			t.Errorf("%s is %.300s, Maelstrom says %.300s", path, edn.String(got), edn.String(want))
		}
		return
	}
	for _, e := range w {
		v, ok := g.Get(e.Key)
		if !ok {
			t.Errorf("%s lacks %s, Maelstrom says %.300s", path, edn.String(e.Key), edn.String(e.Value))
			continue
		}
		diff(t, path+" "+edn.String(e.Key), v, e.Value)
	}
	for _, e := range g {
		if _, ok := w.Get(e.Key); !ok {
			t.Errorf("%s has %s, which Maelstrom lacks", path, edn.String(e.Key))
		}
	}
}
