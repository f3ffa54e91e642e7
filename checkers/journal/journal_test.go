package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestRoundTrip: events read as they were written, whatever the ids and bodies.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want []Event
		for id := range rapid.IntRange(0, 20).Draw(t, "messages") {
			m := Message{ID: int64(id), Src: rapid.String().Draw(t, "src"), Dest: rapid.StringMatching(`[a-z %]{0,4}`).Draw(t, "dest")}
			m.Body, _ = json.Marshal(map[string]string{"text": rapid.String().Draw(t, "text")})
			want = append(want, Event{Kind: Send, Time: time.Duration(id), Message: m})
			bare := Message{ID: m.ID, Src: m.Src, Dest: m.Dest}
			switch rapid.IntRange(0, 2).Draw(t, "fate") {
			case 0:
				want = append(want, Event{Kind: Recv, Time: time.Duration(id + 5), Message: bare})
			case 1:
				want = append(want, Event{Kind: Drop, Time: time.Duration(id + 5), Message: bare, Reason: "partition"})
			}
		}
		var b bytes.Buffer
		w := NewWriter(&b)
		for _, e := range want {
			w.Record(e)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		i := 0
		err := Read(&b, func(e Event) error {
			if e.Kind != want[i].Kind || e.Time != want[i].Time || e.Reason != want[i].Reason || e.Message.String() != want[i].Message.String() {
				t.Fatalf("event %d is %v, want %v", i, e, want[i])
			}
			i++
			return nil
		})
		if err != nil || i != len(want) {
			t.Fatalf("%d of %d events were read: %v", i, len(want), err)
		}
	})
}

// TestAppend: the line of a message is JSON, whatever its ids.
func TestAppend(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.OneOf(rapid.StringMatching(`[a-zA-Z0-9-]{0,8}`), rapid.StringMatching(`[-./@-Z\[`+"`"+`{]{1,3}`), rapid.String())
		m := Message{ID: 7, Src: id.Draw(t, "src"), Dest: id.Draw(t, "dest"), Body: json.RawMessage(`{"a":1}`)}
		want, err := json.Marshal(struct {
			ID   int64           `json:"id"`
			Src  string          `json:"src"`
			Dest string          `json:"dest"`
			Body json.RawMessage `json:"body"`
		}{m.ID, m.Src, m.Dest, m.Body})
		if got := m.String(); err != nil || got != string(want) {
			t.Fatalf("%s, want %s (%v)", got, want, err)
		}
	})
}

func TestReadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"hello\n":                 "not a glomers journal",
		header + "s 1 2 a b\n":    "2:1: unknown event",
		header + "r 5 2\n":        "2:1: message 5 was never sent",
		header + "x\n":            "2:1: expected an event",
		header + "s x 2 a b {}\n": "2:1: id and time must be numbers",
	} {
		if err := Read(strings.NewReader(text), func(Event) error { return nil }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %s", text, err, want)
		}
	}
	for name, text := range map[string]string{"an endless line": strings.Repeat("x", MaxLine+2), "an endless event": header + "s 0 0 a b " + strings.Repeat("x", MaxLine+2)} {
		err := Read(strings.NewReader(text), func(Event) error { return nil })
		var place *LineError
		if !errors.As(err, &place) || len(err.Error()) > 200 {
			t.Errorf("%s gives %.200v", name, err)
		}
	}
	n := 0
	err := Read(strings.NewReader(header+"s 0 1 a b {}\nr 0 "), func(Event) error { n++; return nil })
	if !errors.Is(err, ErrTruncated) || n != 1 {
		t.Errorf("a journal that was cut off gives %d events and %v", n, err)
	}
	for _, text := range []string{"", header[:5], strings.TrimSpace(header)} {
		if err := Read(strings.NewReader(text), nil); !errors.Is(err, ErrTruncated) {
			t.Errorf("the journal %q, which was cut off in its first line, gives %v", text, err)
		}
	}
}

func TestStats(t *testing.T) {
	var s Stats
	for _, e := range []Event{
		{Kind: Send, Message: Message{ID: 0, Src: "c1", Dest: "n1"}}, {Kind: Recv, Message: Message{ID: 0, Src: "c1", Dest: "n1"}},
		{Kind: Send, Message: Message{ID: 1, Src: "n1", Dest: "n2"}}, {Kind: Drop, Message: Message{ID: 1, Src: "n1", Dest: "n2"}},
		{Kind: Send, Message: Message{ID: 2, Src: "n1", Dest: "lin-kv"}}, {Kind: Recv, Message: Message{ID: 2, Src: "n1", Dest: "lin-kv"}},
	} {
		s.Add(e)
	}
	if s.Events != 6 {
		t.Errorf("%d events, want 6", s.Events)
	}
	s.PerOp(4)
	if s.All.SendCount != 3 || s.All.RecvCount != 2 || s.Clients.MsgCount != 1 || s.Servers.SendCount != 2 || s.Servers.RecvCount != 1 || *s.Servers.MsgsPerOp != 0.5 || s.Clients.MsgsPerOp != nil {
		t.Errorf("got %+v", s)
	}
}

// FuzzRead: a journal that can be read is read alike when it is written again, and
// an error names the line.
func FuzzRead(f *testing.F) {
	f.Add([]byte(header + "s 0 1 a b {}\nr 0 5\ns 1 2 a%20 % {\"a\": [1]}\nd 1 3 partition\n"))
	f.Add([]byte(header + "s 0 1 a b {}\nr 0 "))
	f.Add([]byte("glomers-journal 2\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		read := func(text []byte) (events []string, stats Stats, written []byte, err error) {
			var b bytes.Buffer
			w := NewWriter(&b)
			err = Read(bytes.NewReader(text), func(e Event) error {
				events = append(events, fmt.Sprintf("%c %d %q %q %q %q %d", e.Kind, e.Time, e.Reason, e.Message.Src, e.Message.Dest, e.Message.Body, e.Message.ID))
				stats.Add(e)
				w.Record(e)
				return nil
			})
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			return events, stats, b.Bytes(), err
		}
		events, stats, written, err := read(text)
		var place *LineError
		if err != nil && !errors.As(err, &place) {
			t.Fatalf("the error names no line: %v", err)
		}
		if place != nil && len(events) != max(place.Line-2, 0) {
			t.Fatalf("%d events before an error in line %d", len(events), place.Line)
		}
		if stats.Events != int64(len(events)) || stats.All.SendCount != stats.Clients.SendCount+stats.Servers.SendCount {
			t.Fatalf("%d events give %+v", len(events), stats)
		}
		if bytes.IndexByte(text, '\r') >= 0 {
			return // in a body, where JSON does not allow it, it is not kept
		}
		again, _, _, err := read(written)
		if err != nil || !slices.Equal(events, again) {
			t.Fatalf("%q is read as %q, and once written as %q (%v)", text, events, again, err)
		}
	})
}

// TestWho: clients are known by the c that their ids begin with. Everybody else is a
// server, services included.
func TestWho(t *testing.T) {
	for id, want := range map[string]struct{ client, service bool }{
		"c1": {true, false}, "n1": {}, "lin-kv": {false, true}, "seq-kv": {false, true}, "lww-kv": {false, true}, "lin-tso": {false, true}, "kv": {}, "": {},
	} {
		if IsClient(id) != want.client || IsService(id) != want.service {
			t.Errorf("%q is a client: %v, a service: %v", id, IsClient(id), IsService(id))
		}
	}
	for _, m := range []Message{{Src: "c1", Dest: "n1"}, {Src: "n1", Dest: "c1"}, {Src: "n1", Dest: "lin-kv"}} {
		if want := m.Dest != "lin-kv"; m.InvolvesClient() != want {
			t.Errorf("%s to %s involves a client: %v", m.Src, m.Dest, !want)
		}
	}
}

// TestNames: ids and bodies with what separates fields and lines, or nothing at all, are
// read as they were written.
func TestNames(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	var want []string
	for i, id := range []string{"", " ", "%", "a b", "a\nb", "a\rb", "100%", "%20", "é"} {
		m := Message{ID: int64(i), Src: id, Dest: id + "x", Body: json.RawMessage("{\"a\":\n\r[1]}")}
		want = append(want, fmt.Sprintf("%q %q", m.Src, m.Dest))
		w.Record(Event{Kind: Send, Message: m})
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	var got []string
	if err := Read(&b, func(e Event) error {
		got = append(got, fmt.Sprintf("%q %q", e.Message.Src, e.Message.Dest))
		var body any
		if err := json.Unmarshal(e.Message.Body, &body); err != nil || fmt.Sprint(body) != "map[a:[1]]" {
			t.Errorf("the body is %s, %v", e.Message.Body, err)
		}
		return nil
	}); err != nil || !slices.Equal(got, want) {
		t.Errorf("read %v, %v; expected %v", got, err, want)
	}
}

// TestBrokenWriter: the first error of writing a journal stays.
func TestBrokenWriter(t *testing.T) {
	w := NewWriter(brokenWriter{})
	for range 2 {
		if err := w.Flush(); err == nil || err.Error() != "broken" {
			t.Errorf("the error is %v", err)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }
