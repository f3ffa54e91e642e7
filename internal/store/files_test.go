package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"glomers/checkers"
	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/jepsen"
)

// read returns the text of a file.
func read(t *testing.T, elements ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, text string, elements ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(elements...), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestFiles: the files of a run are what the package says they are.
func TestFiles(t *testing.T) {
	root := t.TempDir()
	r := create(t, root)
	record(r)
	fmt.Fprintln(r.LogWriter(), "the run goes on")
	if r.Operations() != 2 {
		t.Errorf("the run has %d records, expected 2", r.Operations())
	}
	r.Note("one cut 2 of 2 links")
	r.Note("another cut nothing")
	r.Warn("n1 stopped answering")
	for node, path := range map[string]string{"n0": "/tmp/a/b.txt", "n1": "c.txt"} {
		w, err := r.NodeFile(node, path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprint(w, "of "+node)
		w.Close()
	}
	if _, err := r.Finish(Complete, ""); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		HistoryEDN:                         "{:index 0, :time 1, :type :invoke, :process 0, :f :echo, :value \"hi\"}\n{:index 1, :time 2, :type :ok, :process 0, :f :echo, :value \"hi\"}\n",
		HistoryText:                        "0\t:invoke\t:echo\t\"hi\"\n0\t:ok\t:echo\t\"hi\"\n",
		RunLog:                             "the run goes on\n",
		NodeLogs + "/n0.files/tmp/a/b.txt": "of n0",
		NodeLogs + "/n1.files/c.txt":       "of n1",
	} {
		if got := read(t, r.Dir, name); got != want {
			t.Errorf("%s is\n%sexpected\n%s", name, got, want)
		}
	}
	for _, name := range []string{TestJSON, EndJSON} {
		if text := read(t, r.Dir, name); !strings.HasPrefix(text, "{\n  \"") || !strings.HasSuffix(text, "\n}\n") {
			t.Errorf("%s is not indented:\n%s", name, text)
		}
	}
	recorded, err := Open(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	end, err := recorded.End()
	if err != nil || !slices.Equal(end.Notes, []string{"one cut 2 of 2 links", "another cut nothing"}) || !slices.Equal(end.Warnings, []string{"n1 stopped answering"}) {
		t.Errorf("the end record is %+v, %v", end, err)
	}
	h, err := ReadHistory(filepath.Join(r.Dir, HistoryEDN), nil)
	if err != nil || len(h.Ops) != 2 {
		t.Errorf("the history is read as %v, %v", h, err)
	}
}

// TestLinks: latest is the newest run of all, and of the workload.
func TestLinks(t *testing.T) {
	root := t.TempDir()
	create(t, root)
	newest := create(t, root)
	for _, link := range []string{filepath.Join(root, "latest"), filepath.Join(root, "echo", "latest")} {
		target, err := os.Readlink(link)
		if err != nil && runtime.GOOS == "windows" {
			t.Skip("links cannot be made here: ", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(link), target)
		}
		if target != newest.Dir {
			t.Errorf("%s points to %s, expected %s", link, target, newest.Dir)
		}
	}
}

// TestCannotCreate: a store that cannot be made is an error that names it.
func TestCannotCreate(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	write(t, "a file", root)
	if _, err := Create(root, echoTest()); err == nil || !strings.Contains(err.Error(), root) {
		t.Errorf("creating a run below a file is the error %v", err)
	}
	if _, err := NewExploration(root, start); err == nil || !strings.Contains(err.Error(), root) {
		t.Errorf("creating an exploration below a file is the error %v", err)
	}
	if _, err := AddHardMode(root, "3d", "a", nil); err == nil || !strings.Contains(err.Error(), root) {
		t.Errorf("adding seeds below a file is the error %v", err)
	}
	if WriteHints(root, nil) == nil || WritePass(root, Pass{}) == nil || WriteResults(root, &checkers.Results{}, nil) == nil {
		t.Error("files can be written below a file")
	}
}

func TestExplorations(t *testing.T) {
	root := t.TempDir()
	var dirs []string
	for range 2 {
		dir, err := NewExploration(root, start)
		if err != nil {
			t.Fatal(err)
		}
		dirs = append(dirs, dir)
	}
	want := []string{
		filepath.Join(root, Explorations, "20260102T030405.000+0000"),
		filepath.Join(root, Explorations, "20260102T030405.001+0000"),
	}
	if !slices.Equal(dirs, want) {
		t.Errorf("two explorations of one millisecond are in %v, expected %v", dirs, want)
	}
}

// TestIncomplete: how many records could be read, against how many there were.
func TestIncomplete(t *testing.T) {
	for _, c := range []struct {
		end        string // empty for none
		operations int
		events     int64 // -1 without a journal
		want       string
	}{
		{`{"ended": "complete", "operations": 2, "events": 3}`, 2, 3, ""},
		{`{"ended": "complete", "operations": 2, "events": 3}`, 2, 0, "journal.txt has 0 of the 3 events that were written"},
		{`{"ended": "complete", "operations": 2, "events": 3}`, 2, 4, "journal.txt has 4 of the 3 events that were written"},
		{`{"ended": "complete", "operations": 2, "events": 3}`, 2, -1, "journal.txt is missing, which had 3 events"},
		{`{"ended": "complete", "operations": 2, "events": 0}`, 2, -1, ""},
		{`{"ended": "complete", "operations": 2, "events": 0}`, 2, 0, ""},
		{`{"ended": "complete", "operations": 2}`, 1, 0, "the history has 1 of the 2 records that were written"},
		{`{"ended": "interrupted", "operations": 2}`, 2, 0, "the run was interrupted"},
		{`{"ended": "aborted", "reason": "disk full"}`, 2, 0, "the run ended early: disk full"},
		{``, 2, 3, "the run has no end record: the command was killed, or is still running"},
	} {
		r := &Recorded{Dir: t.TempDir(), Test: echoTest()}
		if c.end != "" {
			write(t, c.end, r.Dir, EndJSON)
		}
		if got, err := r.Incomplete(c.operations, c.events); got != c.want || err != nil {
			t.Errorf("%s with %d operations and %d events: %q, %v; expected %q", c.end, c.operations, c.events, got, err, c.want)
		}
	}
	r := &Recorded{Dir: t.TempDir(), Test: echoTest()}
	write(t, "{", r.Dir, EndJSON)
	if _, err := r.Incomplete(0, 0); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged end record is the error %v", err)
	}
}

// TestWhoseRun: without test.json, other files tell a run of glomers, which must say that it
// came to its end, from one of the real Maelstrom, which is only kept if it did.
func TestWhoseRun(t *testing.T) {
	const unended, unknown = "the run has no end record", "nothing says whether the run came to its end"
	for _, c := range []struct {
		files []string
		want  string // the beginning; empty for a whole run
	}{
		{nil, unknown},
		{[]string{HistoryText, Journal}, unknown},
		{[]string{jepsen.LogFile}, ""},
		{[]string{jepsen.TestFile}, ""},
		{[]string{ResultsEDN}, ""},
		{[]string{RunLog}, unended},
		{[]string{RunLog, ResultsEDN}, unended},
		{[]string{EndJSON, RunLog}, ""},
		{[]string{EndJSON}, ""},
	} {
		r := &Recorded{Dir: t.TempDir()}
		write(t, "", r.Dir, HistoryEDN)
		for _, name := range c.files {
			write(t, `{"ended": "complete"}`, r.Dir, name)
		}
		got, err := r.Incomplete(0, 0)
		if err != nil || !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("with %v: %q, %v; expected %q", c.files, got, err, c.want)
		}
	}
}

const maelstroms = "../../testdata/stores/broadcast/3b"

// TestForeignRun: of a run of the real Maelstrom, options, history and messages are read.
// Its history must be whole, its journal may be cut.
func TestForeignRun(t *testing.T) {
	r, err := Open(maelstroms)
	if err != nil || r.Test != nil {
		t.Fatalf("opened as a run of %+v, %v", r.Test, err)
	}
	o, err := r.ForeignOptions()
	if err != nil || o == nil || o.Workload != "broadcast" {
		t.Errorf("the options are %+v, %v", o, err)
	}
	if h, cut, err := r.History(nil); err != nil || cut != nil || len(h.Ops) < 100 {
		t.Errorf("the history is cut %v, or the error %v", cut, err)
	}
	whole := 0
	if exists, err := r.Messages(func(journal.Event) { whole++ }); err != nil || !exists || whole < 100 || r.CutJournal {
		t.Errorf("%d messages, a journal %v, cut %v, %v", whole, exists, r.CutJournal, err)
	}

	names, err := filepath.Glob(filepath.Join(maelstroms, "net-journal", "*"))
	if err != nil || len(names) == 0 {
		t.Fatal("no journal")
	}
	name := names[len(names)-1]
	text := read(t, name)
	cut := &Recorded{Dir: t.TempDir()}
	if exists, err := cut.Messages(nil); err != nil || exists {
		t.Errorf("without a journal: %v, %v", exists, err)
	}
	if err := os.Mkdir(filepath.Join(cut.Dir, "net-journal"), 0o777); err != nil {
		t.Fatal(err)
	}
	write(t, text[:len(text)-3], cut.Dir, "net-journal", filepath.Base(name))
	some := 0
	if exists, err := cut.Messages(func(journal.Event) { some++ }); err != nil || !exists || some == 0 || some >= whole || !cut.CutJournal {
		t.Errorf("of a journal that is cut: %d of %d messages, cut %v, %v", some, whole, cut.CutJournal, err)
	}
	write(t, "\xff\xff not fressian", cut.Dir, "net-journal", filepath.Base(name))
	if _, err := cut.Messages(func(journal.Event) {}); err == nil || !strings.HasPrefix(err.Error(), cut.Dir) {
		t.Errorf("a damaged journal is the error %v", err)
	}
}

// TestHistories: a history may have several names. One that ends in the middle of an
// operation is read as far as it goes, if it is ours.
func TestHistories(t *testing.T) {
	const one = `{:index 0, :time 1, :type :invoke, :process 0, :f :echo, :value "hi"}` + "\n"
	for name, text := range map[string]string{HistoryEDN: one, "history.jsonl": `{"type": "invoke", "process": 0, "f": "echo", "value": "hi"}` + "\n"} {
		dir := t.TempDir()
		write(t, text, dir, name)
		if h, cut, err := (&Recorded{Dir: dir}).History(nil); err != nil || cut != nil || len(h.Ops) != 1 {
			t.Errorf("%s is cut %v, or the error %v", name, cut, err)
		}
	}
	if _, _, err := (&Recorded{Dir: t.TempDir()}).History(nil); err == nil || !strings.Contains(err.Error(), "holds no history: expected history.edn, plain or compressed") {
		t.Errorf("a directory without a history is the error %v", err)
	}
	for _, c := range []struct {
		ours bool
		text string
		ops  int // -1 for an error
	}{{true, one + "{:index", 1}, {false, one + "{:index", -1}, {true, "{:index", -1}, {true, one + one, -1}} {
		r := &Recorded{Dir: t.TempDir()}
		if c.ours {
			r.Test = echoTest()
		}
		write(t, c.text, r.Dir, HistoryEDN)
		h, cut, err := r.History(nil)
		switch {
		case c.ops < 0 && (err == nil || !strings.HasPrefix(err.Error(), filepath.Join(r.Dir, HistoryEDN))):
			t.Errorf("%q is the error %v, expected one that names the file", c.text, err)
		case c.ops >= 0 && (err != nil || cut == nil || len(h.Ops) != c.ops):
			t.Errorf("%q is cut %v, or the error %v", c.text, cut, err)
		}
	}
}

// TestDamagedJournal: of a journal of ours that is cut the whole lines are read; one
// that is not a journal is an error that names the file.
func TestDamagedJournal(t *testing.T) {
	r := create(t, t.TempDir())
	record(r)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.Dir, Journal)
	text := read(t, path)
	for _, c := range []struct {
		text   string
		events int // -1 for an error
	}{{text, 3}, {text[:len(text)-3], 2}, {"this is no journal\n", -1}} {
		write(t, c.text, path)
		n := 0
		exists, err := (&Recorded{Dir: r.Dir}).Messages(func(journal.Event) { n++ })
		if !exists || c.events < 0 && (err == nil || !strings.HasPrefix(err.Error(), path)) || c.events >= 0 && (err != nil || n != c.events) {
			t.Errorf("%q has %d events, %v; expected %d", c.text, n, err, c.events)
		}
	}
}

// TestNotFiles: what should be a file and is none is an error, not a file that is missing.
func TestNotFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{TestJSON, EndJSON, Journal, HistoryEDN, HintsJSON, PassJSON, ResultsEDN, filepath.Join("hard-mode", "3d-a.json")} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	r := &Recorded{Dir: dir, Test: echoTest()}
	_, openErr := Open(dir)
	_, endErr := r.End()
	_, _, historyErr := r.History(nil)
	_, messagesErr := r.Messages(func(journal.Event) {})
	_, hintsErr := ReadHints(dir)
	_, hardErr := ReadHardMode(dir, "3d", "a")
	_, addErr := AddHardMode(dir, "3d", "a", map[uint64]bool{1: true})
	for what, err := range map[string]error{
		"opening": openErr, "the end record": endErr, "the history": historyErr, "the messages": messagesErr, "the hints": hintsErr,
		"the seeds": hardErr, "adding seeds": addErr, "a pass": WritePass(dir, Pass{}), "the results": WriteResults(dir, &checkers.Results{}, nil),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func TestHints(t *testing.T) {
	root := filepath.Join(t.TempDir(), "store")
	if given, err := ReadHints(root); err != nil || len(given) != 0 {
		t.Errorf("without a store, the hints given are %v, %v", given, err)
	}
	want := map[string]int{"3c": 2}
	if err := WriteHints(root, want); err != nil {
		t.Fatal(err)
	}
	if given, err := ReadHints(root); err != nil || !reflect.DeepEqual(given, want) {
		t.Errorf("the hints given are %v, %v, expected %v", given, err, want)
	}
	if text := read(t, root, HintsJSON); text != "{\n  \"3c\": 2\n}\n" {
		t.Errorf("%s is %s", HintsJSON, text)
	}
	for _, text := range []string{"", "null", `{"3c": "two"}`} {
		write(t, text, root, HintsJSON)
		if _, err := ReadHints(root); err == nil || !strings.Contains(err.Error(), HintsJSON+" is damaged") {
			t.Errorf("%q is the error %v", text, err)
		}
	}
}

// TestResults: results are written as EDN and as JSON, with the extra entries first, and
// those of lin-kv with a page for each key.
func TestResults(t *testing.T) {
	h, err := history.New([]history.Op{
		{Index: 0, Type: history.Invoke, F: "write", Value: []any{int64(8), int64(1)}},
		{Index: 1, Type: history.OK, F: "write", Value: []any{int64(8), int64(1)}, Time: time.Millisecond},
		{Index: 2, Type: history.Invoke, F: "read", Value: []any{int64(8), nil}, Time: 2 * time.Millisecond},
		{Index: 3, Type: history.OK, F: "read", Value: []any{int64(8), int64(2)}, Time: 3 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	results, err := checkers.Check(h, nil, checkers.Options{Workload: "lin-kv"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := WriteResults(dir, results, edn.Map{{Key: edn.Keyword("passed"), Value: true}}); err != nil {
		t.Fatal(err)
	}
	if text := read(t, dir, ResultsEDN); !strings.HasPrefix(text, "{:passed true,") || !strings.Contains(text, ":workload") {
		t.Errorf("%s is\n%s", ResultsEDN, text)
	}
	text := read(t, dir, ResultsJSON)
	var entries map[string]any
	if err := json.Unmarshal([]byte(text), &entries); err != nil || entries["passed"] != true || entries["workload"] == nil || !strings.HasPrefix(text, "{\n  \"passed\": true,") || !strings.HasSuffix(text, "\n}\n") {
		t.Errorf("%s is, with the error %v,\n%s", ResultsJSON, err, text)
	}
	if page := read(t, dir, "linearizable-8.html"); !strings.Contains(page, "<html") {
		t.Errorf("the page of key 8 is\n%.200s", page)
	}
	write(t, "a file", dir, "a")
	if err := WritePages(filepath.Join(dir, "a", "b"), results); err == nil {
		t.Error("pages can be written below a file")
	}
}

// TestHardModeFile: what is known of each program is kept apart. A file that is damaged
// says how to begin anew.
func TestHardModeFile(t *testing.T) {
	root := t.TempDir()
	const program = "0123456789abcdef0123456789abcdef"
	if _, err := AddHardMode(root, "3d", program, map[uint64]bool{4: true, 5: true, 6: false}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "hard-mode", "3d-0123456789abcdef.json")
	want := "{\n  \"stage\": \"3d\",\n  \"program\": \"" + program + "\",\n  \"passed\": [\n    {\n      \"first\": 4,\n      \"last\": 5\n    }\n  ],\n  \"failed\": [\n    6\n  ]\n}\n"
	if got := read(t, path); got != want {
		t.Errorf("the file is\n%sexpected\n%s", got, want)
	}
	write(t, "", path) // just made by somebody else
	if h, err := ReadHardMode(root, "3d", program); err != nil || h.Stage != "3d" || h.Program != program || h.Count() != 0 {
		t.Errorf("an empty file is read as %+v, %v", h, err)
	}
	write(t, "{", path)
	_, readErr := ReadHardMode(root, "3d", program)
	_, addErr := AddHardMode(root, "3d", program, map[uint64]bool{1: true})
	for _, err := range []error{readErr, addErr} {
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "delete it to begin anew") {
			t.Errorf("a damaged file is the error %v", err)
		}
	}
}

// TestHardModeSeeds compares what is known after each outcome with a plain map, over all
// orders in which a few seeds can pass, fail and pass again.
func TestHardModeSeeds(t *testing.T) {
	const seeds, steps = 4, 5
	for order := range 1 << (3 * steps) { // of each step, two bits are the seed and one the outcome
		var h HardMode
		known := map[uint64]bool{}
		for step := range steps {
			bits := order >> (3 * step)
			seed, passed := uint64(bits%seeds), bits&4 > 0
			h.add(seed, passed)
			known[seed] = passed
		}
		count := 0
		for seed := range uint64(seeds) {
			passed, tried := known[seed]
			in := 0
			for _, s := range h.Passed {
				if s.First <= seed && seed <= s.Last {
					in++
				}
			}
			if passed {
				count++
			}
			if want := map[bool]int{true: 1}[tried && passed]; in != want {
				t.Fatalf("outcomes %b: seed %d is in %d of %v", order, seed, in, h.Passed)
			}
			if slices.Contains(h.Failed, seed) != (tried && !passed) {
				t.Fatalf("outcomes %b: seed %d is tried %v, passed %v, and failed are %v", order, seed, tried, passed, h.Failed)
			}
		}
		if h.Count() != count || !slices.IsSorted(h.Failed) {
			t.Fatalf("outcomes %b: %d seeds passed, expected %d; failed are %v", order, h.Count(), count, h.Failed)
		}
		for i := 1; i < len(h.Passed); i++ {
			if h.Passed[i-1].Last+1 >= h.Passed[i].First {
				t.Fatalf("outcomes %b: %v are not apart", order, h.Passed)
			}
		}
	}
}

// TestFirstErrorStays: the first error of a write is the one that is reported.
func TestFirstErrorStays(t *testing.T) {
	r := &Run{}
	first := errors.New("first")
	r.fail(nil)
	r.fail(first)
	r.fail(errors.New("second"))
	if !errors.Is(r.err, first) {
		t.Errorf("the error is %v, expected the first", r.err)
	}
}
