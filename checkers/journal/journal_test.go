package journal

import (
	"bytes"
	"encoding/json"
	"errors"
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

func TestReadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "not a glomers journal",
		"hello\n":                 "not a glomers journal",
		header + "s 1 2 a b\n":    "line 2: unknown event",
		header + "r 5 2\n":        "line 2: message 5 was never sent",
		header + "x\n":            "line 2: expected an event",
		header + "s x 2 a b {}\n": "line 2: id and time must be numbers",
	} {
		if err := Read(strings.NewReader(text), func(Event) error { return nil }); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %s", text, err, want)
		}
	}
	n := 0
	err := Read(strings.NewReader(header+"s 0 1 a b {}\nr 0 "), func(Event) error { n++; return nil })
	if !errors.Is(err, ErrTruncated) || n != 1 {
		t.Errorf("a journal that was cut off gives %d events and %v", n, err)
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
