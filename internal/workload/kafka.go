package workload

import (
	"math/rand/v2"
	"sort"
	"strconv"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/internal/kernel"
)

// kafka: append-only logs with offsets. Most operations send one message or poll
// the assigned keys; now and then a worker is assigned other keys, or its client
// crashes.
type kafka struct {
	random    *rand.Rand
	gen       *txnGenerator
	workers   int
	strict    bool
	nextCrash time.Duration

	// The highest offsets that nodes acknowledged: keys with messages that nobody has
	// polled yet are assigned more often, and the final polls know where to stop.
	sent, polled, highest map[string]int64
	final                 map[int]*kafkaFinal
}

const (
	assignOneIn    = 64
	crashEvery     = 30 * time.Second // per worker, on average
	finalPollEvery = 200 * time.Millisecond
	finalPollLimit = 10 * time.Second
)

func newKafka(o Options, k *kernel.Kernel) (Workload, error) {
	random := k.Rand("generator")
	return &kafka{
		random:  random,
		gen:     newTxnGenerator(random, o, 1),
		workers: o.Concurrency,
		strict:  o.Strict,
		sent:    map[string]int64{}, polled: map[string]int64{}, highest: map[string]int64{},
		final: map[int]*kafkaFinal{},
	}, nil
}

func (w *kafka) Next(now time.Duration, free []Worker) (history.Op, Worker, bool) {
	worker := pick(w.random, free)
	if now >= w.nextCrash {
		w.nextCrash = now + time.Duration(2*w.random.Float64()*float64(crashEvery)/float64(w.workers))
		return history.Op{F: "crash"}, worker, true
	}
	m := w.gen.next()[0]
	key := strconv.FormatInt(m.key, 10)
	if w.random.IntN(assignOneIn) == 0 {
		if m.write {
			w.gen.written[m.key]-- // it is not sent after all
		}
		return history.Op{F: "assign", Value: w.assignment(key)}, worker, true
	}
	if m.write {
		return history.Op{F: "send", Value: []any{[]any{edn.Keyword("send"), key, edn.Int(m.value)}}}, worker, true
	}
	return history.Op{F: "poll", Value: []any{[]any{edn.Keyword("poll")}}}, worker, true
}

// assignment is one key, and a third of the time all keys with messages that
// nobody polled yet.
func (w *kafka) assignment(key string) []any {
	keys := []any{key}
	if len(w.sent) > 0 && w.random.IntN(3) == 0 {
		for _, k := range sortedKeys(w.sent) {
			if k != key {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// sortedKeys orders keys by number.
func sortedKeys(m map[string]int64) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		if len(keys[i]) != len(keys[j]) {
			return len(keys[i]) < len(keys[j])
		}
		return keys[i] < keys[j]
	})
	return keys
}

func (w *kafka) Observe(worker int, op history.Op) {
	if op.Type != history.OK || (op.F != "poll" && op.F != "send") {
		return
	}
	for _, e := range offsets(op) {
		seen := w.polled
		if op.F == "send" {
			seen = w.sent
		}
		raise(seen, e.key, e.offset)
		raise(w.highest, e.key, e.offset)
		if f := w.final[worker]; f != nil {
			f.saw(e.key, e.offset)
		}
	}
	for _, e := range offsets(op) {
		if sent, ok := w.sent[e.key]; !ok || w.polled[e.key] >= sent {
			delete(w.sent, e.key)
			delete(w.polled, e.key)
		}
	}
}

func raise(m map[string]int64, key string, offset int64) {
	if old, ok := m[key]; !ok || offset > old {
		m[key] = offset
	}
}

type keyOffset struct {
	key    string
	offset int64
}

// offsets returns the highest offset of each key that a completed send or poll
// shows.
func offsets(op history.Op) []keyOffset {
	mop := op.Value.([]any)[0].([]any)
	if op.F == "send" {
		return []keyOffset{{mop[1].(string), mop[2].([]any)[0].(int64)}}
	}
	var out []keyOffset
	for _, e := range mop[1].(edn.Map) {
		high := int64(-1)
		for _, pair := range e.Value.([]any) {
			high = max(high, pair.([]any)[0].(int64))
		}
		if high >= 0 {
			out = append(out, keyOffset{e.Key.(string), high})
		}
	}
	return out
}

// kafkaFinal tracks the final operations of one worker, which opens a new client,
// assigns itself all keys from their beginning, and polls until it has seen every
// known offset.
type kafkaFinal struct {
	step      int
	pending   map[string]int64
	committed bool // the committed offsets were read
}

func (f *kafkaFinal) saw(key string, offset int64) {
	if target, ok := f.pending[key]; ok && offset >= target {
		delete(f.pending, key)
	}
}

func (w *kafka) Final(worker int) (history.Op, time.Duration, bool) {
	f := w.final[worker]
	if f == nil {
		f = &kafkaFinal{pending: map[string]int64{}}
		for key, offset := range w.highest { // unordered: a copy
			f.pending[key] = offset
		}
		w.final[worker] = f
	}
	if len(f.pending) == 0 {
		if w.strict && !f.committed && f.step > 0 {
			f.committed = true
			return history.Op{F: history.CommittedOffsets, Value: w.knownKeys()}, 0, true
		}
		return history.Op{}, 0, false
	}
	f.step++
	switch f.step {
	case 1:
		return history.Op{F: "crash"}, 0, true
	case 2:
		keys := w.knownKeys()
		seek := edn.Map{{Key: edn.Keyword("seek-to-beginning?"), Value: true}}
		return history.Op{F: "assign", Value: keys, Extra: seek}, 0, true
	case 3:
		return w.finalPoll(), 0, true
	}
	return w.finalPoll(), time.Duration(2 * w.random.Float64() * float64(finalPollEvery)), true
}

// knownKeys are the keys that have messages.
func (w *kafka) knownKeys() []any {
	keys := []any{}
	for _, k := range sortedKeys(w.highest) {
		keys = append(keys, k)
	}
	return keys
}

func (w *kafka) finalPoll() history.Op {
	return history.Op{F: "poll", Value: []any{[]any{edn.Keyword("poll")}}, Extra: edn.Map{{Key: edn.Keyword("poll-ms"), Value: int64(1000)}}}
}

func (w *kafka) FinalLimit() time.Duration { return finalPollLimit }

func (w *kafka) Open(c *Client) Session { return &kafkaSession{Client: c} }

// kafkaSession remembers the next offset to poll for each assigned key.
type kafkaSession struct {
	*Client
	positions []keyOffset // in the order of assignment
}

func (s *kafkaSession) Invoke(op history.Op, done func(history.Op)) {
	switch op.F {
	case "crash": // the client is thrown away
		op.Type = history.Info
		done(op)
	case "assign":
		s.assign(op, done)
	case history.CommittedOffsets:
		s.committedOffsets(op, done)
	case "send":
		s.send(op, done)
	default:
		s.poll(op, done)
	}
}

// assign replaces the keys that this client polls. A key that was assigned before
// keeps its position, a new one begins at offset 0: Maelstrom's client asks for the
// committed offsets, and so does this one, but Maelstrom's looks for a key in the
// wrong part of the answer and never finds it.
func (s *kafkaSession) assign(op history.Op, done func(history.Op)) {
	keys := op.Value.([]any)
	if seek, _ := op.Extra.Get(edn.Keyword("seek-to-beginning?")); seek == true {
		s.positions = nil
		for _, k := range keys {
			s.positions = append(s.positions, keyOffset{k.(string), 0})
		}
		done(succeeded(op, op.Value))
		return
	}
	s.listCommitted(keys, func(_ edn.Map, err *Error) {
		if err != nil {
			done(failed(op, err, true))
			return
		}
		var positions []keyOffset
		for _, k := range keys {
			offset, _ := s.position(k.(string)) // 0 for a new key
			positions = append(positions, keyOffset{k.(string), offset})
		}
		s.positions = positions
		done(succeeded(op, op.Value))
	})
}

// listCommitted asks for the committed offsets of keys.
func (s *kafkaSession) listCommitted(keys []any, done func(edn.Map, *Error)) {
	s.Call(listCommittedRPC, fields("keys", keys), DefaultTimeout, func(r Reply, err *Error) {
		committed, _ := r.Get("offsets").(edn.Map)
		done(committed, err)
	})
}

func (s *kafkaSession) committedOffsets(op history.Op, done func(history.Op)) {
	s.listCommitted(op.Value.([]any), func(committed edn.Map, err *Error) {
		if err != nil {
			done(failed(op, err, true))
			return
		}
		done(succeeded(op, committed))
	})
}

func (s *kafkaSession) position(key string) (int64, bool) {
	for _, p := range s.positions {
		if p.key == key {
			return p.offset, true
		}
	}
	return 0, false
}

func (s *kafkaSession) send(op history.Op, done func(history.Op)) {
	mop := op.Value.([]any)[0].([]any)
	s.Call(sendRPC, fields("key", mop[1], "msg", mop[2]), DefaultTimeout, func(r Reply, err *Error) {
		if err != nil {
			done(failed(op, err, false))
			return
		}
		done(succeeded(op, []any{[]any{mop[0], mop[1], []any{r.Get("offset"), mop[2]}}}))
	})
}

func (s *kafkaSession) poll(op history.Op, done func(history.Op)) {
	from := edn.Map{}
	for _, p := range s.positions {
		from = append(from, edn.Entry{Key: p.key, Value: p.offset})
	}
	s.Call(pollRPC, fields("offsets", from), DefaultTimeout, func(r Reply, err *Error) {
		if err != nil {
			done(failed(op, err, false))
			return
		}
		completed := succeeded(op, []any{[]any{edn.Keyword("poll"), withoutNulls(r.Get("msgs").(edn.Map))}})
		for _, e := range r.Get("msgs").(edn.Map) {
			s.advance(e.Key.(string), 0) // a key without messages is polled from now on, too
		}
		commit := edn.Map{}
		for _, e := range offsets(completed) {
			commit = append(commit, edn.Entry{Key: e.key, Value: e.offset})
			s.advance(e.key, e.offset+1)
		}
		if len(commit) == 0 {
			done(completed)
			return
		}
		s.Call(commitRPC, fields("offsets", commit), DefaultTimeout, func(_ Reply, err *Error) {
			if err != nil {
				done(failed(op, err, false))
				return
			}
			done(completed)
		})
	})
}

// advance makes offset the next one to poll of a key, unless it is past that
// already. A key that the node returned unasked is polled from now on, too.
func (s *kafkaSession) advance(key string, offset int64) {
	for i := range s.positions {
		if p := &s.positions[i]; p.key == key {
			p.offset = max(p.offset, offset)
			return
		}
	}
	s.positions = append(s.positions, keyOffset{key, offset})
}

// withoutNulls replaces null, which Maelstrom takes for an empty array of messages,
// by an empty array.
func withoutNulls(msgs edn.Map) edn.Map {
	for i, e := range msgs {
		if e.Value == nil {
			msgs[i].Value = []any{}
		}
	}
	return msgs
}
