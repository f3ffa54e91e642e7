package cli

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"glomers/internal/store"
	"glomers/internal/trial"
)

// TestSchema checks that the docs name every entry of what explore --json prints, but
// those of a test, which are documented by test.json.
func TestSchema(t *testing.T) {
	page, err := os.ReadFile("../../docs/simulation.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(page), "<!-- schema: explore --json -->")
	table, _, _ = strings.Cut(table, "\n\n")
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`([\\w-]+)`").FindAllStringSubmatch(table, -1) {
		named[m[1]] = true
	}
	option := []trial.Option{{Name: "yields", Value: "0.1"}}
	figure := []trial.Figure{{Name: "latency", Unit: "ms", Value: 1}}
	x := trial.Exploration{
		Command: []string{"test"}, Medals: true, Count: 1, Shard: "1/2",
		Vary:     trial.Variation{LeastCPUCost: 1, MostCPUCost: 1, LeastLatency: 1, LeastYields: 1, MostYields: 1},
		Outcomes: []trial.Outcome{{Seed: 1, Options: option, Failures: []string{"lost"}, Details: "d", Repeat: "r", Figures: figure}},
	}
	details := newDetails(trial.Collect(x.Outcomes), []trial.Range{{First: 1, Last: 1, Step: 1}}, &store.HardMode{})
	var b bytes.Buffer
	if err := x.Encode(&b, details); err != nil {
		t.Fatal(err)
	}
	var entries any
	if err := json.Unmarshal(b.Bytes(), &entries); err != nil {
		t.Fatal(err)
	}
	count := 0
	var check func(v any)
	check = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for name, x := range v {
				count++
				if !named[name] {
					t.Errorf("docs/simulation.md does not name the entry %q", name)
				}
				check(x)
			}
		case []any:
			for _, x := range v {
				check(x)
			}
		}
	}
	check(entries)
	if count < 40 {
		t.Errorf("only %d entries were checked", count)
	}
}
