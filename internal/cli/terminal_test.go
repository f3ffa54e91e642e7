package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/jedib0t/go-pretty/v6/table"

	"glomers/internal/runner"
	"glomers/internal/trial"
)

// Whatever a node prints, a terminal does not obey it.
func TestNothingRawReachesTheTerminal(t *testing.T) {
	const evil = "\x1b]0;owned\a\x1b[2J\r\u202e"
	var out bytes.Buffer
	term := &terminal{w: &out, color: true}
	term.printf("%s %v %s %s", evil, errors.New(evil), []byte(evil), term.bad(evil))
	if bytes.ContainsAny(out.Bytes(), "\a\r\u202e") {
		t.Errorf("control characters reach the terminal: %q", out.String())
	}
	if n := bytes.Count(out.Bytes(), []byte("\x1b")); n != 2 { // our own red, and its end
		t.Errorf("%d escape sequences reach the terminal, expected our own two: %q", n, out.String())
	}
	out.Reset()
	term.printf("%s\n", "two\r\nlines\tand a tab, é 界")
	if want := "two\nlines\tand a tab, é 界\n"; out.String() != want {
		t.Errorf("printed %q, expected %q", out.String(), want)
	}
}

// A storm of messages is why a run takes long: the progress says so, and does not
// fill a log with it.
func TestProgressOfAStorm(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&terminal{w: &out})
	for i := range int64(100) {
		p.update(runner.Progress{Phase: runner.Running, Invoked: 10, Messages: 300 * i})
	}
	want := "running\n1020 messages between servers an operation so far\n2040 messages between servers an operation so far\n"
	if out.String() != want {
		t.Errorf("printed %q, expected %q", out.String(), want)
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{17980: "17980", 999.96: "1000", 23.574: "23.57", 0: "0", 0.00001234: "0.000012", 0.05: "0.05", 1e7: "10000000"} {
		if got := number(v); got != want {
			t.Errorf("%v is printed as %s, expected %s", v, got, want)
		}
	}
	if got := count(1, "kind") + ", " + count(2, "kind"); got != "1 kind, 2 kinds" {
		t.Error(got)
	}
}

func TestNearest(t *testing.T) {
	choices := []string{"latency", "latency-dist", "rate", "nemesis", "nemesis-interval", "json", "seed"}
	for word, want := range map[string]string{"latncy": "latency", "ratee": "rate", "nemsis": "nemesis", "lat": "latency", "jsno": "json", "sede": "seed", "frobnicate": "", "x": ""} {
		if got := nearest(word, choices); got != want {
			t.Errorf("%q is taken for %q, expected %q", word, got, want)
		}
	}
}

func TestRepeat(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  string
	}{
		{[]string{"test", "3c"}, "glomers test 3c --seed 7"},
		{[]string{"test", "3c", "--seed", "5", "--rate=3"}, "glomers test 3c --rate=3 --seed 7"},
		{[]string{"test", "3c", "--seed=5", "./my dir", "--", "--seed", "9"}, "glomers test 3c './my dir' --seed 7 -- --seed 9"},
	} {
		if got := repeat(c.words, 7); got != c.want {
			t.Errorf("%q: %s, expected %s", c.words, got, c.want)
		}
	}
}

func TestShrunkNodes(t *testing.T) {
	words := []string{"shrink", "3c", "./my", "-n", "a", "-nb", "--nodes", "c,d", "--nodes-file=x", "--seed", "4", "--", "-n", "9"}
	got := shrunkWords(words, trial.Shrunk{Options: []trial.Option{{Name: "nodes", Value: "a,b"}}})
	if text, want := repeat(got, 7), "glomers test 3c ./my --nemesis '' --nodes a,b --seed 7 -- -n 9"; text != want {
		t.Errorf("the command is %s, expected %s", text, want)
	}
}

// What a table holds is as harmless as what printf is given.
func TestNothingRawInTables(t *testing.T) {
	var out bytes.Buffer
	term := &terminal{w: &out, color: true}
	w := term.newTable()
	w.AppendHeader(table.Row{"a\x1b[2J"})
	w.AppendRow(table.Row{"b\x1b]0;owned\a"})
	w.AppendRow(table.Row{term.good("c")})
	w.Render()
	if n := bytes.Count(out.Bytes(), []byte("\x1b")); n != 2 || bytes.ContainsAny(out.Bytes(), "\a") {
		t.Errorf("%d escape sequences reach the terminal, expected our own two: %q", n, out.String())
	}
}

func TestInterrupted(t *testing.T) {
	var out bytes.Buffer
	a := &app{err: &terminal{w: &out}}
	if code := a.report(fmt.Errorf("measure a: %w", context.Canceled)); code != exitError || out.String() != "error: interrupted\n" {
		t.Errorf("exit code %d after %q", code, out.String())
	}
}

// TestTargetName checks how messages name what is tested.
func TestTargetName(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for given, want := range map[string]string{".": ".", "mine": "./mine", filepath.Join(dir, "mine"): "./mine", "../other": "../other"} {
		if got := fmt.Sprint(target{dir: given}); got != want {
			t.Errorf("%s is named %s, expected %s", given, got, want)
		}
	}
}
