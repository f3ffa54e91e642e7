package compare_test

import (
	"math"
	"testing"

	"glomers/internal/compare"
)

func TestMarkdown(t *testing.T) {
	rows := []compare.Row{
		{Design: compare.Design{Name: compare.Reference, Title: "A star with one hub", Lines: 80}, MsgsPerOp: 23.571, Median: 186, P99: 199.4, Max: 200, Availability: 1,
			Official: compare.Trial{Seeds: 1, Passed: 1}, Partition: compare.Trial{Seeds: 1, Passed: 1}, Hard: compare.Trial{Seeds: 3, Passed: 2, Failure: "lost"}},
		{Design: compare.Design{Name: "uuid", Title: "UUID, version 4", Lines: 20}, Median: 0.05, P99: 0.05, Max: math.NaN(), Availability: 0.98764,
			Official: compare.Trial{Seeds: 1, Failure: "availability"}},
	}
	want := `| design | messages an operation | median stable latency | 99 % | maximum | availability | passes | survives partitions | survives hard mode | lines |
|---|---|---|---|---|---|---|---|---|---|
| [reference](main.go): a star with one hub | 23.6 | 186 ms | 199 ms | 200 ms | 1 | yes | yes | 2 of 3: lost | 80 |
| [uuid](alternatives/uuid/main.go): UUID, version 4 | 0 | 0.05 ms | 0.05 ms | – | 0.9876 | no: availability | – | – | 20 |
`
	if got := compare.Markdown(rows, "stable latency"); got != want {
		t.Errorf("got\n%s\nexpected\n%s", got, want)
	}
}

// TestRoundBound checks the ends of the bound, which can be worked out by hand, for
// 25 nodes and 100 operations a second: 48 messages in a long round, 24 for
// each value, 12 for each operation, when rounds are too short to share messages.
func TestRoundBound(t *testing.T) {
	points := compare.RoundBound(25, 100, 100)
	for i, p := range points {
		if i > 0 && (p[0] <= points[i-1][0] || p[1] >= points[i-1][1]) {
			t.Errorf("point %d: more messages must buy less latency", i)
		}
	}
	long, short := points[0], points[len(points)-1]
	if got := long[0] * 2 * 100; math.Abs(got-48) > 0.5 || long[1] != 2100 {
		t.Errorf("%g messages in a round of 2 s, and at most %g ms, expected 48 and 2100", got, long[1])
	}
	if math.Abs(short[0]-12) > 0.5 || math.Abs(short[1]-101) > 0.2 {
		t.Errorf("%g messages an operation in the shortest rounds, and at most %g ms, expected 12 and 101", short[0], short[1])
	}
	if len(points) < 20 {
		t.Errorf("%d points are too few to draw", len(points))
	}
}
