package report

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"slices"

	"glomers/checkers"
)

// Exploration is what many runs of a test with different seeds came to.
type Exploration struct {
	Title    string    `json:"title"`
	Command  string    `json:"command"`           // that explores again
	First    uint64    `json:"first"`             // seed
	Last     uint64    `json:"last"`              // seed
	Runs     int       `json:"runs"`              // that were judged: fewer than the seeds if it was interrupted
	Passed   int       `json:"passed"`            //
	Partial  bool      `json:"partial,omitempty"` // it was interrupted
	Failures []Failing `json:"failures"`          // by kind, most frequent first
	Figures  []Spread  `json:"figures"`
}

// Failing is a kind of failure.
type Failing struct {
	Kind    string `json:"kind"`
	Count   int    `json:"count"` // runs
	Seed    uint64 `json:"seed"`  // the smallest that shows it
	Details string `json:"details,omitempty"`
	Command string `json:"command"`          // that runs this seed and keeps the run
	Report  string `json:"report,omitempty"` // relative address of the report of that run, if there is one
}

// Spread is how a figure came out.
type Spread struct {
	Name   string    `json:"name"`
	Unit   string    `json:"unit,omitempty"`
	Values []float64 `json:"values"`          // ascending
	Limit  float64   `json:"limit,omitempty"` // that the stage sets; 0 for none
}

//go:embed explore.html
var exploreHTML string

//go:embed explore.css
var exploreCSS string

var explorePage = template.Must(template.New("explore").Funcs(template.FuncMap{
	"histogram": func(s Spread) template.HTML { return template.HTML(s.histogram()) },
	"figure":    checkers.Figure,
	"quantile":  func(s Spread, p float64) string { return checkers.Figure(checkers.Quantile(s.Values, p)) },
}).Parse(exploreHTML))

// ExplorationPolicy is the Content-Security-Policy of the page of an exploration: its
// own style sheet, and nothing else. The page has it in its head; a server can send it
// as well.
func ExplorationPolicy() string {
	sum := sha256.Sum256([]byte(exploreCSS))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// WriteHTML writes a page of its own, which needs no scripts and no network.
func (e *Exploration) WriteHTML(w io.Writer) error {
	return explorePage.Execute(w, struct {
		*Exploration
		Failed int
		Policy string
		Style  template.CSS
	}{e, e.Runs - e.Passed, ExplorationPolicy(), template.CSS(exploreCSS)})
}

// The sizes of a histogram.
const (
	histogramWidth  = 360.0
	histogramHeight = 96.0
	mostBins        = 24
)

// bins counts values in ascending order in intervals of equal length from the least
// to the most. A single value has one bin.
func bins(values []float64, n int) []int {
	low, high := values[0], values[len(values)-1]
	if low == high {
		return []int{len(values)}
	}
	counts := make([]int, n)
	for _, v := range values {
		counts[min(int(float64(n)*(v-low)/(high-low)), n-1)]++
	}
	return counts
}

// histogram draws the distribution, with the stage's limit if that is near. What it
// shows is also in the table beside it.
func (s Spread) histogram() []byte {
	values := slices.DeleteFunc(slices.Clone(s.Values), func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
	if len(values) == 0 {
		return nil
	}
	low, high := values[0], values[len(values)-1]
	counts := bins(values, min(max(int(2*math.Sqrt(float64(len(values)))), 6), mostBins)) // few values need wide bars
	most := slices.Max(counts)
	var c canvas
	x := func(v float64) float64 {
		if low == high {
			return histogramWidth / 2
		}
		return histogramWidth * (v - low) / (high - low)
	}
	c.add(`<svg class="histogram" viewBox="0 -6 %.0f %.0f" role="img" aria-label="%s">`, histogramWidth, histogramHeight+24,
		escape(fmt.Sprintf("distribution of %s over %d runs, from %s to %s", s.Name, len(values), checkers.Figure(low), checkers.Figure(high))))
	wide := histogramWidth / float64(len(counts))
	from, bar := 0.0, wide
	if len(counts) == 1 {
		bar = histogramWidth / mostBins
		from = (histogramWidth - bar) / 2
	}
	for i, n := range counts {
		if n == 0 {
			continue
		}
		height := max(histogramHeight*float64(n)/float64(most), 2)
		step := (high - low) / float64(len(counts))
		c.add(`<rect class="bar" x="%.1f" y="%.1f" width="%.1f" height="%.1f"><title>%s</title></rect>`, from+float64(i)*wide+0.5, histogramHeight-height, max(bar-1, 1), height,
			escape(fmt.Sprintf("%d of %d runs: %s to %s %s", n, len(values), checkers.Figure(low+float64(i)*step), checkers.Figure(low+float64(i+1)*step), s.Unit)))
	}
	c.add(`<path class="axis" d="M0 %.1fH%.0f"/>`, histogramHeight+.5, histogramWidth)
	if s.Limit > low && s.Limit < high {
		c.add(`<path class="limit" d="M%.1f -6V%.0f"/><text class="limit-text" x="%.1f" y="4">limit %s</text>`, x(s.Limit), histogramHeight, min(x(s.Limit)+4, histogramWidth-60), escape(checkers.Figure(s.Limit)))
	}
	if low == high {
		c.add(`<text class="middle" x="%.0f" y="%.0f">%s</text></svg>`, histogramWidth/2, histogramHeight+15, escape(checkers.Figure(low)))
		return c.Bytes()
	}
	c.add(`<text x="0" y="%.0f">%s</text><text class="end" x="%.0f" y="%.0f">%s</text></svg>`, histogramHeight+15, escape(checkers.Figure(low)), histogramWidth, histogramHeight+15, escape(checkers.Figure(high)))
	return c.Bytes()
}
