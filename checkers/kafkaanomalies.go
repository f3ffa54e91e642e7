package checkers

import (
	"fmt"
	"slices"
	"strings"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

func (k *kafkaHistory) duplicates() (errs []kafkaError) {
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
				errs = append(errs, kafkaError{
					fields: ednMap("key", l.key, "value", value, "count", int64(len(offsets)), "offsets", offsets), severity: -len(offsets),
					text: fmt.Sprintf("key %s: message %s is at the offsets %s", edn.String(l.key), edn.String(value), edn.String(offsets)),
				})
			}
		}
	}
	return errs
}

func (k *kafkaHistory) inconsistentOffsets() (errs []kafkaError) {
	for _, l := range k.keys {
		for i, offset := range l.offsets {
			if at := l.at[offset]; len(at) > 1 {
				values := edn.Set{}
				for _, msg := range at {
					values = append(values, l.messages[msg].value)
				}
				edn.Sort(values)
				errs = append(errs, kafkaError{
					fields: ednMap("key", l.key, "offset", offset, "index", int64(i), "values", values), severity: -len(at),
					text: fmt.Sprintf("key %s: offset %d has the messages %s", edn.String(l.key), offset, strings.Trim(edn.String(values), "#{}")),
				})
			}
		}
	}
	return errs
}

func (k *kafkaHistory) abortedReads() (errs []kafkaError) {
	for i := range k.ops {
		o := &k.ops[i]
		if o.op.Type != history.OK {
			continue
		}
		for _, p := range o.polls {
			for _, pair := range p.pairs {
				if m := &p.log.messages[pair.msg]; m.failed {
					errs = append(errs, kafkaError{
						fields: ednMap("key", p.log.key, "value", m.value, "writer", taggedOp(m.writer.op), "reader", taggedOp(o.op)),
						text: fmt.Sprintf("key %s: the send of %s failed (%s), but process %d polled it at %.3f s",
							edn.String(p.log.key), edn.String(m.value), describeOp(m.writer.op), o.op.Process, o.op.Time.Seconds()),
					})
				}
			}
		}
	}
	return errs
}

func (k *kafkaHistory) precommittedReads() (errs []kafkaError) {
	for i := range k.ops {
		o := &k.ops[i]
		for _, s := range o.sends {
			for _, p := range o.polls {
				if p.log == s.log && slices.ContainsFunc(p.pairs, func(pair kafkaPair) bool { return pair.msg == s.msg }) {
					value := s.log.messages[s.msg].value
					errs = append(errs, kafkaError{
						fields: ednMap("op", taggedOp(o.op), "key", s.log.key, "value", value),
						text:   fmt.Sprintf("%s polled its own message %s of key %s", describeOp(o.op), edn.String(value), edn.String(s.log.key)),
					})
				}
			}
		}
	}
	return errs
}

// lostWrites finds messages that must have been polled, since one that comes
// after them was.
func (k *kafkaHistory) lostWrites() (errs []kafkaError) {
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
			errs = append(errs, kafkaError{
				fields: ednMap("key", l.key, "value", m.value, "index", int64(m.first), "max-read-index", int64(bound),
					"writer", taggedOp(m.writer.op), "max-read", taggedOp(highest.reader.op)),
				text: fmt.Sprintf("key %s: message %s was acknowledged to process %d at %.3f s at offset %d, and nobody polled it, but %s, after it at offset %d, was polled by process %d at %.3f s",
					edn.String(l.key), edn.String(m.value), m.writer.op.Process, m.writer.op.Time.Seconds(), l.offsets[m.first],
					edn.String(highest.value), l.offsets[bound], highest.reader.op.Process, highest.reader.op.Time.Seconds()),
			})
		}
	}
	return errs
}

// step is the way from one message to the next that a client saw: how many
// positions it goes on, 1 if that is unknown.
func (l *kafkaLog) step(a, b int32) int32 {
	i, j := l.messages[a].position, l.messages[b].position
	if i < 0 || j < 0 {
		return 1
	}
	return j - i
}

// skipped returns the messages between two.
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

// within compares neighbours among the messages of one operation.
func (l *kafkaLog) within(o *kafkaOp, a, b int32, what string, errs kafkaErrors) {
	delta := l.step(a, b)
	values := l.values(a, b)
	switch {
	case delta > 1:
		skipped := l.skipped(a, b)
		errs.add("int-"+what+"-skip", []kafkaError{{
			fields:   ednMap("key", l.key, "values", values, "delta", int64(delta), "skipped", skipped, "op", taggedOp(o.op)),
			severity: int(delta),
			text: fmt.Sprintf("key %s: in the %s of process %d at %.3f s, %s follows %s, but %s lies between them", edn.String(l.key), what,
				o.op.Process, o.op.Time.Seconds(), edn.String(values[1]), edn.String(values[0]), listOf(skipped)),
		}})
	case delta < 1:
		errs.add("int-nonmonotonic-"+what, []kafkaError{{
			fields:   ednMap("key", l.key, "values", values, "delta", int64(delta), "op", taggedOp(o.op)),
			severity: -int(delta),
			text: fmt.Sprintf("key %s: in the %s of process %d at %.3f s, %s follows %s, against the order of the log", edn.String(l.key), what,
				o.op.Process, o.op.Time.Seconds(), edn.String(values[1]), edn.String(values[0])),
		}})
	}
}

func listOf(values []any) string {
	var words []string
	for i, v := range values {
		if i == 4 {
			return strings.Join(words, ", ") + fmt.Sprintf(" and %d more", len(values)-i)
		}
		words = append(words, edn.String(v))
	}
	return strings.Join(words, ", ")
}

func (k *kafkaHistory) withinPolls(errs kafkaErrors) {
	for i := range k.ops {
		for _, p := range k.ops[i].polls {
			for j := 1; j < len(p.pairs); j++ {
				p.log.within(&k.ops[i], p.pairs[j-1].msg, p.pairs[j].msg, "poll", errs)
			}
		}
	}
}

func (k *kafkaHistory) withinSends(errs kafkaErrors) {
	for i := range k.ops {
		last := map[*kafkaLog]int32{}
		for _, s := range k.ops[i].sends {
			if before, ok := last[s.log]; ok {
				s.log.within(&k.ops[i], before, s.msg, "send", errs)
			}
			last[s.log] = s.msg
		}
	}
}

// lastSeen is where a process is in its keys.
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

// assigned forgets the keys that a process no longer reads.
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
	for l := range position { // the order does not show
		if !kept[l] {
			delete(position, l)
		}
	}
}

// eachWithPosition calls f for each operation that sent or polled, in order, with
// where its process is in the keys that it has, for f to move on.
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

func (k *kafkaHistory) betweenPolls(errs kafkaErrors) {
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
				where := fmt.Sprintf("key %s: process %d polled up to %s at %.3f s and", edn.String(l.key), op.Process, edn.String(values[0]), last.op.op.Time.Seconds())
				if delta > 1 {
					skipped := l.skipped(last.msg, first)
					errs.add("poll-skip", []kafkaError{{
						fields:   ednMap("key", l.key, "delta", int64(delta), "skipped", skipped, "ops", ops),
						severity: int(delta),
						text:     fmt.Sprintf("%s from %s at %.3f s, so it missed %s", where, edn.String(values[1]), op.Time.Seconds(), listOf(skipped)),
					}})
				}
				if delta < 1 {
					errs.add("nonmonotonic-poll", []kafkaError{{
						fields:   ednMap("key", l.key, "values", values, "delta", int64(delta), "ops", ops),
						severity: -int(delta),
						text:     fmt.Sprintf("%s again from %s at %.3f s", where, edn.String(values[1]), op.Time.Seconds()),
					}})
				}
			}
		}
		if op.Type == history.OK {
			for _, p := range o.polls {
				if n := len(p.pairs); n > 0 {
					position[p.log] = lastMessage{o, p.pairs[n-1].msg}
				}
			}
		}
	})
}

func (k *kafkaHistory) betweenSends() (errs []kafkaError) {
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
					errs = append(errs, kafkaError{
						fields:   ednMap("key", s.log.key, "values", values, "delta", int64(delta), "ops", []any{taggedOp(last.op.op), taggedOp(op)}),
						severity: -int(delta),
						text: fmt.Sprintf("key %s: process %d sent %s at %.3f s and %s at %.3f s, which lies before it in the log", edn.String(s.log.key), op.Process,
							edn.String(values[0]), last.op.op.Time.Seconds(), edn.String(values[1]), op.Time.Seconds()),
					})
				}
			}
			first[s.log] = true
		}
		for _, s := range o.sends {
			position[s.log] = lastMessage{o, s.msg}
		}
	})
	return errs
}

// unseen finds acknowledged messages that nobody polled until the end.
func (k *kafkaHistory) unseen() []kafkaError {
	var last *history.Op
	missing := map[*kafkaLog][]any{}
	for i := range k.ops {
		o := &k.ops[i]
		if o.op.Type != history.OK {
			continue
		}
		last = o.op
		for _, s := range o.sends {
			if m := &s.log.messages[s.msg]; !m.okRead && m.writer == o {
				missing[s.log] = append(missing[s.log], m.value)
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	counts, messages := edn.Map{}, edn.Map{}
	var words []string
	for _, l := range k.keys {
		values := missing[l]
		if len(values) == 0 {
			continue
		}
		edn.Sort(values)
		counts = append(counts, edn.Entry{Key: l.key, Value: int64(len(values))})
		messages = append(messages, edn.Entry{Key: l.key, Value: edn.List(values[:min(32, len(values))])})
		words = append(words, fmt.Sprintf("key %s: %s", edn.String(l.key), listOf(values)))
	}
	edn.SortMap(counts)
	edn.SortMap(messages)
	return []kafkaError{{fields: ednMap("time", int64(last.Time), "unseen", counts, "messages", messages), text: strings.Join(firstFew(words), "\n")}}
}

// infoCauses returns the distinct errors of operations with unknown outcome.
func (k *kafkaHistory) infoCauses() edn.List {
	causes := edn.List{}
	known := map[string]bool{}
	for i := range k.ops {
		if o := k.ops[i].op; o.Type == history.Info {
			if id := edn.Canonical(o.Error); !known[id] {
				known[id] = true
				causes = append(causes, o.Error)
			}
		}
	}
	return causes
}

// cycles finds cycles of operations: who polled whose message, and real time. No
// order is inferred between sends, which kafka does not isolate.
func (k *kafkaHistory) cycles(errs kafkaErrors) {
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
	found, _ := g.cycles()
	for _, name := range sortedNames(found) {
		for _, c := range found[name] {
			errs.add(name, []kafkaError{{fields: g.marshal(&c, name), text: g.explain(&c, func(_ edgeKind, why reason, a, b string) string {
				return fmt.Sprintf("%s sent %s to key %s, which %s polled", a, edn.String(why.value), edn.String(why.key), b)
			})}})
		}
	}
}
