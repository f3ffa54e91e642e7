package cli

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/term"

	"glomers/checkers"
	"glomers/checkers/history"
	"glomers/internal/verdict"
)

// speaksUnicode reports whether the locale allows characters beyond ASCII. Windows has no
// variables for the locale, but its terminals show such characters.
func speaksUnicode() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := os.Getenv(name); value != "" {
			value = strings.ToLower(value)
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return runtime.GOOS == "windows"
}

// size returns the columns and lines of a terminal. Where they are unknown it assumes the
// smallest usual size.
func (t *terminal) size() (columns, lines int) {
	if t.columns > 0 {
		return t.columns, t.lines
	}
	if t.file != nil {
		if columns, lines, err := term.GetSize(int(t.file.Fd())); err == nil && columns > 0 && lines > 0 {
			return columns, lines
		}
	}
	return 80, 24
}

var sparks = []rune("▁▂▃▄▅▆▇█")

// spark draws values that are at least 0 as small bars, on a logarithmic scale from
// the least to the most; a negative one is a gap.
func spark(values []float64) string {
	low, high := math.Inf(1), 0.0
	for _, v := range values {
		if v >= 0 {
			low, high = min(low, v), max(high, v)
		}
	}
	low = max(low, high/1e6)
	var b strings.Builder
	for _, v := range values {
		switch {
		case v < 0:
			b.WriteRune(' ')
		case v <= low || high <= low:
			b.WriteRune(sparks[0])
		default:
			b.WriteRune(sparks[int(math.Round(float64(len(sparks)-1)*math.Log(v/low)/math.Log(high/low)))])
		}
	}
	return b.String()
}

// course is the latency over the time of a run, in slices of equal length.
type course struct {
	slice    time.Duration
	slowest  []float64 // ms, of the operations that succeeded in each slice; negative for none
	faulty   []bool    // whether a fault was in force during some part of each slice
	low      float64   // the lowest of slowest, ms
	high     float64   // the highest of slowest, ms
	disturbs bool      // a fault was ever in force
}

// courseOf divides a history into the given number of slices. It returns nil if nothing
// succeeded.
func courseOf(h *history.History, slices int) *course {
	var end time.Duration
	for i := range h.Ops {
		end = max(end, h.Ops[i].Time)
	}
	c := &course{slice: end/time.Duration(slices) + 1, slowest: make([]float64, slices), faulty: make([]bool, slices), low: math.Inf(1), high: -1}
	for i := range c.slowest {
		c.slowest[i] = -1
	}
	for _, f := range h.Faults() {
		c.disturbs = true
		to := end
		if f.Stop != nil {
			to = f.Stop.Time
		}
		for i := f.Starts[0].Time / c.slice; i <= to/c.slice; i++ {
			c.faulty[i] = true
		}
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		begin := h.Invocation(op)
		if op.Type != history.OK || begin == nil {
			continue
		}
		at := int(op.Time / c.slice)
		ms := max((op.Time-begin.Time).Seconds()*1000, 0)
		c.slowest[at] = max(c.slowest[at], ms)
	}
	for _, v := range c.slowest {
		if v >= 0 {
			c.low, c.high = min(c.low, v), max(c.high, v)
		}
	}
	if c.high < 0 {
		return nil
	}
	return c
}

// courseRows returns the rows that draw the course of a run; none on a terminal that
// cannot show them.
func (t *terminal) courseRows(h *history.History) []verdict.Row {
	columns, _ := t.size()
	if !t.tty || !t.unicode || h == nil || columns < 80 {
		return nil
	}
	c := courseOf(h, min(40, columns-70))
	if c == nil || c.low == c.high { // nothing to see
		return nil
	}
	text := func(ms float64) string { return checkers.Figure(math.Round(ms*100) / 100) }
	rows := []verdict.Row{{Name: "slowest over time", Value: spark(c.slowest), Limit: fmt.Sprintf("%s to %s ms in slices of %.1f s", text(c.low), text(c.high), c.slice.Seconds()), State: verdict.Figure}}
	if c.disturbs {
		var b strings.Builder
		for _, faulty := range c.faulty {
			b.WriteRune(map[bool]rune{false: '·', true: '━'}[faulty])
		}
		rows = append(rows, verdict.Row{Name: "faults in force", Value: b.String(), State: verdict.Figure})
	}
	return rows
}

// fitting joins parts, leaving out each one that no longer fits into the columns.
func fitting(columns int, parts ...string) string {
	text := ""
	for _, part := range parts {
		switch {
		case part == "":
		case text == "":
			text = part
		case len([]rune(text))+2+len([]rune(part)) <= columns:
			text += "  " + part
		}
	}
	return text
}
