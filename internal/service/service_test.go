package service

import (
	"encoding/json"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
)

// answers collects what services send.
type answers struct{ last string }

func (a *answers) Send(_, _ string, body json.RawMessage) error {
	a.last = string(body)
	return nil
}

func services(seed uint64) (map[string]*Service, *answers) {
	net := &answers{}
	m := map[string]*Service{}
	for _, s := range All(kernel.New(seed), net) {
		m[s.ID()] = s
	}
	return m, net
}

func ask(s *Service, net *answers, client, body string) string {
	s.Deliver(journal.Message{Src: client, Dest: s.ID(), Body: json.RawMessage(body)})
	return net.last
}

// TestFieldNamesAreExact: as in Maelstrom, a field in another case is another field.
func TestFieldNamesAreExact(t *testing.T) {
	s, net := services(1)
	ask(s["lin-kv"], net, "n1", `{"type":"write","key":"x","value":1,"msg_id":1}`)
	for _, step := range []struct{ request, want string }{
		{`{"Type":"read","key":"x","msg_id":2}`, `{"type":"error","in_reply_to":2,"code":12,"text":"expected a request with a string \"type\"; it has \"Type\", but names are matched exactly"}`},
		{`{"type":"read","Key":"x","msg_id":3}`, `{"type":"error","in_reply_to":3,"code":20,"text":"key does not exist"}`},
		{`{"type":"write","key":"x","VALUE":2,"msg_id":4}`, `{"type":"write_ok","in_reply_to":4}`},
		{`{"type":"read","key":"x","msg_id":5}`, `{"type":"read_ok","in_reply_to":5,"value":null}`},
		{`{"type":"read","key":"x","Msg_ID":6}`, `{"type":"read_ok","value":null}`},
		{`{"type":"cas","key":"y","from":1,"to":2,"Create_If_Not_Exists":true,"msg_id":7}`, `{"type":"error","in_reply_to":7,"code":20,"text":"key does not exist"}`},
		{`{"type":"cas","key":"y","from":1,"to":2,"create_if_not_exists":"yes","msg_id":8}`, `{"type":"error","in_reply_to":8,"code":12,"text":"expected true or false as \"create_if_not_exists\", found \"yes\""}`},
	} {
		if got := ask(s["lin-kv"], net, "n1", step.request); got != step.want {
			t.Errorf("%s\n got %s\nwant %s", step.request, got, step.want)
		}
	}
}

func read(s *Service, net *answers, client string) int {
	var r struct{ Value int }
	json.Unmarshal([]byte(ask(s, net, client, `{"type":"read","key":"x","msg_id":1}`)), &r)
	return r.Value
}

func write(s *Service, net *answers, client string, v int) {
	ask(s, net, client, `{"type":"write","key":"x","value":`+strconv.Itoa(v)+`,"msg_id":1}`)
}

// TestSequential: with one writer that counts up, no client ever sees the counter
// go back or read more than 32 states behind, a client sees its own writes, and
// some read is stale.
func TestSequential(t *testing.T) {
	stale := false
	rapid.Check(t, func(t *rapid.T) {
		all, net := services(rapid.Uint64().Draw(t, "seed"))
		s := all["seq-kv"]
		seen := map[string]int{}
		value := 0
		for _, step := range rapid.SliceOfN(rapid.IntRange(0, 5), 1, 200).Draw(t, "steps") {
			if step < 3 {
				value++
				write(s, net, "writer", value)
				seen["writer"] = value
				continue
			}
			client := []string{"a", "b", "writer"}[step-3]
			got := read(s, net, client)
			if got < seen[client] || got > value || got < value-pastStates {
				t.Fatalf("%s read %d after %d, the newest is %d", client, got, seen[client], value)
			}
			stale = stale || got < value
			seen[client] = got
		}
	})
	if !stale {
		t.Error("seq-kv never answered from the past")
	}
}

// TestEventual: the replicas of lww-kv may disagree, and agree in the end on the
// newest write.
func TestEventual(t *testing.T) {
	all, net := services(5)
	s := all["lww-kv"]
	stale := false
	for v := 1; v <= 100; v++ {
		write(s, net, "n1", v)
		stale = stale || read(s, net, "n1") != v
	}
	if !stale {
		t.Error("lww-kv never answered from an old replica")
	}
	final := 0
	for range 100 { // by now both replicas have met
		final = read(s, net, "n1")
	}
	for range 20 {
		if got := read(s, net, "n1"); got != final {
			t.Fatalf("the replicas still disagree: %d and %d", got, final)
		}
	}
}
