package checkers

import (
	"fmt"
	"slices"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// kafkaHistory indexes a history by key, message and offset.
type kafkaHistory struct {
	ops      []kafkaOp  // completions of send, poll and txn, in order; for one that never completed its invocation, as info
	byIndex  []*kafkaOp // by the index of the completion in the history, nil elsewhere
	history  *history.History
	keys     []*kafkaLog
	keyOf    map[any]*kafkaLog
	who      names
	sent     int // messages that were acknowledged
	polled   int // messages that polls returned, repetitions included
	invented evidence
}

type kafkaOp struct {
	op    *history.Op
	sends []kafkaSend
	polls []kafkaPoll // one for each key, in the order of their first appearance

	vertex int32 // in the dependency graph
}

type kafkaSend struct {
	log    *kafkaLog
	offset int64 // -1 if unknown
	msg    int32 // index into log.messages
}

type kafkaPoll struct {
	log   *kafkaLog
	pairs []kafkaPair
}

type kafkaPair struct {
	offset int64 // -1 if unknown
	msg    int32
}

// kafkaLog is what is known of one key.
type kafkaLog struct {
	key      any
	messages []kafkaMessage
	index    map[any]int32
	offsets  []int64           // with at least one message, ascending
	at       map[int64][]int32 // the messages seen at an offset
	order    []int32           // one message for each of offsets
}

type kafkaMessage struct {
	value    any
	writer   *kafkaOp
	failed   bool // some send of it failed
	reader   *kafkaOp
	okRead   bool
	position int32 // in order, the last one; -1 if it has none
	reason   int32 // in the dependency graph, of the edges to its readers; -1 if it has none yet
	first    int32 // the first offset that showed it, as an index into offsets; -1 if none
	last     int32
}

func (k *kafkaHistory) log(key any) *kafkaLog {
	id := mapKey(key)
	l := k.keyOf[id]
	if l == nil {
		l = &kafkaLog{key: key, index: map[any]int32{}, at: map[int64][]int32{}}
		k.keyOf[id] = l
		k.keys = append(k.keys, l)
	}
	return l
}

func (l *kafkaLog) message(value any) int32 {
	id := mapKey(value)
	i, ok := l.index[id]
	if !ok {
		i = int32(len(l.messages))
		l.messages = append(l.messages, kafkaMessage{value: value, position: -1, reason: -1, first: -1, last: -1})
		l.index[id] = i
	}
	return i
}

func newKafkaHistory(h *history.History, who names) (*kafkaHistory, error) {
	k := &kafkaHistory{history: h, who: who, keyOf: map[any]*kafkaLog{}, byIndex: make([]*kafkaOp, len(h.Ops))}
	for i := range h.Ops {
		op := &h.Ops[i]
		if !op.Client() || (op.F != "send" && op.F != "poll" && op.F != "txn") {
			continue
		}
		if op.Type == history.Invoke {
			if h.Completion(op) != nil {
				continue
			}
			unfinished := *op // it may have taken effect
			unfinished.Type = history.Info
			op = &unfinished
		}
		parsed, err := k.parse(op)
		if err != nil {
			return nil, err
		}
		k.ops = append(k.ops, parsed)
	}
	for i := range k.ops {
		o := &k.ops[i]
		k.byIndex[o.op.Index] = o
		for _, s := range o.sends {
			m := &s.log.messages[s.msg]
			m.writer = o
			m.failed = m.failed || o.op.Type == history.Fail
			if o.op.Type == history.OK {
				k.sent++
			}
		}
		for _, p := range o.polls {
			k.polled += len(p.pairs)
			for _, pair := range p.pairs {
				m := &p.log.messages[pair.msg]
				if m.reader == nil {
					m.reader = o
				}
				m.okRead = m.okRead || o.op.Type == history.OK
			}
		}
	}
	k.order()
	for _, l := range k.keys {
		for i := range l.messages {
			if m := &l.messages[i]; m.writer == nil && m.reader != nil {
				k.invented.add(fmt.Sprintf("%s polled %s of key %s", k.who.op(m.reader.op), edn.Brief(m.value, shown), edn.Brief(l.key, shown)), l.key, m.reader.op)
			}
		}
	}
	return k, nil
}

const kafkaShape = `micro-operations such as [:send "k" [offset message]] and [:poll {"k" [[offset message]]}], with offsets from 0 on`

func (k *kafkaHistory) parse(op *history.Op) (kafkaOp, error) {
	out := kafkaOp{op: op}
	mops, ok := sequence(op.Value)
	if !ok {
		return out, &ShapeError{*op, kafkaShape}
	}
	for _, m := range mops {
		mop, ok := sequence(m)
		switch {
		case ok && len(mop) == 3 && mop[0] == edn.Keyword("send"):
			l := k.log(mop[1])
			s := kafkaSend{log: l, offset: -1}
			value := mop[2]
			if pair, ok := value.([]any); ok {
				if len(pair) != 2 {
					return out, &ShapeError{*op, kafkaShape}
				}
				value = pair[1]
				if offset, ok := pair[0].(int64); ok {
					if offset < 0 {
						return out, &ShapeError{*op, kafkaShape}
					}
					s.offset = offset
				}
			}
			s.msg = l.message(value)
			out.sends = append(out.sends, s)
		case ok && len(mop) == 1 && mop[0] == edn.Keyword("poll"):
		case ok && len(mop) == 2 && mop[0] == edn.Keyword("poll"):
			polled, ok := mop[1].(edn.Map)
			if !ok && mop[1] != nil {
				return out, &ShapeError{*op, kafkaShape}
			}
			for _, e := range polled {
				if !out.poll(k.log(e.Key), e.Value) {
					return out, &ShapeError{*op, kafkaShape}
				}
			}
		default:
			return out, &ShapeError{*op, kafkaShape}
		}
	}
	return out, nil
}

// poll adds what a poll of one key returned and reports whether it has the
// right shape.
func (o *kafkaOp) poll(l *kafkaLog, v any) bool {
	list, ok := sequence(v)
	if !ok {
		return false
	}
	at := slices.IndexFunc(o.polls, func(p kafkaPoll) bool { return p.log == l })
	if at < 0 {
		at = len(o.polls)
		o.polls = append(o.polls, kafkaPoll{log: l, pairs: make([]kafkaPair, 0, len(list))})
	}
	for _, p := range list {
		pair, ok := sequence(p)
		if !ok || len(pair) != 2 {
			return false
		}
		offset, ok := pair[0].(int64)
		switch {
		case !ok:
			offset = -1
		case offset < 0:
			return false
		}
		o.polls[at].pairs = append(o.polls[at].pairs, kafkaPair{offset, l.message(pair[1])})
	}
	return true
}

// committed reports whether a send certainly took effect: it was acknowledged,
// or its outcome is unknown and one of its messages was polled.
func (o *kafkaOp) committed() bool {
	if o.op.Type == history.Info {
		return slices.ContainsFunc(o.sends, func(s kafkaSend) bool { return s.log.messages[s.msg].okRead })
	}
	return o.op.Type == history.OK
}

// order derives the order of each log from the offsets that sends and polls showed.
// The messages of a poll count even if its operation failed: a node did return them.
func (k *kafkaHistory) order() {
	note := func(l *kafkaLog, offset int64, msg int32) {
		if offset < 0 {
			return
		}
		if at := l.at[offset]; !slices.Contains(at, msg) {
			l.at[offset] = append(at, msg)
		}
	}
	for i := range k.ops {
		o := &k.ops[i]
		if o.committed() {
			for _, s := range o.sends {
				note(s.log, s.offset, s.msg)
			}
		}
		for _, p := range o.polls {
			for _, pair := range p.pairs {
				note(p.log, pair.offset, pair.msg)
			}
		}
	}
	for _, l := range k.keys {
		for offset := range l.at { // sorted below
			l.offsets = append(l.offsets, offset)
		}
		slices.Sort(l.offsets)
		for i, offset := range l.offsets {
			at := l.at[offset]
			// Where an offset has several messages, Jepsen's order has the one that
			// comes first in a Clojure set.
			slices.SortFunc(at, func(a, b int32) int {
				return compareInClojureSet(l.messages[a].value, l.messages[b].value)
			})
			l.order = append(l.order, at[0])
			l.messages[at[0]].position = int32(i)
			for _, msg := range at {
				m := &l.messages[msg]
				if m.first < 0 {
					m.first = int32(i)
				}
				m.last = int32(i)
			}
		}
	}
}
