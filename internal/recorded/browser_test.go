package recorded_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/browsertest"
	"glomers/internal/recorded"
	"glomers/internal/spec"
	"glomers/internal/store"
)

// written judges a run of testdata and writes its report.
func written(t *testing.T, dir string) (path, text string) {
	t.Helper()
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
	path = filepath.Join(t.TempDir(), recorded.ReportName)
	if err := recorded.WriteFile(path, judged.WritePage); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, string(page)
}

const ready = `document.getElementById("workbench").dataset.ready === "true"`

// drawn says how many messages the diagram draws.
const drawn = `document.getElementById("diagram").dataset.drawn`

// open opens a report and waits until it has drawn.
func open(t *testing.T, path string) *browsertest.Page {
	t.Helper()
	p := browsertest.Start(t).Open(browsertest.File(t, path), browsertest.Look{Width: 1200, Height: 900})
	p.Wait(ready)
	p.Text(`document.getElementById("diagram").scrollIntoView()`)
	p.Wait(drawn + " > 0")
	return p
}

// clean checks that nothing went wrong and that nothing was fetched but the page.
func clean(t *testing.T, p *browsertest.Page) {
	t.Helper()
	if errors := p.Errors(); len(errors) > 0 {
		t.Errorf("errors of the page: %q", errors)
	}
	for _, address := range p.Requests() {
		if !strings.HasPrefix(address, "file:") && !strings.HasPrefix(address, "blob:") {
			t.Errorf("the page fetched %s", address)
		}
	}
}

// TestFailedRunInBrowser opens the report of a run of stage 3c that lost a value: it
// draws, filters, shows a message and goes from the error to its messages.
func TestFailedRunInBrowser(t *testing.T) {
	path, _ := written(t, filepath.Join("testdata", "lost"))
	p := open(t, path)
	all := p.Text(drawn)
	for _, label := range []string{"earlier", "later", "zoom in", "zoom out"} {
		p.Wait(`document.querySelector('#controls button[aria-label="` + label + `"] svg path').getBoundingClientRect().width > 0`)
	}

	p.Text(`(e => { e.value = "gossip"; e.selectedIndex = [...e.options].findIndex(o => o.text === "gossip"); e.dispatchEvent(new Event("change")); })(document.getElementById("kind"))`)
	p.Wait(drawn + " > 0 && " + drawn + " < " + all)
	p.Click("#toggle-lost")
	p.Wait(`document.getElementById("toggle-lost").getAttribute("aria-pressed") === "true"`)
	p.Wait(drawn + " > 0")
	p.Text(`document.getElementById("diagram").focus()`)
	p.Text(`document.getElementById("diagram").dispatchEvent(new KeyboardEvent("keydown", { key: "n" }))`)
	p.Wait(`document.getElementById("json").textContent.includes('"gossip"')`)
	if text := p.Text(`document.getElementById("panel-detail").textContent`); !strings.Contains(text, "lost: partition") {
		t.Errorf("the details of a lost message are %q", text)
	}

	whole := p.Text(`document.getElementById("to").value - document.getElementById("from").value`)
	p.Click(`button[data-finding="0"]`)
	p.Wait(`document.getElementById("says").textContent.includes("messages about 3")`)
	p.Wait(`document.getElementById("to").value - document.getElementById("from").value !== ` + whole)
	p.Wait(drawn + " > 0 && " + drawn + " < " + all)
	if says := p.Text(`document.getElementById("says").textContent`); !strings.Contains(says, "2 operations marked") {
		t.Errorf("the page says %q, expected that the broadcast and the read that lacks it are marked", says)
	}
	if text := p.Text(`document.getElementById("panel-detail").textContent`); !strings.Contains(text, "invoked with3") || !strings.Contains(text, "completed with3") {
		t.Errorf("the details of the broadcast of 3 do not tell its two values apart: %q", text)
	}
	if value := p.Text(`document.getElementById("value").value`); value != "3" {
		t.Errorf("the diagram follows the value %q, expected 3, the first that was lost", value)
	}
	p.Click(`#tab-logs`)
	p.Wait(`document.querySelectorAll("#panel-logs li").length > 3`)
	clean(t, p)
}

// TestPointerInBrowser clicks where the diagram has a message, and zooms with the wheel.
func TestPointerInBrowser(t *testing.T) {
	path, _ := written(t, filepath.Join("testdata", "lost"))
	p := open(t, path)
	before := p.Text(`document.getElementById("to").value`)
	p.Text(`(c => { const r = c.getBoundingClientRect(); c.dispatchEvent(new WheelEvent("wheel", { ctrlKey: true, deltaY: -600, clientX: r.left + r.width / 2, clientY: r.top + 50, cancelable: true, bubbles: true })); })(document.getElementById("diagram"))`)
	p.Wait(`document.getElementById("to").value < ` + before)
	// Somewhere on the line half way between two nodes there is an arrow.
	p.Text(`(c => { const r = c.getBoundingClientRect();
		for (let x = 100; x < r.width - 20 && !c.dataset.chosen; x += 3) {
			for (const type of ["pointerdown", "pointerup"]) c.dispatchEvent(new PointerEvent(type, { pointerId: 1, button: 0, clientX: r.left + x, clientY: r.top + 34 + 32, bubbles: true }));
		}
	})(document.getElementById("diagram"))`)
	p.Wait(`document.getElementById("json").textContent.includes('"type"')`)
	clean(t, p)
}

// cycle makes a run of stage 6b in which two transactions overwrote each other.
func cycle(t *testing.T) string {
	t.Helper()
	run, err := store.Create(t.TempDir(), &spec.Test{
		Workload: "txn-rw-register", Nodes: []string{"n0"}, Load: spec.Load{Concurrency: 2},
		Judgement: spec.Judgement{ConsistencyModels: []string{"read-uncommitted"}}, Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	w := func(key, value int64) any { return []any{edn.Keyword("w"), key, value} }
	r := func(key int64, value any) any { return []any{edn.Keyword("r"), key, value} }
	for i, op := range []history.Op{
		{Type: history.Invoke, Process: 0, Value: []any{w(1, 10), r(2, nil), w(2, 7)}},
		{Type: history.Invoke, Process: 1, Value: []any{w(2, 8), r(1, nil), w(1, 12)}},
		{Type: history.OK, Process: 0, Value: []any{w(1, 10), r(2, int64(8)), w(2, 7)}},
		{Type: history.OK, Process: 1, Value: []any{w(2, 8), r(1, int64(10)), w(1, 12)}},
	} {
		op.F, op.Time = "txn", time.Duration(i+1)*time.Millisecond
		run.RecordOp(op)
		m := journal.Message{ID: int64(i), Src: fmt.Sprintf("c%d", op.Process), Dest: "n0", Body: json.RawMessage(`{"type":"txn","msg_id":1}`)}
		if op.Type == history.OK {
			m.Src, m.Dest, m.Body = m.Dest, m.Src, json.RawMessage(`{"type":"txn_ok","in_reply_to":1}`)
		}
		run.Record(journal.Event{Kind: journal.Send, Time: op.Time, Message: m})
		run.Record(journal.Event{Kind: journal.Recv, Time: op.Time, Message: m})
	}
	if _, err := run.Finish(store.Complete, ""); err != nil {
		t.Fatal(err)
	}
	return run.Dir
}

// TestCycleInBrowser opens the report of a run with a cycle of transactions, which is
// drawn, and whose operations the link finds.
func TestCycleInBrowser(t *testing.T) {
	path, text := written(t, cycle(t))
	if !strings.Contains(text, "<circle") || !strings.Contains(text, "which T1 replaced by") && !strings.Contains(text, "which T2 replaced by") {
		t.Error("the page does not draw the cycle with its reasons")
	}
	p := open(t, path)
	p.Click(`button[data-finding="0"]`)
	p.Wait(`document.getElementById("says").textContent.includes("2 operations marked")`)
	clean(t, p)
}

// TestKafkaInBrowser follows key 51, message 51 and message 51 of key 9: each is another
// thing than offset 51, a msg_id of 51 and each other.
func TestKafkaInBrowser(t *testing.T) {
	run, err := store.Create(t.TempDir(), &spec.Test{
		Workload: "kafka", Nodes: []string{"n0", "n1"}, Load: spec.Load{Concurrency: 2}, Start: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	send, poll := edn.Keyword("send"), edn.Keyword("poll")
	for i, op := range []history.Op{
		{Type: history.Invoke, F: "send", Value: []any{[]any{send, "51", int64(7)}}},
		{Type: history.OK, F: "send", Value: []any{[]any{send, "51", []any{int64(0), int64(7)}}}},
		{Type: history.Invoke, F: "send", Value: []any{[]any{send, "9", int64(51)}}},
		{Type: history.OK, F: "send", Value: []any{[]any{send, "9", []any{int64(3), int64(51)}}}},
		{Type: history.Invoke, F: "send", Value: []any{[]any{send, "8", int64(51)}}},
		{Type: history.OK, F: "send", Value: []any{[]any{send, "8", []any{int64(51), int64(51)}}}},
		{Type: history.Invoke, F: "poll", Value: []any{[]any{poll}}},
		{Type: history.OK, F: "poll", Value: []any{[]any{poll, edn.Map{{Key: "9", Value: []any{[]any{int64(51), int64(2)}}}}}}},
	} {
		op.Time = time.Duration(i+1) * time.Millisecond
		run.RecordOp(op)
	}
	for i, body := range []string{
		`{"type":"send","key":"51","msg":7,"msg_id":1}`,
		`{"type":"send","key":"9","msg":51,"msg_id":51}`,
		`{"type":"send","key":"8","msg":51,"msg_id":3}`,
		`{"type":"send_ok","offset":51,"in_reply_to":51}`,
		`{"type":"poll","offsets":{"9":51,"8":51}}`,
		`{"type":"poll_ok","msgs":{"9":[[51,2],[52,3]],"51":[[0,4]]}}`,
		`{"type":"poll_ok","msgs":{"9":[[3,51],[51,4]],"8":[[1,2]]}}`,
		`{"type":"commit_offsets","offsets":{"51":9}}`,
		`{"type":"batch","sends":[{"key":"9","msg":1},{"key":"8","msg":51}],"commits":{"9":51}}`,
		`{"type":"copy","log":[50,51]}`,
	} {
		m := journal.Message{ID: int64(i), Src: "n0", Dest: "n1", Body: json.RawMessage(body)}
		at := time.Duration(i+1) * time.Millisecond
		run.Record(journal.Event{Kind: journal.Send, Time: at, Message: m})
		run.Record(journal.Event{Kind: journal.Recv, Time: at, Message: m})
	}
	if _, err := run.Finish(store.Complete, ""); err != nil {
		t.Fatal(err)
	}
	path, _ := written(t, run.Dir)
	p := open(t, path)
	for _, c := range []struct{ follow, says string }{
		{"key 51", "3 messages and 1 operations mention key 51"},
		{"msg 51", "5 messages and 2 operations mention msg 51"},
		{"key 9 msg 51", "3 messages and 1 operations mention key 9 msg 51"}, // the log of copy may be that of any key
		{"51", "10 messages and 4 operations mention 51"},
	} {
		p.Text(`(e => { e.value = "` + c.follow + `"; e.dispatchEvent(new Event("change")); })(document.getElementById("value"))`)
		if says := p.Text(`document.getElementById("says").textContent`); says != c.says {
			t.Errorf("the page says %q, expected %q", says, c.says)
		}
	}
	clean(t, p)
}

// TestSpeed measures the report of a run, whose directory $REPORT_RUN names: see docs/report.md.
func TestSpeed(t *testing.T) {
	dir := os.Getenv("REPORT_RUN")
	if dir == "" {
		t.Skip("$REPORT_RUN names no run: make report-speed does")
	}
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
	path := filepath.Join(t.TempDir(), recorded.ReportName)
	start := time.Now()
	if err := recorded.WriteFile(path, judged.WritePage); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	p := open(t, path)
	t.Logf("written in %.2f s, %.1f MB", took.Seconds(), float64(info.Size())/1e6)
	t.Logf("first paint after %s ms, all drawn after %s ms", p.Text(`Math.round(performance.getEntriesByName("first-contentful-paint")[0].startTime)`), p.Text(`Math.round(performance.getEntriesByName("drawn")[0].startTime)`))
	for _, motion := range []string{"zoom", "pan"} {
		t.Logf("%s: %s frames a second, %s messages in view at the end", motion, p.Text(frames(motion)), p.Text(`document.getElementById("diagram").dataset.view`))
	}
	clean(t, p)
}

// frames moves the diagram in every frame of three seconds and counts the frames.
func frames(motion string) string {
	delta := map[string]string{"zoom": "deltaY: 40 * Math.cos(n / 20)", "pan": "shiftKey: true, deltaY: 6 * Math.cos(n / 20)"}[motion]
	return `new Promise((done) => {
		const c = document.getElementById("diagram"), r = c.getBoundingClientRect(), start = performance.now();
		let n = 0;
		const step = () => {
			n++;
			c.dispatchEvent(new WheelEvent("wheel", { ctrlKey: true, clientX: r.left + r.width / 2, clientY: r.top + 50, cancelable: true, ` + delta + ` }));
			if (performance.now() - start < 3000) requestAnimationFrame(step);
			else done(Math.round(n / (performance.now() - start) * 1000));
		};
		requestAnimationFrame(step);
	})`
}
