package web

import (
	"bufio"
	"context"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"glomers/internal/report"
)

// fakeRunner does what a test tells it to.
type fakeRunner struct {
	ordered chan Order
	finish  chan End
}

func (f *fakeRunner) Run(ctx context.Context, o Order, report func(Progress)) End {
	f.ordered <- o
	for i := range 3 {
		report(Progress{Phase: running, Invoked: 40 + i, Elapsed: time.Duration(i) * time.Second, Latency: time.Duration(i) * time.Millisecond, Faults: "<b>partition</b>"})
	}
	select {
	case end := <-f.finish:
		return end
	case <-ctx.Done():
		return End{Output: "interrupted"}
	}
}

// site is a server under test.
type site struct {
	*httptest.Server
	t      *testing.T
	store  string
	runner *fakeRunner
}

const runID = "broadcast/20260102T030405.000+0000"

// newSite returns a server whose store has one run, of stage 3c.
func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t, store: filepath.Join(t.TempDir(), "store"), runner: &fakeRunner{make(chan Order, 8), make(chan End)}}
	s.write(runID+"/test.json", `{"stage":"3c","workload":"broadcast","engine":"native","solution":"./my/3c","seed":7,"start":"2026-01-02T03:04:05Z"}`)
	s.write(runID+"/end.json", `{"ended":"complete"}`)
	s.write(runID+"/results.edn", `{:passed false, :valid? false, :criteria [{:title "messages per operation" :limit 30.0 :figure 31.5 :met? false}] :stats {:count 12}}`)
	s.write(runID+"/node-logs/n0.log", "hello\n")
	s.write(runID+"/history.edn", "{:type :invoke}\n")
	s.write("explore/20260102T030405.000+0000/explore.json", `{"title":"explored","last":9,"runs":10,"passed":8,"failures":[{"kind":"lost","seed":4,"report":"../../`+runID+`/report.html"},`+
		`{"kind":"<b>evil</b>","report":"javascript:alert(1)"}],"figures":[{"name":"<script>alert(1)</script>","values":[1,2]}]}`)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	root, err := openStore(s.store)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	handler, jobs, err := newServer(ctx, listener.Addr(), root, Config{
		Store: s.store, Runner: s.runner, Report: func(w io.Writer, run string) error {
			_, err := fmt.Fprintf(w, "<!doctype html><title>the report of %s</title>", run)
			return err
		}, Programs: map[string][]Program{"3c": {{ID: "reference"}, {ID: "./my/3c"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Server = httptest.NewUnstartedServer(handler)
	s.Server.Listener.Close()
	s.Server.Listener = listener
	s.Start()
	s.Client().CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t.Cleanup(func() {
		cancel()
		jobs.running.Wait()
		s.Close()
		root.Close()
	})
	return s
}

func (s *site) write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.store, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		s.t.Fatal(err)
	}
}

// answer is what the server answered.
type answer struct {
	*http.Response
	body string
}

// ask sends a request whose path is sent as it is. The header's fields come in pairs.
func (s *site) ask(method, path string, body url.Values, header ...string) answer {
	s.t.Helper()
	r, err := http.NewRequest(method, s.URL, strings.NewReader(body.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	r.URL.Opaque = path // as it is, not cleaned
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	response, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{response, string(text)}
}

func (s *site) get(path string, header ...string) answer {
	s.t.Helper()
	return s.ask(http.MethodGet, path, nil, header...)
}

var tokenField = regexp.MustCompile(`name="token" value="([^"]+)"`)

func (s *site) token() string {
	s.t.Helper()
	m := tokenField.FindStringSubmatch(s.get("/stages/3c").body)
	if m == nil {
		s.t.Fatal("the page of a stage has no form with a token")
	}
	return m[1]
}

// TestPages opens every kind of page.
func TestPages(t *testing.T) {
	s := newSite(t)
	for path, want := range map[string]string{
		"/":                                      "0 of 14</strong> stages passed",
		"/stages/3c":                             "Stage 3c: Broadcast on a network that loses messages",
		"/stages/6c":                             "There is no program to run here",
		"/runs":                                  "1 of 1 runs",
		"/runs?verdict=pass":                     "No run is like that",
		"/runs?engine=native":                    "1 of 1 runs",
		"/runs?stage=3d":                         "0 of 1 runs",
		"/reports/" + runID:                      "the report of " + runID,
		"/explorations/20260102T030405.000+0000": `href="/reports/broadcast/20260102T030405.000`,
		"/runs?from=2026-01-03":                  "0 of 1 runs",
		"/runs?page=99999":                       "1 of 1 runs",
		"/runs/" + runID:                         "messages per operation &lt; 30",
		"/files/" + runID + "/node-logs/n0.log":  "hello",
		"/docs":                                  `href="/docs/concepts"`,
		"/docs/concepts":                         "<h1",
		"/source/stages/1-echo/main.go":          "package main",
		"/source/stages/3c-broadcast/lost.svg":   "<svg",
		"/assets/style.css":                      ":root",
		"/assets/live.js":                        "EventSource",
		"/compare?run=" + url.QueryEscape(runID) + "&run=" + url.QueryEscape(runID): "Two runs side by side",
	} {
		a := s.get(path)
		if a.StatusCode != http.StatusOK || !strings.Contains(a.body, want) {
			t.Errorf("%s: status %d, expected 200 and a text with %q", path, a.StatusCode, want)
		}
	}
	for _, path := range []string{"/nothing", "/stages/9z", "/runs/broadcast", "/runs/broadcast/20990102T030405.000+0000", "/files/", "/files/broadcast", "/docs/none", "/source/go.mod", "/assets/none", "/reports/broadcast/20990102T030405.000+0000"} {
		if a := s.get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, expected 404", path, a.StatusCode)
		}
	}
}

// TestLinks follows every link and picture of the write-ups and of the docs.
func TestLinks(t *testing.T) {
	s := newSite(t)
	link := regexp.MustCompile(`(?:href|src)="(/[^"]*)"`)
	seen := map[string]answer{}
	visit := func(path string) answer {
		if _, ok := seen[path]; !ok {
			seen[path] = s.get(path)
		}
		return seen[path]
	}
	pages := []string{"/", "/docs"}
	for _, name := range newBook().pageNames() {
		pages = append(pages, "/docs/"+strings.TrimSuffix(name, ".md"))
	}
	for _, m := range regexp.MustCompile(`href="(/stages/\w+)"`).FindAllStringSubmatch(visit("/").body, -1) {
		pages = append(pages, m[1])
	}
	if len(pages) < 20 {
		t.Fatalf("there are only the pages %v", pages)
	}
	for _, page := range pages {
		for _, m := range link.FindAllStringSubmatch(visit(page).body, -1) {
			path, part, _ := strings.Cut(html.UnescapeString(m[1]), "#")
			to := visit(path)
			if to.StatusCode != http.StatusOK {
				t.Errorf("%s links to %s: status %d", page, path, to.StatusCode)
			}
			if part != "" && !strings.Contains(to.body, `id="`+part+`"`) {
				t.Errorf("%s links to %s, which has no part %s", page, path, part)
			}
		}
	}
}

// TestHost refuses names by which somebody else's DNS may lead here.
func TestHost(t *testing.T) {
	s := newSite(t)
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1:" + port, "localhost:" + port, "LOCALHOST", "[::1]:" + port, "127.0.0.1:1"} {
		if a := s.get("/", "Host", host); a.StatusCode != http.StatusOK {
			t.Errorf("host %s: status %d, expected 200", host, a.StatusCode)
		}
	}
	for _, host := range []string{"evil.example", "evil.example:" + port, "127.0.0.1.evil.example", "localhost.evil.example:" + port, "192.168.1.7:" + port, "0.0.0.0:" + port, "user@localhost", "localhost:x"} {
		for _, path := range []string{"/", "/nothing", "/files/" + runID + "/test.json", "/now/events", "/assets/live.js"} {
			if a := s.get(path, "Host", host); a.StatusCode/100 != 4 || strings.Contains(a.body, "broadcast") {
				t.Errorf("host %s, %s: status %d, expected a refusal", host, path, a.StatusCode)
			}
		}
	}
}

// TestHostBeyondLoopback: a server that listens to everybody is called by any address,
// and by no name but its own.
func TestHostBeyondLoopback(t *testing.T) {
	g := newGuard(&net.TCPAddr{IP: net.IPv4zero, Port: 80}, []string{"study"})
	for host, want := range map[string]bool{"study:80": true, "192.168.1.7:80": true, "[fe80::1]:80": true, "localhost": true, "evil.example": false, "192.168.1.7.evil.example": false, "": false} {
		if g.knows(host) != want {
			t.Errorf("host %q: known is %v, expected %v", host, !want, want)
		}
	}
}

// TestForeignPages refuses what pages of other sites ask for, except for following a
// link.
func TestForeignPages(t *testing.T) {
	s := newSite(t)
	own := s.URL
	form := url.Values{"token": {s.token()}, "program": {"reference"}}
	for _, c := range []struct {
		method string
		header []string
		status int
	}{
		{"GET", nil, 200},
		{"GET", []string{"Sec-Fetch-Site", "none"}, 200},
		{"GET", []string{"Sec-Fetch-Site", "same-origin"}, 200},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, 200},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors", "Sec-Fetch-Dest", "image"}, 403},
		{"GET", []string{"Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Dest", "empty"}, 403},
		{"GET", []string{"Origin", "https://evil.example"}, 403},
		{"GET", []string{"Origin", "null"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "same-site"}, 403},
		{"POST", []string{"Sec-Fetch-Site", "none"}, 403},
		{"POST", []string{"Origin", "https://evil.example"}, 403},
		{"POST", []string{"Origin", "null"}, 403},
		{"POST", []string{"Origin", own + ".evil.example"}, 403},
		{"POST", []string{"Origin", own, "Sec-Fetch-Site", "same-origin"}, 303},
	} {
		body := form
		if c.method == "GET" {
			body = nil
		}
		path := map[string]string{"GET": "/stages/3c", "POST": "/stages/3c/run"}[c.method]
		if a := s.ask(c.method, path, body, c.header...); a.StatusCode != c.status {
			t.Errorf("%s with %v: status %d, expected %d", c.method, c.header, a.StatusCode, c.status)
		}
	}
	<-s.runner.ordered
	if more := len(s.runner.ordered); more > 0 {
		t.Errorf("%d runs began besides the one that was ordered rightly", more)
	}
}

// TestToken: nothing is changed without the token of the server's own pages.
func TestToken(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/stages/3c/run", "/stages/3c/hint", "/now/cancel"} {
		for _, token := range [][]string{nil, {""}, {"x"}, {strings.Repeat("A", 32)}} {
			if a := s.ask("POST", path, url.Values{"token": token, "program": {"reference"}}); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s with the token %q: status %d, expected 403", path, token, a.StatusCode)
			}
		}
		if a := s.ask("POST", path+"?token="+s.token(), url.Values{"program": {"reference"}}); a.StatusCode != http.StatusForbidden {
			t.Errorf("%s with the token in its address: status %d, expected 403", path, a.StatusCode)
		}
	}
	if a := s.ask("POST", "/stages/3c/hint", url.Values{"token": {s.token()}, "more": {strings.Repeat("x", 70<<10)}}); a.StatusCode != http.StatusBadRequest {
		t.Errorf("a form of 70 kB: status %d, expected 400", a.StatusCode)
	}
	if _, err := os.Stat(filepath.Join(s.store, "hints.json")); err == nil || len(s.runner.ordered) > 0 {
		t.Error("a request that was refused changed something")
	}
}

// TestMethods: a page is read, a form is sent, and there is nothing else.
func TestMethods(t *testing.T) {
	s := newSite(t)
	for _, method := range []string{"PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"} {
		for _, path := range []string{"/", "/stages/3c/run", "/files/" + runID + "/test.json"} {
			if a := s.ask(method, path, nil); a.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: status %d, expected 405", method, path, a.StatusCode)
			}
		}
	}
	for _, path := range []string{"/stages/3c/run", "/stages/3c/hint", "/now/cancel"} {
		if a := s.get(path); a.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: status %d, expected 405", path, a.StatusCode)
		}
	}
}

// TestHeaders checks what every answer has, errors included.
func TestHeaders(t *testing.T) {
	s := newSite(t)
	s.write(runID+"/report.html", "<!doctype html><script>1</script>")
	s.write(runID+"/messages.svg", "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
	s.write(runID+"/evil.html", "<script>alert(1)</script>")
	s.write(runID+"/evil.js", "alert(1)")
	s.write(runID+"/history.edn.gz", "\x1f\x8b\x08\x00\x00")
	for _, c := range []struct{ path, kind, policy string }{
		{"/", "text/html; charset=utf-8", policy},
		{"/nothing", "text/plain; charset=utf-8", policy},
		{"/runs/nothing", "text/html; charset=utf-8", policy},
		{"/stages/3c", "text/html; charset=utf-8", policy},
		{"/assets/live.js", "text/javascript; charset=utf-8", policy},
		{"/explorations/20260102T030405.000+0000", "text/html; charset=utf-8", report.ExplorationPolicy() + "; frame-ancestors 'none'; sandbox"},
		{"/reports/" + runID, "text/html; charset=utf-8", reportPolicy()},
		{"/files/" + runID + "/report.html", "text/plain; charset=utf-8", picturePolicy},
		{"/files/" + runID + "/evil.html", "text/plain; charset=utf-8", picturePolicy},
		{"/files/" + runID + "/evil.js", "text/plain; charset=utf-8", picturePolicy},
		{"/files/" + runID + "/messages.svg", "image/svg+xml", picturePolicy},
		{"/files/" + runID + "/history.edn.gz", "application/octet-stream", picturePolicy},
	} {
		a := s.get(c.path)
		if got := a.Header.Get("Content-Type"); got != c.kind {
			t.Errorf("%s: type %q, expected %q", c.path, got, c.kind)
		}
		if got := a.Header.Get("Content-Security-Policy"); got != c.policy {
			t.Errorf("%s: policy %q, expected %q", c.path, got, c.policy)
		}
		if !strings.HasPrefix(c.policy, "default-src 'none';") || !strings.Contains(c.policy, "frame-ancestors 'none'") {
			t.Errorf("the policy %q lets something in, or a frame around", c.policy)
		}
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin", "Access-Control-Allow-Origin": ""} {
			if got := a.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, expected %q", c.path, name, got, want)
			}
		}
	}
	if p := reportPolicy(); !strings.Contains(p, "sandbox allow-scripts") || strings.Contains(p, "allow-same-origin") || strings.Contains(p+policy, "unsafe") {
		t.Error("a report has the origin of the server, or a page may have scripts inside")
	}
	if a := s.get("/reports/" + runID); !strings.Contains(a.body, "the report of "+runID) {
		t.Error("a page in the store is shown in place of the report that is made of the records")
	}
	if got := s.get("/files/" + runID + "/test.json?download").Header.Get("Content-Disposition"); got != "attachment; filename=test.json" {
		t.Errorf("a download has the disposition %q", got)
	}
}

// TestOutside: no path and no link leads out of the store.
func TestOutside(t *testing.T) {
	s := newSite(t)
	outside := filepath.Join(filepath.Dir(s.store), "secret.txt")
	if err := os.WriteFile(outside, []byte("the secret"), 0o666); err != nil {
		t.Fatal(err)
	}
	link := func(target, name string) {
		if err := os.Symlink(target, filepath.Join(s.store, filepath.FromSlash(name))); err != nil {
			t.Skip("this system makes no symbolic links: ", err)
		}
	}
	link(outside, runID+"/absolute.txt")
	link("../../../secret.txt", runID+"/relative.txt")
	link(filepath.Dir(s.store), runID+"/up")
	link(filepath.Dir(s.store), "broadcast/20260102T030406.000+0000")
	s.write("other/20260102T030405.000+0000/x", "")
	for _, name := range []string{"test.json", "results.edn", "end.json", "report.html"} {
		link(outside, "other/20260102T030405.000+0000/"+name)
	}
	for _, path := range []string{
		"/files/../secret.txt", "/files/..%2fsecret.txt", "/files/%2e%2e/secret.txt", "/files/" + runID + "/../../../secret.txt", "/files/" + runID + "/..%2f..%2f..%2fsecret.txt",
		"/files/" + runID + "/absolute.txt", "/files/" + runID + "/relative.txt", "/files/" + runID + "/up/secret.txt", "/files//" + outside, "/files/" + url.PathEscape(outside),
		"/files/broadcast/20260102T030406.000+0000/secret.txt", "/runs/broadcast/20260102T030406.000+0000", "/runs/other/20260102T030405.000+0000", "/runs/..", "/runs/" + runID,
		"/reports/other/20260102T030405.000+0000", "/reports/../secret.txt", "/source/../secret.txt", "/source/stages/..%2f..%2fgo.mod", "/docs/..%2fgo", "/assets/..%2fpages%2fhome.html",
		`/files/..\secret.txt`, "/files/%00", "/files/C:%5Csecret.txt", "/runs", "/",
	} {
		if a := s.get(path); strings.Contains(a.body, "the secret") || a.StatusCode == http.StatusOK && strings.HasPrefix(path, "/files") {
			t.Errorf("%s: status %d, expected a refusal and nothing from outside the store", path, a.StatusCode)
		}
	}
	if a := s.get("/reports/" + runID); a.StatusCode != http.StatusNotFound {
		t.Errorf("the report of a run with links in it: status %d, expected 404", a.StatusCode)
	}
	if a := s.get("/runs"); !strings.Contains(a.body, "2 of 2 runs") {
		t.Error("a link to a directory outside the store is listed as a run")
	}
}

// TestPipe: a named pipe in a store, of which nobody would ever read the end, is no
// file.
func TestPipe(t *testing.T) {
	s := newSite(t)
	if err := makePipe(filepath.Join(s.store, filepath.FromSlash(runID), "pipe.txt")); err != nil {
		t.Skip(err)
	}
	if a := s.get("/files/" + runID + "/pipe.txt"); a.StatusCode != http.StatusNotFound {
		t.Errorf("a pipe: status %d, expected 404", a.StatusCode)
	}
}

// TestHostile: markup in names, values and logs of a store arrives as text.
func TestHostile(t *testing.T) {
	s := newSite(t)
	const evil = `<script>alert(1)</script><img src=x onerror=alert(1)>"'`
	quoted := strings.NewReplacer(`"`, `\"`).Replace(evil)
	id := "broadcast/20260102T030407.000+0000"
	s.write(id+"/test.json", fmt.Sprintf(`{"stage":"3c","workload":"%s","engine":"%[1]s","solution":"%[1]s","command":"%[1]s","program":"x","start":"2026-01-02T03:04:07Z"}`, quoted))
	s.write(id+"/end.json", fmt.Sprintf(`{"ended":"aborted","reason":"%s","notes":["%[1]s"]}`, quoted))
	s.write(id+"/results.edn", fmt.Sprintf(`{:valid? :unknown, :passed false, :incomplete "%s", :criteria [{:title "%[1]s" :limit 1}], :stats {"%[1]s" "%[1]s"}, :workload {:a {:b {:c {"%[1]s" ["%[1]s"]}}}}, :latency {"%[1]s" {0 1}}}`, quoted))
	s.write(id+"/node-logs/n<img src=x onerror=alert(1)>.log", evil)
	s.write(`<script>alert(1)</script>/20260102T030408.000+0000/results.edn`, "{:valid? true}")
	query := url.QueryEscape(evil)
	for _, path := range []string{
		"/", "/stages/3c", "/runs", "/runs/" + id, "/runs/%3Cscript%3Ealert(1)%3C%2Fscript%3E/20260102T030408.000+0000", "/compare?run=" + url.QueryEscape(id) + "&run=" + url.QueryEscape(runID),
		"/runs?stage=" + query + "&verdict=" + query + "&engine=" + query + "&from=" + query, "/compare?run=" + query, "/runs/" + url.PathEscape(evil), "/stages/" + url.PathEscape(evil), "/" + url.PathEscape(evil),
	} {
		a := s.get(path)
		if strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
			continue
		}
		if strings.Contains(a.body, "<script>alert") || strings.Contains(a.body, "<img src=x") {
			t.Errorf("%s shows markup of the store as markup", path)
		}
	}
	if a := s.get("/explorations/20260102T030405.000+0000"); strings.Contains(a.body, "javascript:") || strings.Contains(a.body, "<b>evil") || strings.Contains(a.body, "<script") {
		t.Error("the page of an exploration shows markup of the store as markup")
	}
	if a := s.get("/runs/" + id); a.StatusCode != 200 || !strings.Contains(a.body, "&lt;script&gt;alert(1)") {
		t.Errorf("the page of the run: status %d, expected 200 and the markup as text", a.StatusCode)
	}
	if a := s.get("/files/" + id + "/node-logs/" + url.PathEscape("n<img src=x onerror=alert(1)>.log")); a.StatusCode != 200 || a.body != evil || a.Header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("the log: status %d, %q", a.StatusCode, a.body)
	}
}

// TestDamaged: a store whose files are cut off, of another kind, or very long has a
// page that says so.
func TestDamaged(t *testing.T) {
	s := newSite(t)
	deep := strings.Repeat("{:a ", 100_000)
	for i, text := range []string{"", "{", "[1 2", "#{", "{:valid? maybe :criteria 7 :latency [] :stats 1}", "\x00\xff", deep, `{:stats {` + strings.Repeat(`"k" {:x 1} `, 50_000) + `}}`} {
		id := fmt.Sprintf("broadcast/20260202T03040%d.000+0000", i)
		s.write(id+"/results.edn", text)
		s.write(id+"/test.json", strings.Repeat("{", i))
		s.write(id+"/end.json", `{"notes": "none"}`)
		a := s.get("/runs/" + id)
		if a.StatusCode != 200 || !strings.Contains(a.body, "cannot be read") || len(a.body) > 200_000 {
			t.Errorf("results %.20q: status %d, %d bytes, expected a page that says what is damaged", text, a.StatusCode, len(a.body))
		}
	}
	long := filepath.Join(s.store, filepath.FromSlash(runID), "node-logs", "n1.log")
	if err := os.WriteFile(long, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(long, 4<<30); err != nil { // takes no room on the disk
		t.Skip("this system makes no sparse file: ", err)
	}
	r := s.get("/files/"+runID+"/node-logs/n1.log", "Range", "bytes=4000000000-4000000009")
	if r.StatusCode != http.StatusPartialContent || len(r.body) != 10 {
		t.Errorf("a part of a long log: status %d, %d bytes, expected 206 and 10", r.StatusCode, len(r.body))
	}
	if a := s.get("/runs/" + runID); !strings.Contains(a.body, "4.3 GB") {
		t.Error("the page of the run does not list the long log")
	}
}

// TestOrders: a form names a program of the list, never a path, and one run is under
// way at a time.
func TestOrders(t *testing.T) {
	s := newSite(t)
	token := s.token()
	order := func(pairs ...string) answer {
		form := url.Values{"token": {token}, "program": {"reference"}}
		for i := 0; i < len(pairs); i += 2 {
			form.Set(pairs[i], pairs[i+1])
		}
		return s.ask("POST", "/stages/3c/run", form)
	}
	for _, bad := range [][]string{
		{"program", ""}, {"program", "/bin/sh"}, {"program", "../../my/evil"}, {"program", "--bin=/bin/sh"}, {"seed", "-1"}, {"seed", "1 --bin /bin/sh"}, {"seed", "x"}, {"engine", "maelstrom"}, {"engine", "--bin"},
	} {
		if a := order(bad...); a.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: status %d, expected 400", bad, a.StatusCode)
		}
	}
	if n := len(s.runner.ordered); n > 0 {
		t.Fatalf("%d runs began for orders that are none", n)
	}
	if a := order("program", "./my/3c", "seed", "12", "strict", "1"); a.StatusCode != http.StatusSeeOther || a.Header.Get("Location") != "/now" {
		t.Fatalf("an order: status %d to %q, expected 303 to /now", a.StatusCode, a.Header.Get("Location"))
	}
	if got, want := <-s.runner.ordered, (Order{Stage: "3c", Program: "./my/3c", Seed: "12", Strict: true}); got != want {
		t.Errorf("ordered %+v, expected %+v", got, want)
	}
	if a := order(); a.StatusCode != http.StatusConflict {
		t.Errorf("a second order: status %d, expected 409", a.StatusCode)
	}
	s.runner.finish <- End{Outcome: "fail", Output: "  ✗ <b>lost</b>", Runs: []string{runID, "../outside"}}
	s.waitFor("/now", "What the command says")
	a := s.get("/now")
	if !strings.Contains(a.body, "FAIL") || !strings.Contains(a.body, "&lt;b&gt;lost") || !strings.Contains(html.UnescapeString(a.body), "/runs/"+runID) {
		t.Errorf("the end does not show the verdict, the output and the run:\n%s", a.body)
	}
	if a := order(); a.StatusCode != http.StatusSeeOther {
		t.Errorf("an order after the end: status %d, expected 303", a.StatusCode)
	}
}

// waitFor asks for a page until it has a text.
func (s *site) waitFor(path, text string) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !strings.Contains(s.get(path).body, text); {
		if time.Now().After(deadline) {
			s.t.Fatalf("%s does not come to show %q", path, text)
		}
	}
}

// TestEvents follows a run until it is cancelled.
func TestEvents(t *testing.T) {
	s := newSite(t)
	token := s.token()
	if a := s.get("/now/events"); a.StatusCode != http.StatusNotFound {
		t.Errorf("events before any run: status %d, expected 404", a.StatusCode)
	}
	s.ask("POST", "/stages/3c/run", url.Values{"token": {token}, "program": {"reference"}})
	response, err := s.Client().Get(s.URL + "/now/events")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if kind := response.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("events have the type %q", kind)
	}
	lines := bufio.NewScanner(response.Body)
	until := func(text string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), text) {
				return
			}
		}
		t.Fatalf("the events end without %q", text)
	}
	until(`"invoked":42`)
	// Whoever comes late gets the whole course.
	late, err := s.Client().Get(s.URL + "/now/events")
	if err != nil {
		t.Fatal(err)
	}
	defer late.Body.Close()
	first := bufio.NewScanner(late.Body)
	for first.Scan() && !strings.HasPrefix(first.Text(), "data:") {
	}
	if want := `"from":0,"points":[{"at":0,"latency":0,"faulty":true},{"at":1,"latency":1,"faulty":true},{"at":2,"latency":2,"faulty":true}]`; !strings.Contains(first.Text(), want) {
		t.Errorf("the first event is %s, expected it to have %s", first.Text(), want)
	}
	s.ask("POST", "/now/cancel", url.Values{"token": {token}})
	until("event: end")
	s.waitFor("/now", "interrupted")
}

// TestEnd: when the server's context ends, so do the run under way, its events, and
// Serve.
func TestEnd(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	runner := &fakeRunner{make(chan Order, 1), make(chan End)}
	done := make(chan error)
	go func() {
		done <- Serve(ctx, listener, Config{Store: filepath.Join(t.TempDir(), "store"), Runner: runner, Programs: map[string][]Program{"1": {{ID: "reference"}}}})
	}()
	base := "http://" + listener.Addr().String()
	page, err := http.Get(base + "/stages/1")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(page.Body)
	page.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	token := tokenField.FindStringSubmatch(string(text))[1]
	r, err := http.PostForm(base+"/stages/1/run", url.Values{"token": {token}, "program": {"reference"}})
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	<-runner.ordered
	events, err := http.Get(base + "/now/events")
	if err != nil {
		t.Fatal(err)
	}
	defer events.Body.Close()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Serve returned %v, expected no error", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("Serve did not return after its context had ended")
	}
}

// TestHints gives one hint for each request.
func TestHints(t *testing.T) {
	s := newSite(t)
	if body := s.get("/stages/3c").body; strings.Contains(body, "the network now loses") || !strings.Contains(body, "0 of 6 given") {
		t.Error("a hint is shown before anybody asked")
	}
	for n := 1; n <= 8; n++ {
		a := s.ask("POST", "/stages/3c/hint", url.Values{"token": {s.token()}})
		if a.StatusCode != http.StatusSeeOther {
			t.Fatalf("hint %d: status %d, expected 303", n, a.StatusCode)
		}
		body := s.get("/stages/3c").body
		want := fmt.Sprintf("%d of 6 given", n)
		if n >= 6 {
			want = "That was the design."
		}
		if !strings.Contains(body, want) {
			t.Errorf("after %d requests the page lacks %q", n, want)
		}
	}
}
