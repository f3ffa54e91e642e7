package checkers

import (
	"testing"

	"glomers/checkers/edn"
)

// TestOracleLinKV compares the verdict on each key with that of Knossos.
func TestOracleLinKV(t *testing.T) {
	for _, run := range oracleRuns(t, "lin-kv") {
		t.Run(run.name, func(t *testing.T) {
			r, err := Check(run.history, nil, run.options)
			if err != nil {
				t.Fatal(err)
			}
			for _, field := range []string{"stats", "availability", "valid?"} {
				got, _ := edn.Marshal(*r).(edn.Map).Get(edn.Keyword(field))
				want, _ := run.results.Get(edn.Keyword(field))
				diff(t, field, got, want)
			}
			w, _ := run.results.Get(edn.Keyword("workload"))
			theirs, _ := w.(edn.Map).Get(edn.Keyword("results"))
			ours := map[any]Validity{}
			for _, k := range r.Workload.(*LinKVResult).Keys {
				ours[mapKey(k.Key)] = k.Valid
			}
			for _, key := range theirs.(edn.Map) {
				want, _ := key.Value.(edn.Map).Get(edn.Keyword("valid?"))
				got, ok := ours[mapKey(key.Key)]
				if !ok {
					t.Errorf("key %s is missing", edn.String(key.Key))
				} else if !edn.Equal(got.MarshalEDN(), want) {
					t.Errorf("key %s is valid: %v, Knossos says %s", edn.String(key.Key), got, edn.String(want))
				}
			}
		})
	}
}
