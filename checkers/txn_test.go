package checkers

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
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
				valid, _ := theirs.Get(edn.Keyword("valid?"))
				if !edn.Equal(valid, r.WorkloadValid.MarshalEDN()) {
					t.Errorf("valid is %v, Elle says %v", r.WorkloadValid, valid)
				}
				ours, ok := r.Workload.(TxnResult)
				if !ok {
					ours = TxnResult{}
				}
				types := []string{}
				for _, k := range ours.AnomalyTypes {
					types = append(types, string(k))
				}
				if want := get("anomaly-types"); !slices.Equal(types, want) {
					t.Errorf("anomalies are %v, Elle says %v", types, want)
				}
				if got, want := keywords(ours.Not), get("not"); r.WorkloadValid != Valid && !slices.Equal(got, want) {
					t.Errorf("not is %v, Elle says %v", got, want)
				}
				if got, want := keywords(ours.AlsoNot), get("also-not"); r.WorkloadValid != Valid && !slices.Equal(got, want) {
					t.Errorf("also-not is %v, Elle says %v", got, want)
				}
			})
		}
	}
}
