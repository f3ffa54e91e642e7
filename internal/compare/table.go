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
	Failure       string // what was wrong with the first run that failed
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
	if len(s) > 1 && (s[1] == ' ' || s[1] >= 'a' && s[1] <= 'z') {
		return strings.ToLower(s[:1]) + s[1:]
	}
	return s
}

// RoundBound returns what news that travels in rounds costs at least: messages per
// operation, and the maximum stable latency in milliseconds, for rounds from two
// seconds down to a millisecond, with n nodes, rate operations a second of which half
// are broadcasts, and messages that take latencyMS.
//
// In a round of T seconds, everybody hears all that is new: every node that has
// news sends it to one place, and from there all others hear what they lack. With
// λ broadcasts a second, evenly spread, that is (n−1)(1−e^(−λT/n)) messages there and
// (n−1)(1−e^(−λT(n−1)/n)) from there: 2(n−1) when rounds are long, and n−1 for each
// value when they are short. A value waits for a round at most, and then takes two hops. Of
// the second one a client notices nothing in the best case, because its read waits
// behind the message that is on its way to the same node.
func RoundBound(n int, rate, latencyMS float64) [][2]float64 {
	var points [][2]float64
	others, values := float64(n-1), rate/2
	for round := 2000.0; round >= 1; round *= 0.9 {
		perNode := values / float64(n) * round / 1000 // how many values a node has in a round
		messages := others*-math.Expm1(-perNode) + others*-math.Expm1(-perNode*others)
		points = append(points, [2]float64{messages / (round / 1000 * rate), round + latencyMS})
	}
	return points
}
