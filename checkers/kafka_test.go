package checkers

import (
	"bytes"
	"testing"

	"github.com/cockroachdb/datadriven"

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

// TestWorstLag: a client lags behind by the time for which a message that it has not
// polled has been known to exist when its poll begins. Each operation takes a
// millisecond, and they follow one another.
func TestWorstLag(t *testing.T) {
	const sends = "0 send [[:send x 1]] [[:send x [0 1]]]\n0 send [[:send x 2]] [[:send x [1 2]]]\n" // they end at 1 and 3 ms
	for history, want := range map[string]string{
		"1 poll [[:poll]] [[:poll {x [[0 1]]}]]":                                                                                 "{:time 0.004, :process 1, :key x, :lag 0.001}",
		"1 poll [[:poll]] [[:poll {x [[0 1] [1 2]]}]]":                                                                           "{:time 0.004, :process 1, :key x, :lag 0.0}",
		"1 poll [[:poll]] [[:poll {x []}]]":                                                                                      "{:time 0.004, :process 1, :key x, :lag 0.003}",
		"1 poll [[:poll]] [[:poll {}]]":                                                                                          "{:time 0.0, :lag 0.0}",
		"1 assign [x]\n1 poll [[:poll]] [[:poll {}]]":                                                                            "{:time 0.006, :process 1, :key x, :lag 0.005}",
		"1 subscribe [x]\n1 poll [[:poll]] [[:poll {}]]":                                                                         "{:time 0.0, :lag 0.0}",
		"1 poll [[:poll]] [[:poll {x [[0 1] [1 2]]}]]\n1 assign [x]\n1 poll [[:poll]] [[:poll {}]]":                              "{:time 0.004, :process 1, :key x, :lag 0.0}",
		"1 poll [[:poll]] [[:poll {x [[0 1] [1 2]]}]]\n1 assign [y]\n1 assign [x]\n1 poll [[:poll]] [[:poll {}]]":                "{:time 0.01, :process 1, :key x, :lag 0.009}",
		"1 poll [[:poll]] [[:poll {x [[0 1] [1 2]]}]]\n1 poll [[:poll]] [[:poll {x [[0 1]]}]]":                                   "{:time 0.004, :process 1, :key x, :lag 0.0}",
		"1 assign [x]\n1 subscribe [y]\n1 poll [[:poll]] [[:poll {}]]":                                                           "{:time 0.0, :lag 0.0}",
		"1 assign [x]\n2 poll [[:poll]] [[:poll {}]]":                                                                            "{:time 0.0, :lag 0.0}",
		"1 poll [[:poll]] [[:poll {x [[0 1]]}]]\n1 poll [[:poll]] info\n1 poll [[:poll]] [[:poll {}]]":                           "{:time 0.008, :process 1, :key x, :lag 0.005}",
		"1 poll [[:poll]] [[:poll {x [[0 1]]}]]\n2 poll [[:poll]] [[:poll {x [[5 9]]}]]\n1 poll [[:poll]] [[:poll {x [[1 2]]}]]": "{:time 0.004, :process 1, :key x, :lag 0.001}",
	} {
		h := parseHistory(t, &datadriven.TestData{Input: sends + history})
		r, err := Kafka(h, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := edn.String(r.Lag.MarshalEDN()); got != want {
			t.Errorf("%s\nthe worst lag is %s, want %s", history, got, want)
		}
	}
}
