package workload

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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

// TestStrays: a client says why a message is no answer to its request, once for each. The
// late answer to a request that timed out is none either, but nothing to speak of.
func TestStrays(t *testing.T) {
	k := kernel.New(1)
	c := NewClient(k, &requests{}, "c1", "n0")
	var strays []string
	outcomes := ""
	call := func() {
		c.Call(setAddRPC, nil, DefaultTimeout, func(_ Reply, err *Error) { outcomes += fmt.Sprintln(err == nil) })
	}
	deliver := func(body string) {
		c.Deliver(journal.Message{ID: 7, Src: "n0", Dest: "c1", Body: json.RawMessage(body)})
	}
	deliver("[]") // nobody listens
	c.OnStray = func(s Stray) { strays = append(strays, s.String()) }
	call()
	deliver("[]")
	deliver(`{"type":"add_ok","in_reply_to":0}`)
	deliver(`{"type":"add_ok","in_reply_to":1}`)
	deliver(`{"type":"add_ok","in_reply_to":1}`)
	call()
	for k.Step() {
	}
	deliver(`{"type":"add_ok","in_reply_to":2}`)
	deliver(`{"type":"add_ok","in_reply_to":2}`)
	call()
	c.Close()
	for k.Step() {
	}
	c.Close()
	want := []string{
		`its body is not a JSON object: {"id":7,"src":"n0","dest":"c1","body":[]}`,
		`its "in_reply_to" is 0, but c1 sent no request with that msg_id: {"id":7,"src":"n0","dest":"c1","body":{"type":"add_ok","in_reply_to":0}}`,
		`request 1 has been answered before: {"id":7,"src":"n0","dest":"c1","body":{"type":"add_ok","in_reply_to":1}}`,
		`request 2 has been answered before: {"id":7,"src":"n0","dest":"c1","body":{"type":"add_ok","in_reply_to":2}}`,
	}
	if !slices.Equal(strays, want) {
		t.Errorf("the strays are\n%s\nwant\n%s", strings.Join(strays, "\n"), strings.Join(want, "\n"))
	}
	if outcomes != "true\nfalse\n" {
		t.Errorf("the requests succeeded: %q, want the first, not the second, and of the third nothing", outcomes)
	}
}

// TestInit: the answer to init may have any fields, as in Maelstrom, which looks only at
// its type.
func TestInit(t *testing.T) {
	for body, want := range map[string]string{
		`{"type":"init_ok","version":3}`:              "<nil>",
		`{"type":"ok"}`:                               `malformed-rpc-response: reply of n0 to init: its "type" is "ok", expected "init_ok"`,
		`{"type":"error","code":13,"text":"no disk"}`: "crash: no disk",
	} {
		v, err := edn.FromJSON([]byte(body))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := InitRPC.reply("n0", v.(edn.Map)); (err == nil) != (want == "<nil>") || err != nil && err.Error() != want {
			t.Errorf("%s gives %v, want %s", body, err, want)
		}
	}
}

// TestSetupError: what a node did wrong before the load can be told from the error.
func TestSetupError(t *testing.T) {
	silent := &SetupError{"n1", "topology", DefaultTimeout, &Error{Name: "net-timeout"}}
	wrong := &SetupError{"n1", "topology", DefaultTimeout, &Error{Name: "abort", Text: "no"}}
	if !silent.Silent() || wrong.Silent() {
		t.Errorf("silent: %v, %v, want only the one that gave no answer", silent.Silent(), wrong.Silent())
	}
	var cause *Error
	if !errors.As(wrong, &cause) || cause.Name != "abort" {
		t.Errorf("%v hides its cause", wrong)
	}
}
