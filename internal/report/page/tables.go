package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"maps"
	"math"
	"slices"
	"time"

	"glomers/checkers"
)

// page is the document without its data and its script.
var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"mark": func(state string) string {
		return map[string]string{"good": "✓", "bad": "✗", "unknown": "?"}[state]
	},
	"number":  func(n int) string { return grouped(n) },
	"figure":  checkers.Figure,
	"cycle":   drawCycle,
	"add":     func(a, b int) int { return a + b },
	"percent": func(ok, all int) string { return checkers.Figure(100*float64(ok)/float64(max(1, all))) + " %" },
}).Parse(pageHTML))

// grouped writes a number with a space between its thousands.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// count is the statistics of a kind of operation.
type count struct {
	Function                 string
	Count, OK, Fail, Info    int
	State                    string
	Min, Median, P95, P99, M string // latencies in milliseconds; empty if none succeeded
}

func counts(r *checkers.Results) []count {
	var out []count
	for _, f := range slices.Sorted(maps.Keys(r.Stats.ByF)) {
		s := r.Stats.ByF[f]
		c := count{Function: f, Count: s.Count, OK: s.OKCount, Fail: s.FailCount, Info: s.InfoCount}
		c.State = map[checkers.Validity]string{checkers.Valid: "good", checkers.Invalid: "bad", checkers.Unknown: "unknown"}[s.Valid]
		if q, ok := r.Latency[f]; ok {
			c.Min, c.Median, c.P95, c.P99, c.M = inMS(q.Min), inMS(q.Median), inMS(q.P95), inMS(q.P99), inMS(q.Max)
		}
		out = append(out, c)
	}
	return out
}

func inMS(d time.Duration) string { return checkers.Figure(ms(d)) }

// matrix is who sent how many messages to whom, of which types.
type matrix struct {
	Names []string
	Rows  []matrixRow
}

type matrixRow struct {
	Name  string
	Cells []matrixCell
	Sum   int
}

type matrixCell struct {
	Count int
	Shade int    // 0 to 5, by the logarithm of the count
	Kinds string // the types with their counts
}

// mostShown bounds the rows of the matrix, and of the kinds named in a cell.
const (
	mostShown      = 60
	mostKindsShown = 6
)

// matrix returns the matrix, in which all clients share a row; nil if there are no
// messages.
func (m *messages) matrix() *matrix {
	lanes, most := map[int]bool{}, 1
	cells := map[[2]int]map[int]int{}
	for _, r := range slices.SortedFunc(maps.Keys(m.counts), route.compare) {
		lanes[r.src], lanes[r.dest] = true, true
		at := [2]int{r.src, r.dest}
		if cells[at] == nil {
			cells[at] = map[int]int{}
		}
		cells[at][r.kind] = m.counts[r]
	}
	for _, kinds := range cells { // unordered: a maximum
		sum := 0
		for _, n := range kinds { // unordered: a sum
			sum += n
		}
		most = max(most, sum)
	}
	if len(lanes) == 0 {
		return nil
	}
	ids := slices.Sorted(maps.Keys(lanes))
	name := func(lane int) string {
		if lane == clientLane {
			return "clients"
		}
		return m.nodes.list[lane]
	}
	if len(ids) > mostShown {
		ids = ids[:mostShown]
	}
	out := &matrix{}
	for _, src := range ids {
		out.Names = append(out.Names, name(src))
		row := matrixRow{Name: name(src)}
		for _, dest := range ids {
			c := m.cell(cells[[2]int{src, dest}])
			if c.Count > 0 {
				c.Shade = 1 + int(4*math.Log1p(float64(c.Count))/math.Log1p(float64(most)))
			}
			row.Sum += c.Count
			row.Cells = append(row.Cells, c)
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

// cell sums up the types of messages between two.
func (m *messages) cell(kinds map[int]int) (c matrixCell) {
	order := slices.SortedFunc(maps.Keys(kinds), func(a, b int) int {
		if kinds[a] != kinds[b] {
			return kinds[b] - kinds[a]
		}
		return a - b
	})
	for i, kind := range order {
		c.Count += kinds[kind]
		if i < mostKindsShown {
			c.Kinds += fmt.Sprintf("%s %d, ", m.kinds.list[kind], kinds[kind])
		}
	}
	if len(order) > mostKindsShown {
		c.Kinds += "…, "
	}
	if c.Kinds != "" {
		c.Kinds = c.Kinds[:len(c.Kinds)-2]
	}
	return c
}
