package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"glomers/checkers"
	"glomers/checkers/history"
	"glomers/internal/runner"
	"glomers/internal/verdict"
)

func TestSpark(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{1, 10, 100, -1, 1}, "▁▅█ ▁"},
		{[]float64{3, 3, 3}, "▁▁▁"},
		{[]float64{0, 5}, "▁█"},
		{[]float64{0, 0}, "▁▁"},
		{[]float64{-1, -1}, "  "},
		{nil, ""},
	} {
		if got := spark(c.values); got != c.want {
			t.Errorf("%v is drawn as %q, expected %q", c.values, got, c.want)
		}
	}
}

// slowInTheMiddle is a history of ten seconds in which operations take 1 ms, and 100 ms
// during the partition between 4 s and 6 s.
func slowInTheMiddle(t *testing.T) *history.History {
	t.Helper()
	var ops []history.Op
	add := func(at time.Duration, process int, typ history.Type, f string) {
		ops = append(ops, history.Op{Index: len(ops), Time: at, Process: process, Type: typ, F: f})
	}
	for second := range 10 {
		at, takes := time.Duration(second)*time.Second, time.Millisecond
		if second == 4 {
			add(at, history.Nemesis, history.Info, "start-partition")
		}
		if second == 6 {
			add(at, history.Nemesis, history.Info, "stop-partition")
		}
		if second == 4 || second == 5 {
			takes = 100 * time.Millisecond
		}
		add(at+500*time.Millisecond, 0, history.Invoke, "read")
		add(at+500*time.Millisecond+takes, 0, history.OK, "read")
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// TestCourse: the course of a run shows where it was slow, and when a fault was in
// force, on a terminal that can show it and nowhere else.
func TestCourse(t *testing.T) {
	h := slowInTheMiddle(t)
	c := courseOf(h, 10)
	if got := spark(c.slowest); got != "▁▁▁▁██▁▁▁▁" {
		t.Errorf("the latency is drawn as %q", got)
	}
	if got, want := fmt.Sprint(c.faulty), "[false false false false true true true false false false]"; got != want {
		t.Errorf("faults in the slices are %s, expected %s", got, want)
	}
	if rows := (&terminal{tty: true, unicode: true, columns: 120, lines: 40}).courseRows(h); len(rows) != 2 {
		t.Errorf("a terminal shows %d rows of the course, expected 2: %v", len(rows), rows)
	}
	for name, term := range map[string]*terminal{
		"a file": {columns: 120, lines: 40}, "ASCII": {tty: true, columns: 120, lines: 40}, "a narrow terminal": {tty: true, unicode: true, columns: 60, lines: 40},
	} {
		if rows := term.courseRows(h); rows != nil {
			t.Errorf("%s shows the course of a run: %v", name, rows)
		}
	}
	empty, err := history.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if courseOf(empty, 10) != nil {
		t.Error("a history without operations has a course")
	}
}

// TestProgressLine: the line fits the terminal, and leaves out first what matters
// least.
func TestProgressLine(t *testing.T) {
	r := runner.Progress{Phase: runner.Running, Elapsed: 3 * time.Second, Invoked: 300, OK: 290, Fail: 4, Rate: 99.7, Latency: 1234 * time.Microsecond, Faults: "partition: 8 of 20 links cut"}
	p := newProgress(&terminal{tty: true, unicode: true})
	p.line(r, 200)
	if got, want := p.line(r, 200), "running   3.0s  300 ops, 290 ok  4 failed  partition: 8 of 20 links cut  100/s  1.23 ms  ▁▁"; got != want {
		t.Errorf("the line is %q, expected %q", got, want)
	}
	for columns := 32; columns < 120; columns++ {
		if got := p.line(r, columns); len([]rune(got)) > columns {
			t.Errorf("in %d columns the line has %d: %q", columns, len([]rune(got)), got)
		}
	}
	if got := newProgress(&terminal{tty: true}).line(r, 200); strings.ContainsFunc(got, func(r rune) bool { return r > '~' }) {
		t.Errorf("without Unicode the line is %q", got)
	}
}

// TestFindingsFit: on a terminal the findings leave room for the verdict; a file gets
// all of them.
func TestFindingsFit(t *testing.T) {
	r := &report{Verdict: &verdict.Verdict{Outcome: verdict.Fail, Results: &checkers.Results{}}, dir: "store/x"}
	for i := range 12 {
		r.Findings = append(r.Findings, verdict.Finding{Kind: fmt.Sprintf("kind-%d", i), Summary: "it is wrong", Details: []string{"a\nb", "c", "d", "e"}})
	}
	print := func(term *terminal) (string, int) {
		var out bytes.Buffer
		term.w = &out
		(&app{out: term}).printFindings(r, 6)
		return out.String(), strings.Count(out.String(), "\n")
	}
	if text, lines := print(&terminal{}); lines != 12*7 || !strings.Contains(text, "kind-11: it is wrong") {
		t.Errorf("a file gets %d lines, expected all 84", lines)
	}
	for _, height := range []int{24, 40, 60} {
		text, lines := print(&terminal{tty: true, columns: 80, lines: height})
		if most := max(height-6-around, 7) + 2; lines > most {
			t.Errorf("a terminal of %d lines gets %d, expected at most %d", height, lines, most)
		}
		if !strings.Contains(text, "kind-0: it is wrong\n    a\n    b\n") || !strings.Contains(text, "kind-11") || !strings.Contains(text, "glomers report store/x") {
			t.Errorf("a terminal of %d lines lacks the first finding, the names of the others, or where they are:\n%s", height, text)
		}
	}
}

func TestSpeaksUnicode(t *testing.T) {
	for _, c := range []struct {
		all, lang string
		want      bool
	}{{"", "C.UTF-8", true}, {"", "en_US.utf8", true}, {"C", "en_US.UTF-8", false}, {"", "C", false}} {
		t.Setenv("LC_ALL", c.all)
		t.Setenv("LC_CTYPE", "")
		t.Setenv("LANG", c.lang)
		if got := speaksUnicode(); got != c.want {
			t.Errorf("LC_ALL=%s LANG=%s: Unicode is %v, expected %v", c.all, c.lang, got, c.want)
		}
	}
}
