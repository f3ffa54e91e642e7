package nodeio

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"glomers/checkers/journal"
)

// wantError fails the test unless err contains all parts, in their order.
func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error, want one with %q", parts)
	}
	rest := err.Error()
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Fatalf("the error is\n%s\nwant %q in %q", err, part, rest)
		}
		rest = after
	}
}

func TestMessage(t *testing.T) {
	var o Output
	m, err := o.Message([]byte(`{"src":"n1","dest":"c2","body":{"type":"echo_ok"}}`))
	if err != nil || m.Src != "n1" || m.Dest != "c2" || string(m.Body) != `{"type":"echo_ok"}` {
		t.Errorf("got %v and the error %v", m, err)
	}
}

func TestLinesThatAreNotMessages(t *testing.T) {
	var o Output
	_, err := o.Message([]byte("listening on port 80"))
	wantError(t, err, "printed a line on stdout that is not a message: ", `"listening on port 80"`, "print everything else on stderr")

	_, err = o.Message([]byte(`{"src": "n0"}`)) // meant to be a message: no advice about prints
	wantError(t, err, "is not a message: ", `"{\"src\": \"n0\"}"`)
	if strings.Contains(err.Error(), "stderr") {
		t.Errorf("advice about prints for a faulty message: %v", err)
	}

	// The part of a long line that is shown is the one with the fault.
	long := `{"src":"n0","dest":"c1","body":{"type":"read_ok","messages":[` + strings.Repeat("123456, ", 100) + `oops, ` + strings.Repeat("123456, ", 100) + `1]}}`
	_, err = o.Message([]byte(long))
	wantError(t, err, "…", "oops", "…")
	if len(err.Error()) > 500 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

func TestOutputIsLimited(t *testing.T) {
	var o Output
	line := bytes.Repeat([]byte("x"), MaxLine-1) // with its line feed, an even share of MaxOutput
	for i := range MaxOutput / MaxLine {
		if err := o.Stderr(line); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
	}
	wantError(t, o.Stderr(nil), "printed more than 1024 MiB on stderr", "endless")

	o.stdout.bytes = MaxOutput - 2
	if _, err := o.Message([]byte("x")); strings.Contains(err.Error(), "more than") {
		t.Errorf("a line that fits: %v", err)
	}
	_, err := o.Message([]byte(`{"src":"n1","dest":"c2","body":{"type":"echo_ok"}}`))
	wantError(t, err, "printed more than 1024 MiB on stdout")
	o.stdout.bytes = MaxOutput - 1
	if err := o.Blank([]byte("\n")); err != nil {
		t.Errorf("an empty line that fits: %v", err)
	}
	wantError(t, o.Blank([]byte("\n")), "printed more than 1024 MiB on stdout")
}

func TestFailKeepsTheLastLines(t *testing.T) {
	var o Output
	for i := range 100 {
		o.Stderr(fmt.Appendf(nil, "log %d", i))
		o.Message(fmt.Appendf(nil, "out %d", i))
	}
	cause := errors.New("exited")
	e := o.Fail("n3", cause)
	wantError(t, e, "node n3 exited")
	if !errors.Is(e, cause) {
		t.Error("the cause is lost")
	}
	if len(e.Stdout) != keptLines || e.Stdout[keptLines-1] != "out 99" || len(e.Stderr) != keptLines || e.Stderr[0] != "log 68" {
		t.Errorf("kept stdout %q, stderr %q", e.Stdout, e.Stderr)
	}
	got := e.Describe()
	want := "its last lines on stdout:\n    out 88\n"
	if !strings.HasPrefix(got, want) || !strings.Contains(got, "    out 99\nits last lines on stderr:\n    log 88\n") || !strings.HasSuffix(got, "    log 99\n") {
		t.Errorf("described as\n%s", got)
	}
}

func TestLongLinesAreCut(t *testing.T) {
	var o Output
	o.Stderr([]byte("x" + strings.Repeat("é", 1000)))
	kept := o.Fail("n0", errors.New("exited")).Stderr[0]
	if utf8.RuneCountInString(kept) != keptWidth || !utf8.ValidString(kept) || !strings.HasSuffix(kept, "é…") {
		t.Errorf("kept %q", kept)
	}
}

func TestCrashReports(t *testing.T) {
	for _, beginning := range []string{"panic: index out of range", "fatal error: concurrent map writes", "Traceback (most recent call last):"} {
		var o Output
		o.Stderr([]byte("before"))
		o.Stderr([]byte(beginning))
		for i := range 100 {
			o.Stderr(fmt.Appendf(nil, "frame %d", i))
		}
		got := o.Fail("n0", errors.New("crashed")).Describe()
		want := "its crash report on stderr:\n    " + beginning + "\n    frame 0\n"
		if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "frame 10\n") {
			t.Errorf("described as\n%s", got)
		}
	}
}

func TestNothingPrintedNothingDescribed(t *testing.T) {
	var o Output
	if got := o.Fail("n0", ErrExited).Describe(); got != "" {
		t.Errorf("described as %q", got)
	}
}

func TestFailSilent(t *testing.T) {
	cause := errors.New("did not answer init within 10s")
	for _, test := range []struct {
		name  string
		print func(*Output)
		want  []string
	}{
		{"nothing", func(*Output) {}, []string{"node n0 did not answer init within 10s; it printed nothing at all", "flush stdout", "fflush(stdout)", "flush=True"}},
		{"stderr only", func(o *Output) { o.Stderr([]byte("got init")) }, []string{"it printed nothing on stdout", "flush"}},
		{"an answer on stderr", func(o *Output) { o.Stderr([]byte(`{"src":"n0","dest":"c0","body":{"type":"init_ok"}}`)) }, []string{"it printed a message on stderr, but messages belong on stdout"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var o Output
			test.print(&o)
			wantError(t, o.FailSilent("n0", cause), test.want...)
		})
	}
	var o Output
	o.Message([]byte(`{"src":"n0","dest":"n1","body":{"type":"gossip"}}`))
	if got := o.FailSilent("n0", cause).Msg; got != cause.Error() {
		t.Errorf("a node that printed messages: %q", got)
	}
}

func TestDeliver(t *testing.T) {
	m := journal.Message{Src: "n1", Dest: "n9", Body: []byte(`{"type":"gossip"}`)}
	received := 0
	accept := func(journal.Message) error { received++; return nil }
	if err := Deliver("n1", m, accept); err != nil || received != 1 {
		t.Errorf("received %d times, error %v", received, err)
	}
	wantError(t, Deliver("n0", m, accept), `printed a message whose "src" is "n1", not its own id`, "gossip")
	if received != 1 {
		t.Error("a message in another node's name was received")
	}
	refuse := func(journal.Message) error { return errors.New("there is no n9") }
	wantError(t, Deliver("n1", m, refuse), "printed a message that cannot be delivered: there is no n9", "gossip")
}

func TestDescribeIsSafeForTerminals(t *testing.T) {
	var o Output
	o.Stderr([]byte("\x1b[2Jcleared\x07\tkept\u202etxt.exe\xff"))
	got := o.Fail("n0", ErrExited).Describe()
	if want := `\x1b[2Jcleared\a` + "\t" + `kept\u202etxt.exe\xff`; !strings.Contains(got, want) {
		t.Errorf("described as %q, want %q in it", got, want)
	}
}

func TestPrintable(t *testing.T) {
	if got, want := Printable(`"größer" 日本 🙂 \n`), `"größer" 日本 🙂 \n`; got != want {
		t.Errorf("harmless text became %q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		got := Printable(text)
		for _, r := range got {
			if r != '\t' && !unicode.IsPrint(r) {
				t.Fatalf("%q became %q", text, got)
			}
		}
	})
}

// file is a log file in memory.
type file struct {
	bytes.Buffer
	closed bool
}

func (f *file) Close() error { f.closed = true; return nil }

func TestLogIsCapped(t *testing.T) {
	var f file
	l := NewLog(&f)
	line := append(bytes.Repeat([]byte("x"), 1<<20-1), '\n')
	for range MaxLog >> 20 {
		if n, err := l.Write(line); n != len(line) || err != nil {
			t.Fatalf("Write returned %d, %v", n, err)
		}
	}
	if f.Len() != MaxLog {
		t.Fatalf("the log has %d bytes, want %d", f.Len(), MaxLog)
	}
	for range 3 {
		if n, err := l.Write([]byte("more\n")); n != 5 || err != nil {
			t.Fatalf("Write returned %d, %v", n, err)
		}
	}
	if got, want := string(f.Bytes()[MaxLog:]), "[this log is limited to 64 MiB: what the node printed from here on is not kept]\n"; got != want {
		t.Errorf("the log ends with %q, want %q", got, want)
	}
	if l.Close(); !f.closed {
		t.Error("the file was not closed")
	}
}

func TestCapNoticeBeginsALine(t *testing.T) {
	var f file
	l := NewLog(&f)
	l.Write([]byte("no line feed"))
	l.left = 0
	l.Write([]byte("x"))
	if got := f.String(); !strings.HasPrefix(got, "no line feed\n[this log is limited") {
		t.Errorf("the log is %q", got)
	}
}
