package cli

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"glomers/internal/browsertest"
)

// serveHere runs glomers serve until the test ends and returns the server's address.
func serveHere(t *testing.T, words ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, w := io.Pipe()
	done := make(chan error)
	go func() {
		a := &app{out: newTerminal(w), err: newTerminal(io.Discard)}
		cmd := a.serve()
		cmd.SetArgs(append([]string{"--addr", "127.0.0.1:0"}, words...))
		cmd.SilenceErrors, cmd.SilenceUsage = true, true
		err := cmd.ExecuteContext(ctx)
		w.Close()
		done <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	_, rest, found := strings.Cut(line, "http://")
	if err != nil || !found {
		t.Fatalf("serve printed %q (%v), expected its address", line, err)
	}
	host, _, _ := strings.Cut(rest, "/")
	return "http://" + host
}

// TestServeInBrowser runs a solution of one's own to stage 1 by clicking, and looks at
// what it left.
func TestServeInBrowser(t *testing.T) {
	b := browsertest.Start(t)
	t.Chdir("../..")
	dir := filepath.Join(t.TempDir(), "1")
	if code := Main([]string{"glomers", "new", "1", dir}, io.Discard, io.Discard); code != 0 {
		t.Fatalf("glomers new: exit status %d", code)
	}
	solution, err := os.ReadFile("stages/1-echo/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "main.go"), solution, 0o666); err != nil {
		t.Fatal(err)
	}
	base := serveHere(t, "--store", filepath.Join(t.TempDir(), "store"), dir)
	p := b.Open(base+"/", browsertest.Look{Width: 1200, Height: 900})
	see := func(selector, want string) {
		t.Helper()
		p.Wait("document.querySelector(" + quoteJS(selector) + ") !== null && document.querySelector(" + quoteJS(selector) + ").textContent.includes(" + quoteJS(want) + ")")
	}
	see("main", "0 of 14 stages passed")
	p.Click(`a[href="/stages/1"]`)
	see("#run", "Run")
	p.Click("#hints button")
	see("#hints li", "one JSON message a line")
	p.Text(`(document.querySelector("#program").value = ` + quoteJS(dir) + `, "")`)
	p.Text(`(document.querySelector("#seed").value = "5", "")`)
	p.Click("#run")
	see("#verdict", "PASS")
	see(".output", "medal    bronze")
	p.Click(".actions a.primary")
	see("main", "seed 5")
	run := p.Text("location.href")
	p.Click(`a[href^="/reports/"]`)
	see("body", "echo latency")
	p.Do(chromedp.Navigate(run))
	see("main", "seed 5")
	if text := p.Text(`fetch(document.querySelector('a[href$="/history.txt"]').href).then((r) => r.text())`); !strings.Contains(text, ":invoke") {
		t.Errorf("the history is %.100q", text)
	}
	p.Do(chromedp.Navigate(base + "/"))
	see("main", "1 of 14 stages passed")
	for _, e := range p.Errors() {
		t.Errorf("the browser complains: %s", e)
	}
	for _, url := range p.Requests() {
		if !strings.HasPrefix(url, base+"/") && !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "blob:") {
			t.Errorf("a page fetched %s", url)
		}
	}
}

// quoteJS quotes a text for JavaScript.
func quoteJS(text string) string { return "`" + text + "`" }

// TestServeSolutions: a solution that the command line names can be run in the stage
// that it is named after, or in all.
func TestServeSolutions(t *testing.T) {
	t.Chdir("../..")
	dir := filepath.Join(t.TempDir(), "3c")
	other := filepath.Join(t.TempDir(), "mine")
	for _, d := range []string{dir, other} {
		if code := Main([]string{"glomers", "new", "3c", d}, io.Discard, io.Discard); code != 0 {
			t.Fatalf("glomers new: exit status %d", code)
		}
	}
	base := serveHere(t, "--store", filepath.Join(t.TempDir(), "store"), dir, other)
	for path, want := range map[string][2]bool{"/stages/3c": {true, true}, "/stages/4": {false, true}} {
		r, err := http.Get(base + path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r.Body)
		r.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		for i, d := range []string{dir, other} {
			if got := strings.Contains(string(text), `<option value="`+d+`">`); got != want[i] {
				t.Errorf("%s: the solution %s can be run: %v, expected %v", path, filepath.Base(d), got, want[i])
			}
		}
	}
}
