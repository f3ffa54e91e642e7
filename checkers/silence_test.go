package checkers

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"glomers/checkers/history"
)

// TestSilences checks which nodes count as silent, and since when. Each operation is a
// process, the seconds of its invocation and of its completion, and how it completed.
func TestSilences(t *testing.T) {
	const timeout, refused = ":type :info, :error :net-timeout", ":type :fail, :error [:abort \"no\"]"
	for _, c := range []struct {
		name string
		ops  []op
		want string
	}{
		{"all answer", []op{{0, 1, 2, ":type :ok"}, {1, 1, 2, ":type :ok"}}, "[]"},
		{"one stops", []op{{0, 1, 2, ":type :ok"}, {1, 1, 2, ":type :ok"}, {0, 3, 8, timeout}, {0, 8, 13, timeout}, {1, 9, 10, ":type :ok"}},
			"[n0 after 2.000 s (2 requests timed out)]"},
		{"one never begins", []op{{1, 1, 6, timeout}, {3, 6, 11, timeout}, {0, 7, 8, ":type :ok"}},
			"[n1 before its first answer (2 requests timed out)]"},
		{"one lost request", []op{{0, 1, 2, ":type :ok"}, {0, 3, 8, timeout}}, "[]"},
		{"an answer afterwards", []op{{0, 1, 6, timeout}, {0, 6, 11, timeout}, {0, 11, 12, ":type :ok"}}, "[]"},
		{"an error is an answer", []op{{0, 1, 6, timeout}, {0, 6, 11, timeout}, {0, 11, 12, refused}}, "[]"},
		{"sent before the last answer", []op{{0, 1, 6, timeout}, {2, 2, 7, timeout}, {4, 3, 4, ":type :ok"}}, "[]"},
		{"an assign sends nothing", []op{{0, 1, 6, timeout}, {0, 6, 11, timeout}, {0, 11, 12, assigned}},
			"[n0 before its first answer (2 requests timed out)]"},
	} {
		h := historyOf(t, c.ops)
		if got := fmt.Sprint(Silences(h, Options{Nodes: []string{"n0", "n1"}, Concurrency: 6})); got != c.want {
			t.Errorf("%s: %s, expected %s", c.name, got, c.want)
		}
		if got := Silences(h, Options{}); got != nil {
			t.Errorf("%s: %v though the nodes are not known", c.name, got)
		}
	}
}

// assigned is how kafka's assign completes, which is not a read.
const assigned = ":type :ok, :extra nil"

type op struct {
	process, from, to int
	end               string
}

// historyOf returns the history of some reads and assigns, which may overlap.
func historyOf(t *testing.T, ops []op) *history.History {
	t.Helper()
	type record struct {
		at   int
		text string
	}
	var records []record
	for _, o := range ops {
		for at, typ := range map[int]string{o.from: ":type :invoke", o.to: o.end} {
			f := "read"
			if o.end == assigned {
				f = "assign"
			}
			records = append(records, record{at, fmt.Sprintf("%s, :process %d, :f :%s, :value nil, :time %d", typ, o.process, f, time.Duration(at)*time.Second)})
		}
	}
	slices.SortStableFunc(records, func(a, b record) int { return a.at - b.at })
	var text strings.Builder
	for i, r := range records {
		fmt.Fprintf(&text, "{:index %d, %s}\n", i, r.text)
	}
	all, err := history.Read(strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	h, err := history.New(all)
	if err != nil {
		t.Fatal(err)
	}
	return h
}
