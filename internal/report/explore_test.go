package report

import (
	"bytes"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestExplorationPage: a page shows what it is given, as text, and needs nothing else.
func TestExplorationPage(t *testing.T) {
	const evil = `<script>alert(1)</script>"'`
	e := Exploration{
		Title: evil, Command: evil, First: 3, Last: 12, Runs: 10, Passed: 7,
		Failures: []Failing{
			{Kind: evil, Count: 2, Seed: 4, Details: evil, Command: "glomers test 3c --seed 4", Report: "../broadcast/20260102/report.html"},
			{Kind: "lost", Count: 1, Seed: 9, Command: "glomers test 3c --seed 9", Report: "javascript:alert(1)"},
		},
		Figures: []Spread{{Name: evil, Unit: "ms", Values: []float64{1, 2, 2, 3, 9.5}, Limit: 8}, {Name: "availability", Values: []float64{1, 1}}, {Name: "none"}, {Name: "nan", Values: []float64{math.NaN()}}},
	}
	var b bytes.Buffer
	if err := e.WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	page := b.String()
	for _, want := range []string{"7 of 10", "seeds 3 to 12", "✗ FAIL", "&lt;script&gt;alert(1)", "glomers test 3c --seed 4", `href="../broadcast/20260102/report.html"`, "limit 8", "5 runs, from 1 to 9.5"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	for _, bad := range []string{"<script", "javascript:alert", "http:", "https:", "style=", "url("} {
		if strings.Contains(strings.ReplaceAll(page, "http-equiv", ""), bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	if !strings.Contains(page, ExplorationPolicy()[:len("default-src 'none'")]) && !strings.Contains(page, "default-src &#39;none&#39;") {
		t.Error("the page has no policy in its head")
	}
	e = Exploration{Runs: 2, Passed: 2, Partial: true}
	b.Reset()
	if err := e.WriteHTML(&b); err != nil || !strings.Contains(b.String(), "UNKNOWN") {
		t.Errorf("an exploration that was interrupted has no verdict: %v", err)
	}
}

// TestHistogram checks that every value is in one bar, the largest in the last one.
func TestHistogram(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   []int
	}{
		{[]float64{0, 1, 2, 3, 4}, []int{1, 1, 1, 2}},
		{[]float64{5, 5, 5}, []int{3}},
		{[]float64{-1, -1, 7}, []int{2, 0, 0, 1}},
		{[]float64{0, math.SmallestNonzeroFloat64}, []int{1, 0, 0, 1}},
	} {
		got := bins(c.values, 4)
		if len(got) != len(c.want) {
			t.Errorf("%v: bins %v, expected %v", c.values, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%v: bins %v, expected %v", c.values, got, c.want)
			}
		}
	}
	svg := string(Spread{Name: "x", Values: []float64{1, 1, 1, 1, 2, 3, 30}}.histogram())
	total := 0
	for _, m := range regexp.MustCompile(`<title>(\d+) of 7 runs`).FindAllStringSubmatch(svg, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	if total != 7 {
		t.Errorf("the bars stand for %d values, expected 7\n%s", total, svg)
	}
}
