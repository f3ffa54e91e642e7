package trace

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"glomers/checkers/history"
	"glomers/checkers/journal"
)

func send(t *Trace, id int64, at time.Duration, src, dest, body string) {
	t.Add(journal.Event{Kind: journal.Send, Time: at, Message: journal.Message{ID: id, Src: src, Dest: dest, Body: json.RawMessage(body)}})
}

func ops(t *testing.T, text string) *history.History {
	t.Helper()
	ops, err := history.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const twoReads = `{:index 0, :time 1000000, :type :invoke, :process 0, :f :broadcast, :value 7}
{:index 1, :time 2000000, :type :ok, :process 0, :f :broadcast, :value 7}
{:index 2, :time 900000000, :type :invoke, :process 1, :f :read, :value nil}
{:index 3, :time 901000000, :type :ok, :process 1, :f :read, :value [8]}
{:index 4, :time 902000000, :type :invoke, :process 0, :f :broadcast, :value 8}
{:index 5, :time 903000000, :type :info, :process :nemesis, :f :start-partition, :value nil}
`

func TestAbout(t *testing.T) {
	tr := New([]any{int64(7)})
	tr.AddHistory(ops(t, twoReads), []int{3}) // the read that lacks 7
	send(tr, 1, 3*time.Millisecond, "n0", "n1", `{"type":"gossip","values":[7],"msg_id":1}`)
	send(tr, 2, 4*time.Millisecond, "n0", "n1", `{"type":"gossip","values":[8],"msg_id":7}`) // an id is no value
	send(tr, 3, 5*time.Millisecond, "c0", "n1", `{"type":"broadcast","message":7}`)          // the operation says it
	send(tr, 4, 6*time.Millisecond, "n0", "n2", `{"7":1}`)
	tr.Add(journal.Event{Kind: journal.Drop, Time: 8 * time.Millisecond, Message: journal.Message{ID: 1}, Reason: "partition"})
	lines, left := tr.Lines(0)
	want := strings.TrimPrefix(`
   0.001000  process 0    invoke broadcast 7
   0.002000  process 0    ok broadcast 7
   0.003000    n0 → n1  {"type":"gossip","values":[7],"msg_id":1}  ✗ lost at 0.008000: partition
   0.006000    n0 → n2  {"7":1}
   0.901000  process 1    ok read [8]
   0.903000  nemesis      info start-partition nil`, "\n")
	if got := strings.Join(lines, "\n"); got != want || left != 0 {
		t.Errorf("found\n%s\nexpected\n%s", got, want)
	}
	if lines, left := tr.Lines(2); len(lines) != 2 || left != 4 || !strings.Contains(lines[0], "ok read") {
		t.Errorf("the last two lines are %q, %d left out", lines, left)
	}
}

// Repetitions are one line, unless an operation lies between them or their fate
// differs.
func TestFold(t *testing.T) {
	tr := New([]any{int64(7)})
	for i := range 5 {
		at := time.Duration(3+i) * time.Millisecond
		send(tr, int64(2*i), at, "n0", "n1", `{"values":[7],"msg_id":`+string(rune('0'+i))+`}`)
		send(tr, int64(2*i+1), at, "n0", "n2", `{"values":[7],"msg_id":`+string(rune('0'+i))+`}`)
	}
	tr.Add(journal.Event{Kind: journal.Drop, Time: time.Second, Message: journal.Message{ID: 8}, Reason: "loss"})
	tr.AddHistory(ops(t, twoReads), nil)
	send(tr, 20, time.Second, "n0", "n1", `{"values":[7]}`)
	lines, _ := tr.Lines(0)
	var messages []string
	for _, l := range lines {
		if strings.Contains(l, "→") {
			messages = append(messages, l)
		}
	}
	want := []string{
		`   0.003000    n0 → n1  {"values":[7],"msg_id":0}  (4 times, the last at 0.006000)`,
		`   0.003000    n0 → n2  {"values":[7],"msg_id":0}  (5 times, the last at 0.007000)`,
		`   0.007000    n0 → n1  {"values":[7],"msg_id":4}  ✗ lost at 1.000000: loss`,
		`   1.000000    n0 → n1  {"values":[7]}`,
	}
	if strings.Join(messages, "\n") != strings.Join(want, "\n") {
		t.Errorf("found\n%s\nexpected\n%s", strings.Join(messages, "\n"), strings.Join(want, "\n"))
	}
	all := New(nil)
	for i := range 3 {
		send(all, int64(i), time.Duration(i), "n0", "n1", `{}`)
	}
	if lines, _ := all.Lines(0); len(lines) != 3 {
		t.Errorf("%d lines of 3 messages when everything is asked for", len(lines))
	}
}
