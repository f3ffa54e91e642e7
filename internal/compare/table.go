package compare

import (
	"fmt"
	"math"
	"strings"
)

// Row is what was measured of a design.
type Row struct {
	Design       Design
	MsgsPerOp    float64 // between servers
	Median, P99, // latencies in milliseconds, see Latency
	Max float64
	Availability float64
	Official     Trial // the challenge's own options
	Partition    Trial // the same under partitions, strictly, without limits
	Hard         Trial // the stage's hard mode
}

// Trial is how some runs of a design went.
type Trial struct {
	Seeds, Passed int
	Failure       string // the kind of the first failure
}

func (t Trial) String() string {
	switch {
	case t.Seeds == 0:
		return "–"
	case t.Passed == t.Seeds:
		return "yes"
	case t.Passed == 0:
		return "no: " + t.Failure
	}
	return fmt.Sprintf("%d of %d: %s", t.Passed, t.Seeds, t.Failure)
}

// Header names the columns of Cells. Latency says whose latency it is, such as
// "stable latency".
func Header(latency string) []string {
	return []string{"design", "messages an operation", "median " + latency, "99 %", "maximum", "availability", "passes", "survives partitions", "survives hard mode", "lines"}
}

// Cells are the row as text, in the order of Header.
func (r Row) Cells() []string {
	return []string{
		r.Design.Name, figure(r.MsgsPerOp), milliseconds(r.Median), milliseconds(r.P99), milliseconds(r.Max), fmt.Sprintf("%.4g", r.Availability),
		r.Official.String(), r.Partition.String(), r.Hard.String(), fmt.Sprint(r.Design.Lines),
	}
}

func figure(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return fmt.Sprintf("%.3g", v)
}

func milliseconds(v float64) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case v >= 10:
		return fmt.Sprintf("%.0f ms", v)
	}
	return fmt.Sprintf("%.2g ms", v)
}

// Markdown returns the rows as a table in which each design is a link to its code
// and has its title.
func Markdown(rows []Row, latency string) string {
	var b strings.Builder
	header := Header(latency)
	fmt.Fprintf(&b, "| %s |\n|%s\n", strings.Join(header, " | "), strings.Repeat("---|", len(header)))
	for _, r := range rows {
		cells := r.Cells()
		link := "main.go"
		if r.Design.Name != Reference {
			link = "alternatives/" + r.Design.Name + "/main.go"
		}
		cells[0] = fmt.Sprintf("[%s](%s): %s", r.Design.Name, link, lowerFirst(r.Design.Title))
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	return b.String()
}

// lowerFirst makes a sentence fit behind a colon, unless it begins with an
// abbreviation or a name of more than one capital.
func lowerFirst(s string) string {
	if len(s) > 1 && s[1] >= 'a' && s[1] <= 'z' {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// RoundBound returns the fewest messages per operation, and the median latency in
// milliseconds, of designs in which all n nodes tell each other all that is new
// once per round, for rounds from 20 ms to 2 s. A round in which everybody learns
// everything takes at least 2(n−1) one-way messages: n−1 to bring all news to one
// place, and as many to take it from there. A value waits half a round on average,
// and then takes two hops.
func RoundBound(n int, rate, latencyMS float64) [][2]float64 {
	var points [][2]float64
	for round := 2000.0; round >= 20; round *= 0.9 {
		points = append(points, [2]float64{2 * float64(n-1) / (round / 1000 * rate), round/2 + 2*latencyMS})
	}
	return points
}
