package recorded_test

import (
	"bytes"
	"encoding/json"
	"image/png"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/recorded"
	"glomers/internal/spec"
	"glomers/internal/store"
)

const evil = `</script><script>document.title="markup"</script><img src=x onerror='document.title="markup"'>`

// hostile makes a run whose values, messages and logs are markup.
func hostile(t *testing.T) string {
	t.Helper()
	run, err := store.Create(t.TempDir(), &spec.Test{
		Workload: "echo", Nodes: []string{"n0"}, Load: spec.Load{Concurrency: 1}, Host: spec.Host{Solution: evil}, Command: evil, Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	run.RecordOp(history.Op{Type: history.Invoke, F: "echo", Value: evil, Time: 1})
	run.RecordOp(history.Op{Type: history.OK, F: "echo", Value: "other" + evil, Time: 2})
	body, err := json.Marshal(map[string]string{"type": evil, evil: evil})
	if err != nil {
		t.Fatal(err)
	}
	m := journal.Message{ID: 0, Src: evil, Dest: "../../" + evil, Body: body}
	run.Record(journal.Event{Kind: journal.Send, Time: 1, Message: m})
	run.Record(journal.Event{Kind: journal.Drop, Time: 2, Message: m, Reason: "loss"})
	log, err := run.NodeLog("n0")
	if err != nil {
		t.Fatal(err)
	}
	log.Write([]byte(evil + "\n\x00\xff\x1b[31m\n"))
	log.Close()
	run.Note(evil)
	if _, err := run.Finish(store.Complete, ""); err != nil {
		t.Fatal(err)
	}
	return run.Dir
}

// TestHostileRunInBrowser opens the report of a run that is full of markup: it is text
// everywhere.
func TestHostileRunInBrowser(t *testing.T) {
	path, text := written(t, hostile(t))
	if n := strings.Count(text, "<script"); n != 5 || strings.Contains(text, "<img") {
		t.Fatalf("the page has %d scripts, expected four blocks of data and its own; an image: %t", n, strings.Contains(text, "<img"))
	}
	p := open(t, path)
	for _, tab := range []string{"#tab-inview", "#tab-logs", "#tab-detail"} {
		p.Text(`document.querySelector("` + tab + `").click()`)
		p.Wait(`document.querySelector("` + tab + `").getAttribute("aria-selected") === "true"`)
	}
	p.Text(`document.getElementById("tab-logs").click()`)
	p.Wait(`document.getElementById("panel-logs").textContent.includes("</script>")`)
	p.Text(`document.getElementById("diagram").dispatchEvent(new KeyboardEvent("keydown", { key: "n" }))`)
	p.Text(`document.getElementById("tab-detail").click()`)
	p.Wait(`document.getElementById("json").textContent.includes("</script>")`)
	if n := p.Text(`document.images.length + document.scripts.length`); n != "1" { // its own script; the blocks are taken out as they are read, the logs last
		t.Errorf("the page has %s images and scripts at the end, expected its own script", n)
	}
	if title := p.Text(`document.title`); title == "markup" {
		t.Error("a script of the run has run")
	}
	clean(t, p)
}

// TestDamagedRuns checks that a run of which parts are missing or garbled has a report
// that says so, or an error that names the place.
func TestDamagedRuns(t *testing.T) {
	edit := func(name string, change func([]byte) []byte) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			path := filepath.Join(dir, name)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, change(text), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(name string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	half := func(text []byte) []byte { return text[:len(text)/2] }
	for _, c := range []struct {
		name         string
		damage       func(*testing.T, string)
		page, failed string // what the page says, or else the error
	}{
		{"no end", remove(store.EndJSON), "the run has no end record", ""},
		{"half a journal", edit(store.Journal, half), "of the 500 events that were written", ""},
		{"no journal", remove(store.Journal), "no journal of messages", ""},
		{"half a history", edit(store.HistoryEDN, half), "records that were written", ""},
		{"an answer of the wrong shape", edit(store.HistoryEDN, func(text []byte) []byte {
			return regexp.MustCompile(`(:type :ok[^\n]*:f :read[^\n]*:value )\[[^]]*\]`).ReplaceAll(text, []byte("${1}7"))
		}), "has the value 7, expected a vector", ""},
		{"no logs", remove(store.NodeLogs), "2 of 15 values were lost", ""},
		{"a directory instead of logs", func(t *testing.T, dir string) {
			remove(filepath.Join(store.NodeLogs, "n0.log"))(t, dir)
			if err := os.Mkdir(filepath.Join(dir, store.NodeLogs, "n0.log"), 0o777); err != nil {
				t.Fatal(err)
			}
		}, "2 of 15 values were lost", ""},
		{"a garbled journal", edit(store.Journal, func([]byte) []byte { return []byte("glomers-journal 1\nwhat?\n") }), "", "journal.txt:2"},
		{"a garbled test", edit(store.TestJSON, half), "", "test.json is damaged"},
		{"an empty directory", func(t *testing.T, dir string) {
			for _, name := range []string{store.HistoryEDN, store.TestJSON, store.Journal} {
				remove(name)(t, dir)
			}
		}, "", "holds no history"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "lost"))); err != nil {
				t.Fatal(err)
			}
			c.damage(t, dir)
			var b bytes.Buffer
			err := write(&b, dir)
			switch {
			case c.failed != "":
				if err == nil || !strings.Contains(err.Error(), c.failed) {
					t.Errorf("found the error %v, expected one with %q", err, c.failed)
				}
			case err != nil:
				t.Error(err)
			case !strings.Contains(b.String(), c.page):
				t.Errorf("the page does not say %q", c.page)
			}
		})
	}
}

func write(b *bytes.Buffer, dir string) error {
	run, err := recorded.Open(dir)
	if err != nil {
		return err
	}
	q, from, err := run.Question()
	if err != nil {
		return err
	}
	judged, err := run.Show(q, from, nil)
	if err != nil {
		return err
	}
	return judged.WritePage(b)
}

// TestLargeLog checks that a log of 128 MB, most of it a hole, is not read whole.
func TestLargeLog(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("testdata", "lost"))); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, store.NodeLogs, "n1.log"), 128<<20); err != nil {
		t.Fatal(err)
	}
	_, page := written(t, dir)
	if !strings.Contains(page, "Of the log of n1, ") || len(page) > 1<<20 {
		t.Errorf("the page has %d bytes and does not say that a log is cut", len(page))
	}
}

// TestFiles checks what lies in the directory of a run.
func TestFiles(t *testing.T) {
	dir := hostile(t)
	run, err := recorded.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	q, from, err := run.Question()
	if err != nil {
		t.Fatal(err)
	}
	judged, err := run.Judge(q, from, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := judged.WriteFiles(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"latency-raw", "latency-quantiles", "rate"} {
		f, err := os.Open(filepath.Join(dir, name+".png"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(f); err != nil {
			t.Errorf("%s.png: %v", name, err)
		}
		f.Close()
	}
	for _, name := range []string{"latency-raw.svg", "latency-quantiles.svg", "rate.svg", "messages.svg", "timeline.html", "report.html"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "<img") || strings.Contains(string(text), "<script>document") {
			t.Errorf("%s holds the run's markup", name)
		}
	}
}
