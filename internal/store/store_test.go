package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/spec"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func echoTest() *spec.Test {
	return &spec.Test{Stage: "1", Official: true, Workload: "echo", Seed: 7, Start: start}
}

func create(t *testing.T, root string) *Run {
	t.Helper()
	r, err := Create(root, echoTest())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// record writes two operations and three events.
func record(r *Run) {
	r.RecordOp(history.Op{Type: history.Invoke, F: "echo", Value: "hi", Time: 1})
	r.RecordOp(history.Op{Type: history.OK, F: "echo", Value: "hi", Time: 2})
	m := journal.Message{ID: 0, Src: "c0", Dest: "n0", Body: json.RawMessage(`{"type":"echo"}`)}
	r.Record(journal.Event{Kind: journal.Send, Time: 1, Message: m})
	r.Record(journal.Event{Kind: journal.Recv, Time: 2, Message: m})
	m.ID = 1
	r.Record(journal.Event{Kind: journal.Send, Time: 3, Message: m})
}

// incomplete reads a run from disk and says why it is not whole.
func incomplete(t *testing.T, dir string) string {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	h, _, err := r.History(nil)
	if err != nil {
		t.Fatal(err)
	}
	events := int64(0)
	exists, err := r.Messages(func(journal.Event) { events++ })
	if err != nil {
		t.Fatal(err)
	}
	if !exists {
		events = -1
	}
	why, err := r.Incomplete(len(h.Ops), events)
	if err != nil {
		t.Fatal(err)
	}
	return why
}

func TestWholeRun(t *testing.T) {
	r := create(t, t.TempDir())
	record(r)
	end, err := r.Finish(Complete, "")
	if err != nil {
		t.Fatal(err)
	}
	if end.Operations != 2 || end.Events != 3 {
		t.Errorf("the end record counts %d operations and %d events, expected 2 and 3", end.Operations, end.Events)
	}
	for name, sum := range map[string]string{HistoryEDN: end.HistorySHA256, Journal: end.JournalSHA256} {
		text, err := os.ReadFile(filepath.Join(r.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if want := sha256.Sum256(text); sum != hex.EncodeToString(want[:]) {
			t.Errorf("the end record has another hash of %s than the file", name)
		}
	}
	if why := incomplete(t, r.Dir); why != "" {
		t.Errorf("a whole run is called incomplete: %s", why)
	}
	recorded, err := Open(r.Dir)
	if err != nil || recorded.Test.Seed != 7 || !recorded.Test.Start.Equal(start) {
		t.Errorf("the test is read back as %+v, %v", recorded.Test, err)
	}
}

func TestIncompleteRuns(t *testing.T) {
	cut := func(name string, lines int) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			kept := strings.Join(strings.SplitAfter(string(text), "\n")[:lines], "")
			if err := os.WriteFile(filepath.Join(dir, name), []byte(kept), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	none := func(*testing.T, string) {}
	for _, c := range []struct {
		how    Ending
		reason string
		damage func(*testing.T, string)
		want   string
	}{
		{Interrupted, "", none, "the run was interrupted"},
		{Aborted, "node n0 crashed", none, "the run ended early: node n0 crashed"},
		{Complete, "", remove(EndJSON), "the run has no end record"},
		{Complete, "", cut(HistoryEDN, 1), "the history has 1 of the 2 records"},
		{Complete, "", cut(Journal, 2), "journal.txt has 1 of the 3 events"},
		{Complete, "", remove(Journal), "journal.txt is missing, which had 3 events"},
	} {
		r := create(t, t.TempDir())
		record(r)
		if _, err := r.Finish(c.how, c.reason); err != nil {
			t.Fatal(err)
		}
		c.damage(t, r.Dir)
		if why := incomplete(t, r.Dir); !strings.HasPrefix(why, c.want) {
			t.Errorf("found %q, expected %q", why, c.want)
		}
	}
}

// What is flushed can be read while the run goes on, as after it was killed.
func TestKilled(t *testing.T) {
	r := create(t, t.TempDir())
	record(r)
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(filepath.Join(r.Dir, HistoryEDN), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	f.WriteString("{:index 2, :time 3, :ty")
	f.Close()
	recorded, err := Open(r.Dir)
	if err != nil {
		t.Fatal(err)
	}
	h, cut, err := recorded.History(nil)
	if err != nil || len(h.Ops) != 2 || cut == nil {
		t.Errorf("%d operations, cut %v, error %v; expected the 2 that are whole, and what is wrong after them", len(h.Ops), cut, err)
	}
	if why := incomplete(t, r.Dir); !strings.Contains(why, "no end record") {
		t.Errorf("a killed run is called %q", why)
	}
}

func TestDirectories(t *testing.T) {
	root := t.TempDir()
	a, b := create(t, root), create(t, root)
	if a.Dir == b.Dir {
		t.Error("two runs of the same millisecond share a directory")
	}
	for _, name := range []string{"../../evil", "/../evil", ""} {
		if w, err := a.NodeFile("n0", name); err == nil {
			w.Close()
			t.Errorf("a node's file may be called %q", name)
		}
	}
	w, err := a.NodeLog("../../../evil")
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := os.Stat(filepath.Join(a.Dir, NodeLogs, "evil.log")); err != nil {
		t.Errorf("the log of a node is not below the run: %v", err)
	}
}

// TestNodeLogIsFlushed: the log of a node is on disk after Flush, like the rest of a
// run.
func TestNodeLogIsFlushed(t *testing.T) {
	r := create(t, t.TempDir())
	w, err := r.NodeLog("n0")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.Dir, NodeLogs, "n0.log")
	for _, want := range []string{"one\n", "one\ntwo\n"} {
		io.WriteString(w, want[len(want)-4:])
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("after Flush the log is %q (%v), want %q", got, err, want)
		}
	}
	io.WriteString(w, "end\n")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "one\ntwo\nend\n" {
		t.Errorf("after Close the log is %q", got)
	}
	if err := r.Flush(); err != nil {
		t.Errorf("Flush after a log was closed: %v", err)
	}
}

func TestRacyNodes(t *testing.T) {
	r := create(t, t.TempDir())
	for node, text := range map[string]string{
		"n0": "fine\n", "n1": "a\n==================\nWARNING: DATA RACE\nRead at\n", "n2": strings.Repeat("x", 1<<20) + "\nWARNING: DATA RACE\n", "n3": "it says WARNING: DATA RACE\n",
	} {
		w, err := r.NodeLog(node)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(text))
		w.Close()
	}
	if got := strings.Join(RacyNodes(r.Dir), " "); got != "n1 n2" {
		t.Errorf("racy nodes are %q, expected n1 n2", got)
	}
}

func TestPasses(t *testing.T) {
	root := t.TempDir()
	if len(Passes(root)) != 0 {
		t.Error("an empty store has passes")
	}
	for i, program := range []string{"a", "b", ""} {
		r := create(t, root)
		if program == "" {
			if err := os.WriteFile(filepath.Join(r.Dir, PassJSON), []byte(`{"stage": `), 0o666); err != nil {
				t.Fatal(err)
			}
			continue
		}
		p := Pass{Stage: "3d", When: start.Add(time.Duration(-i) * time.Hour), Program: program, Figures: map[string]float64{"messages per operation": 2.5}}
		if err := WritePass(r.Dir, p); err != nil {
			t.Fatal(err)
		}
	}
	foreign := filepath.Join(root, "maelstrom", "store", "broadcast", "20260102T030405.000Z")
	if err := os.MkdirAll(foreign, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := WritePass(foreign, Pass{Stage: "3d", When: start.Add(time.Hour), Program: "c"}); err != nil {
		t.Fatal(err)
	}
	p := Passes(root)
	if len(p) != 3 || p[0].Program != "b" || p[1].Program != "a" || p[2].Program != "c" || p[1].Figures["messages per operation"] != 2.5 {
		t.Errorf("found %+v, expected the passes of b, a and, on the real Maelstrom, c, in the order of their times", p)
	}
}

func TestHardMode(t *testing.T) {
	root := t.TempDir()
	add := func(program string, passed bool, seeds ...uint64) HardMode {
		t.Helper()
		outcomes := map[uint64]bool{}
		for _, s := range seeds {
			outcomes[s] = passed
		}
		h, err := AddHardMode(root, "3d", program, outcomes)
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	add("a", true, 3, 1, 0)
	add("a", true, 5, 6)
	if h := add("a", true, 2, 3); !slices.Equal(h.Passed, []Seeds{{0, 3}, {5, 6}}) || h.Count() != 6 {
		t.Errorf("passed are %v, %d in all, expected 0 to 3 and 5 to 6", h.Passed, h.Count())
	}
	add("a", false, 2, 6)
	h, err := ReadHardMode(root, "3d", "a")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(h.Passed, []Seeds{{0, 1}, {3, 3}, {5, 5}}) || !slices.Equal(h.Failed, []uint64{2, 6}) {
		t.Errorf("passed are %v and failed %v, expected 2 and 6 to have failed", h.Passed, h.Failed)
	}
	if h := add("a", true, 2, math.MaxUint64); !slices.Equal(h.Failed, []uint64{6}) || h.Count() != 6 {
		t.Errorf("after seed 2 passed, failed are %v and %d passed", h.Failed, h.Count())
	}
	if h, err := ReadHardMode(root, "3d", "b"); err != nil || h.Count() != 0 {
		t.Errorf("another program has %d seeds, %v", h.Count(), err)
	}
}

// TestDamagedJSON checks that errors about files of the store name the place.
func TestDamagedJSON(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "end.json is damaged: 1:1: the JSON text ends too early",
		"{\n \"ended\": ":       "end.json is damaged: 2:11: the JSON text ends too early",
		`["complete"]`:          "end.json is damaged: expected an object",
		`{"operations": "two"}`: `end.json is damaged: the field "operations" has a value of the wrong type, a string`,
	} {
		r := create(t, t.TempDir())
		if err := os.WriteFile(filepath.Join(r.Dir, EndJSON), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		recorded, err := Open(r.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := recorded.End(); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: found the error %v, expected %s", text, err, want)
		}
	}
}

func TestFullDisk(t *testing.T) {
	r := create(t, t.TempDir())
	r.history.f.Close() // as good as a disk that takes nothing
	record(r)
	if err := r.Flush(); err == nil || !strings.HasPrefix(err.Error(), "store the run: ") {
		t.Errorf("found the error %v", err)
	}
	if _, err := r.Finish(Complete, ""); err == nil {
		t.Error("a run whose records were not written is called complete")
	}
	if _, err := os.Stat(filepath.Join(r.Dir, EndJSON)); err == nil {
		t.Error("a run whose records were not written has an end record")
	}
}
