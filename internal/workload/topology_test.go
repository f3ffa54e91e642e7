package workload

import (
	"fmt"
	"testing"

	"glomers/checkers/edn"
)

func TestTopology(t *testing.T) {
	nodes := []string{"a", "b", "c", "d", "e", "f"}
	for _, test := range []struct {
		name  string
		nodes int
		want  string
	}{
		{"line", 3, `{"a":["b"],"b":["a","c"],"c":["b"]}`},
		{"grid", 5, `{"a":["d","b"],"b":["e","c","a"],"c":["b"],"d":["a","e"],"e":["b","d"]}`},
		{"", 4, `{"a":["c","b"],"b":["d","a"],"c":["a","d"],"d":["b","c"]}`}, // grid
		{"tree", 6, `{"a":["b","c"],"b":["a","d","e"],"c":["a","f"],"d":["b"],"e":["b"],"f":["c"]}`},
		{"tree2", 3, `{"a":["b","c"],"b":["a"],"c":["a"]}`},
		{"tree3", 5, `{"a":["b","c","d"],"b":["a","e"],"c":["a"],"d":["a"],"e":["b"]}`},
		{"tree4", 6, `{"a":["b","c","d","e"],"b":["a","f"],"c":["a"],"d":["a"],"e":["a"],"f":["b"]}`},
		{"total", 3, `{"a":["b","c"],"b":["a","c"],"c":["a","b"]}`},
		{"line", 1, `{"a":[]}`},
	} {
		t.Run(fmt.Sprint(test.name, test.nodes), func(t *testing.T) {
			got, err := Topology(test.name, nodes[:test.nodes])
			if err != nil {
				t.Fatal(err)
			}
			if text := string(edn.ToJSON(got)); text != test.want {
				t.Errorf("got %s, want %s", text, test.want)
			}
		})
	}
	if _, err := Topology("ring", nodes); err == nil {
		t.Error("a ring is a topology")
	}
}
