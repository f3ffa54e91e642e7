package checkers

import (
	"encoding/json"
	"testing"
	"time"

	"glomers/checkers/journal"
)

// TestDelivery has a value that n0 gets from a client at 1 ms and passes on to n1,
// which has it at 101 ms, and n2, which gets it from n1 at 201 ms; a value that n2
// never gets; and a number that mentions a value before its sender can know it.
func TestDelivery(t *testing.T) {
	d := NewDelivery(3)
	id := int64(0)
	send := func(ms int, src, dest, body string) int64 {
		id++
		d.Add(journal.Event{Kind: journal.Send, Time: time.Duration(ms) * time.Millisecond, Message: journal.Message{ID: id, Src: src, Dest: dest, Body: json.RawMessage(body)}})
		return id
	}
	recv := func(ms int, id int64) {
		d.Add(journal.Event{Kind: journal.Recv, Time: time.Duration(ms) * time.Millisecond, Message: journal.Message{ID: id}})
	}
	drop := func(ms int, id int64) {
		d.Add(journal.Event{Kind: journal.Drop, Time: time.Duration(ms) * time.Millisecond, Message: journal.Message{ID: id}})
	}
	recv(1, send(1, "c1", "n0", `{"type":"broadcast","message":7,"msg_id":1}`))
	early := send(2, "n2", "n1", `{"type":"gossip","round":7}`) // n2 has no 7 yet
	recv(3, early)
	recv(101, send(1, "n0", "n1", `{"type":"gossip","values":[5,7],"msg_id":9}`))
	recv(201, send(101, "n1", "n2", `{"type":"gossip","values":{"7":true}}`))
	recv(210, send(210, "c1", "n0", `{"type":"broadcast","message":8,"msg_id":2}`))
	recv(310, send(210, "n0", "n1", `{"type":"gossip","values":[8]}`))
	drop(310, send(210, "n0", "n2", `{"type":"gossip","values":[8]}`))
	recv(320, send(310, "n1", "n2", `{"type":"gossip","msg_id":8}`))

	r := d.Result()
	if r.Values != 2 || r.Everywhere != 1 {
		t.Fatalf("%v, want 1 of 2 values everywhere", r)
	}
	if r.Latency.Max != 200*time.Millisecond {
		t.Errorf("the last node had it after %v, want 200ms", r.Latency.Max)
	}
}
