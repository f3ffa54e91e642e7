package checkers

import (
	"bytes"
	"testing"

	"glomers/checkers/edn"
)

// TestOracleKafka compares verdict, kinds of error, their counts, the unseen
// messages and the worst lag.
func TestOracleKafka(t *testing.T) {
	for _, run := range oracleRuns(t, "kafka") {
		t.Run(run.name, func(t *testing.T) {
			r, err := Check(run.history, nil, run.options)
			if err != nil {
				t.Fatal(err)
			}
			v, err := edn.NewDecoder(bytes.NewReader(edn.Pretty(edn.Marshal(*r)))).Decode()
			if err != nil {
				t.Fatal(err)
			}
			ours := v.(edn.Map)
			for _, field := range []string{"stats", "availability", "valid?"} {
				got, _ := ours.Get(edn.Keyword(field))
				want, _ := run.results.Get(edn.Keyword(field))
				diff(t, field, got, want)
			}
			got, _ := ours.Get(edn.Keyword("workload"))
			want, _ := run.results.Get(edn.Keyword("workload"))
			diff(t, "workload", withoutErrors(got), withoutErrors(want))
		})
	}
}

// withoutErrors leaves of each kind of error only its count: which errors are
// shown, and in which order, depends on hash maps in Jepsen.
func withoutErrors(v any) any {
	m := append(edn.Map{}, v.(edn.Map)...)
	for i := range m {
		if inner, ok := m[i].Value.(edn.Map); ok {
			if count, ok := inner.Get(edn.Keyword("count")); ok {
				m[i].Value = count
			}
		}
	}
	return m
}
