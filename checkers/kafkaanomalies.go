package checkers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

func (k *kafkaHistory) duplicates() (found []KafkaAnomaly) {
	for _, l := range k.keys {
		count := map[int32][]any{}
		for _, offset := range l.offsets {
			for _, msg := range l.at[offset] {
				count[msg] = append(count[msg], offset)
			}
		}
		for msg := range l.messages {
			if offsets := count[int32(msg)]; len(offsets) > 1 {
				value := l.messages[msg].value
				found = append(found, KafkaAnomaly{
					Fields: ednMap("key", l.key, "value", value, "count", int64(len(offsets)), "offsets", offsets), rank: -len(offsets), proof: l.messages[msg].operations(),
					Text: fmt.Sprintf("key %s: message %s is at the offsets %s", edn.Brief(l.key, shown), edn.Brief(value, shown), edn.Brief(offsets, shown)),
				})
			}
		}
	}
	return found
}

func (k *kafkaHistory) inconsistentOffsets() (found []KafkaAnomaly) {
	for _, l := range k.keys {
		for i, offset := range l.offsets {
			if at := l.at[offset]; len(at) > 1 {
				values := edn.Set{}
				var proof []*history.Op
				for _, msg := range at {
					proof = append(proof, l.messages[msg].operations()...)
					values = append(values, l.messages[msg].value)
				}
				edn.Sort(values)
				found = append(found, KafkaAnomaly{
					Fields: ednMap("key", l.key, "offset", offset, "index", int64(i), "values", values), rank: -len(at), proof: proof,
					Text: fmt.Sprintf("key %s: offset %d has the messages %s", edn.Brief(l.key, shown), offset, strings.Trim(edn.Brief(values, shown), "#{}")),
				})
			}
		}
	}
	return found
}

func (k *kafkaHistory) abortedReads() (found []KafkaAnomaly) {
	for i := range k.ops {
		o := &k.ops[i]
		if o.op.Type != history.OK {
			continue
		}
		for _, p := range o.polls {
			for _, pair := range p.pairs {
				if m := &p.log.messages[pair.msg]; m.failed {
					found = append(found, KafkaAnomaly{
						Fields: ednMap("key", p.log.key, "value", m.value, "writer", taggedOp(m.writer.op), "reader", taggedOp(o.op)),
						Text: fmt.Sprintf("key %s: the send of %s failed (%s), but %s polled it at %.3f s",
							edn.Brief(p.log.key, shown), edn.Brief(m.value, shown), k.who.op(m.writer.op), k.who.process(o.op.Process), o.op.Time.Seconds()),
					})
				}
			}
		}
	}
	return found
}

func (k *kafkaHistory) precommittedReads() (found []KafkaAnomaly) {
	for i := range k.ops {
		o := &k.ops[i]
		for _, s := range o.sends {
			for _, p := range o.polls {
				if p.log == s.log && slices.ContainsFunc(p.pairs, func(pair kafkaPair) bool { return pair.msg == s.msg }) {
					value := s.log.messages[s.msg].value
					found = append(found, KafkaAnomaly{
						Fields: ednMap("op", taggedOp(o.op), "key", s.log.key, "value", value),
						Text:   fmt.Sprintf("%s polled its own message %s of key %s", k.who.op(o.op), edn.Brief(value, shown), edn.Brief(s.log.key, shown)),
					})
				}
			}
		}
	}
	return found
}

// lostWrites finds acknowledged messages that nobody polled although a later message
// of the log was polled.
func (k *kafkaHistory) lostWrites() (found []KafkaAnomaly) {
	for _, l := range k.keys {
		bound := int32(-1)
		for i := range l.messages {
			if m := &l.messages[i]; m.okRead {
				bound = max(bound, m.first)
			}
		}
		var highest *kafkaMessage
		for i := range l.messages {
			if m := &l.messages[i]; m.okRead && m.first == bound {
				highest = m
			}
		}
		for i := range l.messages {
			m := &l.messages[i]
			if m.last < 0 || m.last > bound || m.okRead || m.writer == nil || !m.writer.committed() {
				continue
			}
			found = append(found, KafkaAnomaly{
				Fields: ednMap("key", l.key, "value", m.value, "index", int64(m.first), "max-read-index", int64(bound),
					"writer", taggedOp(m.writer.op), "max-read", taggedOp(highest.reader.op)),
				Text: fmt.Sprintf("key %s: message %s was acknowledged to %s with offset %d, and nobody polled it, but %s, after it at offset %d, was polled by %s",
					edn.Brief(l.key, shown), edn.Brief(m.value, shown), k.who.op(m.writer.op), l.offsets[m.first],
					edn.Brief(highest.value, shown), l.offsets[bound], k.who.op(highest.reader.op)),
			})
		}
	}
	return found
}

// operations returns the send of a message and the first poll that returned it,
// leaving out the one that is not known.
func (m *kafkaMessage) operations() (ops []*history.Op) {
	for _, o := range []*kafkaOp{m.writer, m.reader} {
		if o != nil {
			ops = append(ops, o.op)
		}
	}
	return ops
}

// step returns how many positions of the log lie from message a to message b, 1 if
// the position of either is not known.
func (l *kafkaLog) step(a, b int32) int32 {
	i, j := l.messages[a].position, l.messages[b].position
	if i < 0 || j < 0 {
		return 1
	}
	return j - i
}

// skipped returns the messages of the log that lie between two.
func (l *kafkaLog) skipped(a, b int32) edn.List {
	out := edn.List{}
	for i := l.messages[a].position + 1; i < l.messages[b].position; i++ {
		out = append(out, l.messages[l.order[i]].value)
	}
	return out
}

func (l *kafkaLog) values(a, b int32) []any {
	return []any{l.messages[a].value, l.messages[b].value}
}

// within compares two successive messages of one operation with the order of the log.
// what is the word for the operation, poll or send.
func (k *kafkaHistory) within(l *kafkaLog, o *kafkaOp, a, b int32, what string, found kafkaAnomalies) {
	delta := l.step(a, b)
	values := l.values(a, b)
	switch {
	case delta > 1:
		skipped := l.skipped(a, b)
		found.add("int-"+what+"-skip", []KafkaAnomaly{{
			Fields: ednMap("key", l.key, "values", values, "delta", int64(delta), "skipped", skipped, "op", taggedOp(o.op)),
			rank:   int(delta),
			Text: fmt.Sprintf("key %s: in the %s of %s, %s follows %s, skipping %s", edn.Brief(l.key, shown), what,
				k.who.op(o.op), edn.Brief(values[1], shown), edn.Brief(values[0], shown), listOf(skipped)),
		}})
	case delta < 1:
		found.add("int-nonmonotonic-"+what, []KafkaAnomaly{{
			Fields: ednMap("key", l.key, "values", values, "delta", int64(delta), "op", taggedOp(o.op)),
			rank:   -int(delta),
			Text: fmt.Sprintf("key %s: in the %s of %s, %s follows %s, against the order of the log", edn.Brief(l.key, shown), what,
				k.who.op(o.op), edn.Brief(values[1], shown), edn.Brief(values[0], shown)),
		}})
	}
}

func (k *kafkaHistory) withinPolls(found kafkaAnomalies) {
	for i := range k.ops {
		for _, p := range k.ops[i].polls {
			for j := 1; j < len(p.pairs); j++ {
				k.within(p.log, &k.ops[i], p.pairs[j-1].msg, p.pairs[j].msg, "poll", found)
			}
		}
	}
}

func (k *kafkaHistory) withinSends(found kafkaAnomalies) {
	for i := range k.ops {
		last := map[*kafkaLog]int32{}
		for _, s := range k.ops[i].sends {
			if before, ok := last[s.log]; ok {
				k.within(s.log, &k.ops[i], before, s.msg, "send", found)
			}
			last[s.log] = s.msg
		}
	}
}

// lastSeen holds, for each process and key, the last message that the process sent or
// polled.
type lastSeen map[int]map[*kafkaLog]lastMessage

type lastMessage struct {
	op  *kafkaOp
	msg int32
}

func (s lastSeen) of(process int) map[*kafkaLog]lastMessage {
	if s[process] == nil {
		s[process] = map[*kafkaLog]lastMessage{}
	}
	return s[process]
}

// assigned forgets the keys that are no longer assigned to a process.
func (k *kafkaHistory) assigned(s lastSeen, op *history.Op) {
	if op.Type == history.Invoke || op.Type == history.Fail {
		return
	}
	keys, _ := sequence(op.Value)
	kept := map[*kafkaLog]bool{}
	for _, key := range keys {
		if l := k.keyOf[mapKey(key)]; l != nil {
			kept[l] = true
		}
	}
	position := s.of(op.Process)
	maps.DeleteFunc(position, func(l *kafkaLog, _ lastMessage) bool { return !kept[l] })
}

// eachWithPosition calls f for each operation that sent or polled, in order, with
// the last message of each key that its process sent or polled before. f updates
// that.
func (k *kafkaHistory) eachWithPosition(f func(o *kafkaOp, position map[*kafkaLog]lastMessage)) {
	seen := lastSeen{}
	for i := range k.history.Ops {
		op := &k.history.Ops[i]
		if op.F == "assign" || op.F == "subscribe" {
			k.assigned(seen, op)
		}
		o := k.byIndex[op.Index]
		if o != nil {
			f(o, seen.of(op.Process))
		}
	}
}

func (k *kafkaHistory) betweenPolls(found kafkaAnomalies) {
	k.eachWithPosition(func(o *kafkaOp, position map[*kafkaLog]lastMessage) {
		op := o.op
		for _, p := range o.polls {
			if len(p.pairs) == 0 {
				continue
			}
			l, first := p.log, p.pairs[0].msg
			if last, ok := position[l]; ok {
				delta := l.step(last.msg, first)
				if delta == 1 {
					continue
				}
				values, ops := l.values(last.msg, first), []any{taggedOp(last.op.op), taggedOp(op)}
				where := fmt.Sprintf("key %s: %s polled up to %s at %.3f s and", edn.Brief(l.key, shown), k.who.process(op.Process), edn.Brief(values[0], shown), last.op.op.Time.Seconds())
				if delta > 1 {
					skipped := l.skipped(last.msg, first)
					found.add("poll-skip", []KafkaAnomaly{{
						Fields: ednMap("key", l.key, "delta", int64(delta), "skipped", skipped, "ops", ops),
						rank:   int(delta),
						Text:   fmt.Sprintf("%s from %s at %.3f s, so it missed %s", where, edn.Brief(values[1], shown), op.Time.Seconds(), listOf(skipped)),
					}})
				}
				if delta < 1 {
					found.add("nonmonotonic-poll", []KafkaAnomaly{{
						Fields: ednMap("key", l.key, "values", values, "delta", int64(delta), "ops", ops),
						rank:   -int(delta),
						Text:   fmt.Sprintf("%s again from %s at %.3f s", where, edn.Brief(values[1], shown), op.Time.Seconds()),
					}})
				}
			}
		}
		if op.Type == history.OK {
			for _, p := range o.polls {
				if n := len(p.pairs); n > 0 {
					position[p.log] = lastMessage{o, p.pairs[n-1].msg}
				} else { // as in Jepsen: the next poll is compared with this one, which has no message
					delete(position, p.log)
				}
			}
		}
	})
}

func (k *kafkaHistory) betweenSends() (found []KafkaAnomaly) {
	k.eachWithPosition(func(o *kafkaOp, position map[*kafkaLog]lastMessage) {
		op := o.op
		if op.Type == history.Fail {
			return
		}
		first := map[*kafkaLog]bool{}
		for _, s := range o.sends {
			if last, ok := position[s.log]; ok && !first[s.log] {
				if delta := s.log.step(last.msg, s.msg); delta < 1 {
					values := s.log.values(last.msg, s.msg)
					found = append(found, KafkaAnomaly{
						Fields: ednMap("key", s.log.key, "values", values, "delta", int64(delta), "ops", []any{taggedOp(last.op.op), taggedOp(op)}),
						rank:   -int(delta),
						Text: fmt.Sprintf("key %s: %s sent %s at %.3f s and then %s at %.3f s, which lies before it in the log", edn.Brief(s.log.key, shown), k.who.process(op.Process),
							edn.Brief(values[0], shown), last.op.op.Time.Seconds(), edn.Brief(values[1], shown), op.Time.Seconds()),
					})
				}
			}
			first[s.log] = true
		}
		for _, s := range o.sends {
			position[s.log] = lastMessage{o, s.msg}
		}
	})
	return found
}

// cycles finds cycles of operations whose edges are polls of another operation's
// message (wr) and real time. There are no ww edges: Kafka does not isolate
// transactions, so offsets do not order the operations that sent them.
func (k *kafkaHistory) cycles(found kafkaAnomalies) {
	var ops []*history.Op
	for i := range k.ops {
		if o := &k.ops[i]; o.op.Type != history.Fail {
			o.vertex = int32(len(ops))
			ops = append(ops, o.op)
		}
	}
	g := newDepGraph(ops)
	for i := range k.ops {
		o := &k.ops[i]
		if o.op.Type == history.Fail {
			continue
		}
		for _, p := range o.polls {
			for _, pair := range p.pairs {
				m := &p.log.messages[pair.msg]
				if m.writer == nil || m.writer.op.Type == history.Fail {
					continue
				}
				if m.reason < 0 {
					m.reason = g.reason(reason{p.log.key, m.value, nil})
				}
				g.link(m.writer.vertex, o.vertex, wr, m.reason)
			}
		}
	}
	g.linkRealtime(k.history)
	cycles, _ := g.cycles()
	for _, name := range slices.Sorted(maps.Keys(cycles)) {
		for _, c := range cycles[name] {
			found.add(name, []KafkaAnomaly{{Fields: g.marshal(&c, name), Text: g.explain(&c, k.who, func(_ edgeKind, why reason, a, b string) string {
				return fmt.Sprintf("%s sent %s to key %s, which %s polled", a, edn.Brief(why.value, shown), edn.Brief(why.key, shown), b)
			})}})
		}
	}
}
