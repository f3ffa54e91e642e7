package workload

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
)

// requests keeps what clients send.
type requests struct{ sent []json.RawMessage }

func (r *requests) Send(_, _ string, body json.RawMessage) error {
	r.sent = append(r.sent, body)
	return nil
}

// invocations are operations by workload and name, to be answered.
var invocations = map[string]history.Op{
	"echo echo":           {F: "echo", Value: "hi"},
	"unique-ids generate": {F: "generate"},
	"broadcast broadcast": {F: "broadcast", Value: int64(7)},
	"broadcast read":      {F: "read"},
	"g-set add":           {F: "add", Value: int64(7)},
	"g-set read":          {F: "read"},
	"g-counter add":       {F: "add", Value: int64(3)},
	"g-counter read":      {F: "read"},
	"pn-counter read":     {F: "read"},
	"kafka send":          {F: "send", Value: []any{[]any{edn.Keyword("send"), "8", int64(5)}}},
	"kafka poll":          {F: "poll", Value: []any{[]any{edn.Keyword("poll")}}},
	"kafka assign":        {F: "assign", Value: []any{"8"}},
	"lin-kv read":         {F: "read", Value: []any{int64(1), nil}},
	"lin-kv write":        {F: "write", Value: []any{int64(1), int64(2)}},
	"lin-kv cas":          {F: "cas", Value: []any{int64(1), []any{int64(2), int64(3)}}},
	"txn-rw-register txn": {F: "txn", Value: []any{[]any{edn.Keyword("r"), int64(1), nil}, []any{edn.Keyword("w"), int64(2), int64(4)}}},
	"txn-list-append txn": {F: "txn", Value: []any{[]any{edn.Keyword("r"), int64(1), nil}, []any{edn.Keyword("append"), int64(2), int64(4)}}},
}

// TestReplies gives every workload replies of every shape and shows what the
// history says. Each line of input is a reply, in_reply_to left out, and becomes a
// line of output.
func TestReplies(t *testing.T) {
	datadriven.Walk(t, "testdata/replies", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			var out strings.Builder
			for _, line := range strings.Split(strings.TrimSpace(d.Input), "\n") {
				fmt.Fprintln(&out, answer(t, d.Cmd, d.CmdArgs[0].Key, line))
			}
			return out.String()
		})
	})
}

// answer invokes an operation, answers it, and describes its completion. A second
// request, as of the commit that follows a poll, is acknowledged.
func answer(t *testing.T, name, f, reply string) string {
	op, ok := invocations[name+" "+f]
	if !ok {
		t.Fatalf("there is no operation %s of %s", f, name)
	}
	k := kernel.New(1)
	w, err := New(name, Options{Nodes: []string{"n0"}, Concurrency: 2, MaxTxnLength: 4, MaxWritesPerKey: 16}, k)
	if err != nil {
		t.Fatal(err)
	}
	net := &requests{}
	c := NewClient(k, net, "c1", "n0")
	text := ""
	c.OnStray = func(s Stray) { text += "stray, " + s.Reason + "; " }
	w.Open(c).Invoke(op, func(done history.Op) {
		shown := done.Value
		if done.Error != nil {
			shown = done.Error
		}
		text += fmt.Sprintf("%v %s", done.Type, edn.String(shown))
	})
	body := reply
	if !strings.Contains(reply, `"in_reply_to"`) && !strings.Contains(reply, `"InReplyTo"`) {
		body = strings.TrimSuffix(reply, "}") + `,"in_reply_to":1}`
	}
	c.Deliver(journal.Message{Src: "n0", Dest: "c1", Body: json.RawMessage(body)})
	if len(net.sent) == 2 {
		var second struct{ Type string }
		if err := json.Unmarshal(net.sent[1], &second); err != nil {
			t.Fatal(err)
		}
		c.Deliver(journal.Message{Src: "n0", Dest: "c1", Body: json.RawMessage(fmt.Sprintf(`{"type":"%s_ok","in_reply_to":2}`, second.Type))})
	}
	if c.waiting != nil {
		for k.Step() {
		}
	}
	return text
}
