package trace

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"glomers/checkers/history"
	"glomers/checkers/journal"
)

// TestStory follows key 7 through two nodes and a store, among requests that have nothing
// to do with it.
func TestStory(t *testing.T) {
	messages := []struct {
		at        time.Duration
		src, dest string
		body      string
		in        bool
	}{
		{10, "c1", "n0", `{"type":"send","key":"7","msg_id":1}`, true}, // n0 asks the store about 7 for it
		{11, "n0", "lin-kv", `{"type":"read","key":"7","msg_id":1}`, true},
		{12, "c2", "n1", `{"type":"send","key":"8","msg_id":1}`, false}, // another node, another key
		{13, "n1", "lin-kv", `{"type":"read","key":"8","msg_id":1}`, false},
		{14, "lin-kv", "n0", `{"type":"read_ok","value":1,"in_reply_to":1}`, true},
		{15, "n0", "c1", `{"type":"send_ok","offset":0,"in_reply_to":1}`, true},
		{16, "c1", "n0", `{"type":"poll","msg_id":2}`, false}, // after the story on n0
		{17, "n0", "c1", `{"type":"poll_ok","in_reply_to":2}`, false},
		{18, "n1", "c2", `{"type":"send_ok","offset":0,"in_reply_to":1}`, false},
		{20, "c2", "n1", `{"type":"list","msg_id":2}`, true}, // of an operation with the value 7
		{21, "n1", "c2", `{"type":"list_ok","in_reply_to":2}`, true},
		{22, "c2", "n1", `{"type":"list","msg_id":3}`, false},
	}
	h, err := history.New([]history.Op{
		{Index: 0, Type: history.Invoke, F: "list", Process: 1, Value: []any{"7"}, Time: 20},
		{Index: 1, Type: history.OK, F: "list", Process: 1, Value: []any{"7"}, Time: 21},
	})
	if err != nil {
		t.Fatal(err)
	}
	s := NewStory(h, Nodes{IDs: []string{"n0", "n1"}, Workers: 2}, Subject{About: []any{int64(7)}})
	var all []journal.Message
	for i, m := range messages {
		e := journal.Event{Kind: journal.Send, Time: m.at, Message: journal.Message{ID: int64(i), Src: m.src, Dest: m.dest, Body: json.RawMessage(m.body)}}
		s.Add(e)
		e.Kind = journal.Recv
		s.Add(e)
		all = append(all, e.Message)
	}
	for i, m := range messages {
		if got := s.Has(all[i]); got != m.in {
			t.Errorf("%s → %s %s is in the story: %t, expected %t", m.src, m.dest, m.body, got, m.in)
		}
	}
	whole := NewStory(h, Nodes{}, Subject{})
	if slices.ContainsFunc(all, func(m journal.Message) bool { return !whole.Has(m) }) {
		t.Error("the story of everything lacks a message")
	}
}
