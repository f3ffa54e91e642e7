// Package service provides the key-value stores and the timestamp oracle that
// Maelstrom offers to nodes: seq-kv, lin-kv, lww-kv and lin-tso
// (Maelstrom's doc/services.md).
package service

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"glomers/checkers/brief"
	"glomers/checkers/edn"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
)

// Network sends the answers of a service.
type Network interface {
	Send(src, dest string, body json.RawMessage) error
}

// Service answers the requests that arrive for its id.
type Service struct {
	id    string
	net   Network
	store store
}

// store is where the services differ: it decides which state a request sees.
type store interface {
	handle(client string, q request) reply
}

// IDs are the ids of all services, in order. Nodes send requests to them.
var IDs = []string{journal.LinKV, journal.LinTSO, journal.LWWKV, journal.SeqKV}

// All returns the four services, ready to be attached to a network.
func All(k *kernel.Kernel, net Network) []*Service {
	var services []*Service
	for _, id := range IDs {
		services = append(services, &Service{id, net, newStore(id, k.Rand(id))})
	}
	return services
}

func newStore(id string, random *rand.Rand) store {
	switch id {
	case journal.LinKV:
		return &linearizable{map[string]json.RawMessage{}}
	case journal.LinTSO:
		return &oracle{}
	case journal.LWWKV:
		return newEventual(random)
	case journal.SeqKV:
		return newSequential(random)
	}
	panic("service: unknown id " + id)
}

// ID returns the id that nodes address, such as lin-kv.
func (s *Service) ID() string { return s.id }

// request is a request to a service. A field that it lacks is nil, which stands for
// null.
type request struct {
	Type                 string
	Key, Value, From, To json.RawMessage
	CreateIfNotExists    bool
}

// requestOf returns the request of a body, or what is wrong with it.
func requestOf(f journal.Fields) (q request, problem string) {
	q = request{Type: f.Text("type"), Key: f["key"], Value: f["value"], From: f["from"], To: f["to"]}
	if q.Type == "" {
		return q, `expected a request with a string "type"` + misspelt(f)
	}
	switch create := string(f["create_if_not_exists"]); create {
	case "", "null", "false":
	case "true":
		q.CreateIfNotExists = true
	default:
		return q, `expected true or false as "create_if_not_exists", found ` + brief.Text(create, 60)
	}
	return q, ""
}

// misspelt points out a field that differs from "type" in case.
func misspelt(f journal.Fields) string {
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if name != "type" && journal.SameLetters(name, "type") {
			return fmt.Sprintf("; it has %q, but names are matched exactly", name)
		}
	}
	return ""
}

type reply struct {
	Type      string          `json:"type"`
	InReplyTo json.RawMessage `json:"in_reply_to,omitempty"`
	Value     json.RawMessage `json:"value,omitempty"`
	TS        *int64          `json:"ts,omitempty"`
	Code      int             `json:"code,omitempty"`
	Text      string          `json:"text,omitempty"`
}

// The errors that a key-value store answers with.
const (
	notSupported     = 10
	malformedRequest = 12
	keyDoesNotExist  = 20
	preconditionFail = 22
)

// Deliver answers a request.
func (s *Service) Deliver(m journal.Message) {
	fields := journal.FieldsOf(m.Body)
	q, problem := requestOf(fields)
	var r reply
	if problem != "" {
		r = reply{Type: "error", Code: malformedRequest, Text: problem}
	} else {
		r = s.store.handle(m.Src, q)
	}
	r.InReplyTo = fields["msg_id"]
	body, err := json.Marshal(r)
	if err != nil {
		panic(err) // replies are made of valid JSON
	}
	if err := s.net.Send(s.id, m.Src, body); err != nil {
		panic(err)
	}
}

// canonical returns the same text for equal JSON values, however they are written.
func canonical(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "null"
	}
	switch raw[0] {
	case '{', '[', '"':
		if v, err := edn.FromJSON(raw); err == nil {
			return edn.Canonical(v)
		}
	}
	return string(raw)
}

// outcome is what a request does to the value of its key, which is "" when the
// key does not exist.
type outcome struct {
	reply   reply
	changed bool
	value   json.RawMessage // the new value, when changed
}

// apply runs a key-value request against the current value of its key. It is
// the one definition of read, write and cas that the three stores share.
func apply(current json.RawMessage, q request) outcome {
	exists := current != nil
	set := func(value json.RawMessage, typ string) outcome {
		if value == nil {
			value = json.RawMessage("null")
		}
		return outcome{reply{Type: typ}, !exists || canonical(current) != canonical(value), value}
	}
	switch q.Type {
	case "read":
		if !exists {
			return failure(keyDoesNotExist, "key does not exist")
		}
		return outcome{reply: reply{Type: "read_ok", Value: current}}
	case "write":
		return set(q.Value, "write_ok")
	case "cas":
		switch {
		case !exists && q.CreateIfNotExists:
			return set(q.To, "cas_ok")
		case !exists:
			return failure(keyDoesNotExist, "key does not exist")
		case canonical(current) != canonical(q.From):
			return failure(preconditionFail, fmt.Sprintf("current value %s is not %s", current, q.From))
		}
		return set(q.To, "cas_ok")
	}
	return failure(notSupported, fmt.Sprintf("this service does not know the request %q, only read, write and cas", q.Type))
}

func failure(code int, text string) outcome {
	return outcome{reply: reply{Type: "error", Code: code, Text: text}}
}

// linearizable answers every request from the newest state.
type linearizable struct{ state map[string]json.RawMessage }

func (s *linearizable) handle(_ string, q request) reply {
	key := canonical(q.Key)
	o := apply(s.state[key], q)
	if o.changed {
		s.state[key] = o.value
	}
	return o.reply
}

// sequential is a sequentially consistent store. A request that changes nothing may
// be answered from any of the last 32 states, though never from one older than the
// client has already seen. A request that changes something runs against the newest
// state.
type sequential struct {
	random *rand.Rand
	last   int64 // index of the newest state
	seen   map[string]int64
	keys   map[string][]version
}

// version is the value that a key has had since the state of that index.
type version struct {
	since int64
	value json.RawMessage
}

const pastStates = 32

func newSequential(random *rand.Rand) *sequential {
	return &sequential{random: random, seen: map[string]int64{}, keys: map[string][]version{}}
}

func (s *sequential) handle(client string, q request) reply {
	key := canonical(q.Key)
	oldest := max(s.seen[client], s.last-pastStates+1, 0)
	index := oldest + s.random.Int64N(s.last-oldest+1)
	o := apply(s.at(key, index), q)
	if o.changed { // a change runs against the newest state, whatever its outcome there
		o = apply(s.at(key, s.last), q)
		s.last++
		index = s.last
		if o.changed {
			s.keys[key] = s.prune(append(s.keys[key], version{index, o.value}))
		}
	}
	s.seen[client] = index
	return o.reply
}

// at returns the value of a key in the state of an index, nil if it had none.
func (s *sequential) at(key string, index int64) json.RawMessage {
	versions := s.keys[key]
	for i := len(versions) - 1; i >= 0; i-- {
		if versions[i].since <= index {
			return versions[i].value
		}
	}
	return nil
}

// prune drops the versions that no kept state can show.
func (s *sequential) prune(versions []version) []version {
	oldest := s.last - pastStates + 1
	for len(versions) > 1 && versions[1].since <= oldest {
		versions = versions[1:]
	}
	return versions
}

// eventual answers each request from one of two replicas. Before that it may merge
// one replica into the other, which then has the newer value of every key.
type eventual struct {
	random   *rand.Rand
	replicas [2]replica
}

type replica struct {
	clock int64
	state map[string]stamped
}

type stamped struct {
	ts    int64
	value json.RawMessage
}

func newEventual(random *rand.Rand) *eventual {
	s := &eventual{random: random}
	for i := range s.replicas {
		s.replicas[i].state = map[string]stamped{}
	}
	return s
}

func (s *eventual) handle(_ string, q request) reply {
	source := &s.replicas[s.random.IntN(len(s.replicas))]
	s.replicas[s.random.IntN(len(s.replicas))].merge(source)
	r := &s.replicas[s.random.IntN(len(s.replicas))]

	q.CreateIfNotExists = false // ignored, as in Maelstrom
	key := canonical(q.Key)
	o := apply(r.state[key].value, q)
	if o.reply.Type == "write_ok" || o.reply.Type == "cas_ok" {
		r.state[key] = stamped{r.clock, o.value} // a write of the same value is newer all the same
		r.clock++
	}
	return o.reply
}

func (r *replica) merge(source *replica) {
	r.clock = max(r.clock, source.clock)
	for key, theirs := range source.state { // unordered: each key by itself
		if mine, ok := r.state[key]; !ok || mine.ts <= theirs.ts {
			r.state[key] = theirs
		}
	}
}

// oracle hands out ascending timestamps.
type oracle struct{ next int64 }

func (s *oracle) handle(_ string, q request) reply {
	if q.Type != "ts" {
		return failure(notSupported, fmt.Sprintf("lin-tso does not know the request %q, only ts", q.Type)).reply
	}
	ts := s.next
	s.next++
	return reply{Type: "ts_ok", TS: &ts}
}
