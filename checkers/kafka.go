package checkers

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// Kafka checks append-only logs: clients send messages to keys and poll them
// with their offsets. It finds the anomalies of Jepsen's kafka checker
// (Maelstrom's doc/workloads.md describes them); all of them make a run invalid
// save int-send-skip and G0, which transactional logs allow.
//
// Each anomaly is proof that the nodes contradict each other or themselves. What
// it can miss: messages that only some nodes have, commits that are forgotten,
// and skips across an assign.
func Kafka(h *history.History) (Verdict, error) {
	k, err := newKafkaHistory(h)
	if err != nil {
		return Verdict{}, err
	}
	errs := kafkaErrors{}
	errs.add("duplicate", k.duplicates())
	errs.add("inconsistent-offsets", k.inconsistentOffsets())
	errs.add("G1a", k.abortedReads())
	errs.add("lost-write", k.lostWrites())
	errs.add("precommitted-read", k.precommittedReads())
	k.withinPolls(errs)
	k.withinSends(errs)
	k.betweenPolls(errs)
	errs.add("nonmonotonic-send", k.betweenSends())
	k.cycles(errs)
	unseen := k.unseen()
	if unseen != nil {
		errs["unseen"] = unseen
	}
	return k.verdict(errs), nil
}

// kafkaError is one anomaly: its fields in Jepsen's words, how bad it is among
// its kind, and an explanation.
type kafkaError struct {
	fields   edn.Map
	severity int // of the errors shown, the highest come first
	text     string
}

type kafkaErrors map[string][]kafkaError

func (e kafkaErrors) add(name string, errs []kafkaError) {
	if len(errs) > 0 {
		e[name] = append(e[name], errs...)
	}
}

// kafkaAllowed are the errors that do not make a run invalid.
var kafkaAllowed = map[string]bool{"int-send-skip": true, "G0": true, "G0-process": true, "G0-realtime": true}

// shownErrors is how many errors of a kind the results hold.
const shownErrors = 8

func (k *kafkaHistory) verdict(errs kafkaErrors) Verdict {
	key := func(s string) any { return edn.Keyword(s) }
	types, bad := edn.List{}, edn.List{}
	var findings []Finding
	fields := edn.Map{}
	for _, name := range sortedNames(errs) {
		types = append(types, key(name))
		list := errs[name]
		if !kafkaAllowed[name] {
			bad = append(bad, key(name))
			findings = append(findings, kafkaFinding(name, list))
		}
		if name == "unseen" {
			fields = append(fields, edn.Entry{Key: key(name), Value: list[0].fields})
			continue
		}
		sort.SliceStable(list, func(i, j int) bool { return list[i].severity > list[j].severity })
		shown := edn.List{}
		for _, e := range list[:min(len(list), shownErrors)] {
			shown = append(shown, e.fields)
		}
		fields = append(fields, edn.Entry{Key: key(name), Value: edn.Map{{Key: key("count"), Value: int64(len(list))}, {Key: key("errs"), Value: shown}}})
	}
	v := Verdict{Valid: validIf(len(bad) == 0), Findings: findings}
	if len(k.invented) > 0 && v.Valid == Valid {
		v.Valid = Unknown
		v.Findings = append(v.Findings, Finding{"invented", fmt.Sprintf("%d polled messages were sent by nobody", len(k.invented)), firstFew(k.invented), nil})
	}
	v.Fields = append(edn.Map{
		{Key: key("valid?"), Value: v.Valid.MarshalEDN()},
		{Key: key("worst-realtime-lag"), Value: k.worstRealtimeLag()},
		{Key: key("bad-error-types"), Value: bad},
		{Key: key("error-types"), Value: types},
		{Key: key("info-txn-causes"), Value: k.infoCauses()},
	}, fields...)
	v.Summary = fmt.Sprintf("%d messages in %d keys", k.sent, len(k.keys))
	if len(bad) > 0 {
		var words []string
		for _, b := range bad {
			words = append(words, string(b.(edn.Keyword)))
		}
		v.Summary += ": " + strings.Join(words, ", ")
	}
	return v
}

var kafkaWords = map[string]string{
	"duplicate":             "messages are at more than one offset",
	"inconsistent-offsets":  "offsets have more than one message",
	"G1a":                   "polls returned messages whose send had failed",
	"lost-write":            "acknowledged messages are missing, though later ones were polled",
	"precommitted-read":     "transactions polled what they themselves sent",
	"int-poll-skip":         "polls left out messages in their middle",
	"int-nonmonotonic-poll": "polls returned messages out of order",
	"int-nonmonotonic-send": "transactions sent messages out of order",
	"poll-skip":             "polls began beyond where the client's last poll ended",
	"nonmonotonic-poll":     "polls began before where the client's last poll ended",
	"nonmonotonic-send":     "sends got an offset below that of the client's last send",
	"unseen":                "keys have acknowledged messages that nobody ever polled",
}

func kafkaFinding(name string, list []kafkaError) Finding {
	words, ok := kafkaWords[name]
	if !ok {
		words = "cycles of dependencies between operations"
	}
	n := len(list)
	if name == "unseen" {
		counts, _ := list[0].fields.Get(edn.Keyword("unseen"))
		n = len(counts.(edn.Map))
	}
	var details []string
	var about []any
	if key, ok := list[0].fields.Get(edn.Keyword("key")); ok {
		about = []any{key}
	}
	for _, e := range list {
		details = append(details, e.text)
	}
	return Finding{name, fmt.Sprintf("%d %s", n, words), firstFew(details), about}
}

// kafkaHistory indexes a history by key, message and offset.
type kafkaHistory struct {
	ops      []kafkaOp  // completions of send, poll and txn, in order
	byIndex  []*kafkaOp // by the index of the completion in the history, nil elsewhere
	history  *history.History
	keys     []*kafkaLog
	keyOf    map[any]*kafkaLog
	sent     int // messages that were acknowledged
	invented []string
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

func newKafkaHistory(h *history.History) (*kafkaHistory, error) {
	k := &kafkaHistory{history: h, keyOf: map[any]*kafkaLog{}, byIndex: make([]*kafkaOp, len(h.Ops))}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Type == history.Invoke || !op.Client() || (op.F != "send" && op.F != "poll" && op.F != "txn") {
			continue
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
				k.invented = append(k.invented, fmt.Sprintf("%s polled %s of key %s", describeOp(m.reader.op), edn.String(m.value), edn.String(l.key)))
			}
		}
	}
	return k, nil
}

const kafkaShape = `micro-operations such as [:send "k" [offset message]] and [:poll {"k" [[offset message]]}]`

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
		if !ok {
			offset = -1
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

// order derives the order of each log from the offsets that sends and polls
// showed. Polls are believed even when they failed.
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

func (k *kafkaHistory) betweenPolls(errs kafkaErrors) {
	seen := lastSeen{}
	for i := range k.history.Ops {
		op := &k.history.Ops[i]
		if op.F == "assign" || op.F == "subscribe" {
			k.assigned(seen, op)
		}
		o := k.byIndex[op.Index]
		if o == nil {
			continue
		}
		position := seen.of(op.Process)
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
	}
}

func (k *kafkaHistory) betweenSends() (errs []kafkaError) {
	seen := lastSeen{}
	for i := range k.history.Ops {
		op := &k.history.Ops[i]
		if op.F == "assign" || op.F == "subscribe" {
			k.assigned(seen, op)
		}
		o := k.byIndex[op.Index]
		if o == nil || op.Type == history.Fail {
			continue
		}
		position := seen.of(op.Process)
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
	}
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

type offsetRecord struct{ offset, time int64 }

// worstRealtimeLag finds the poll that was farthest behind: the longest time
// between the moment when the last message that it could know of was no longer
// the newest of its key, and the moment when the poll began.
func (k *kafkaHistory) worstRealtimeLag() edn.Map {
	type offsets struct {
		key    any
		offset int64
	}
	highest := func(o *kafkaOp) (out []offsets) {
		for _, p := range o.polls {
			high := int64(-1)
			for _, pair := range p.pairs {
				high = max(high, pair.offset)
			}
			out = append(out, offsets{p.log.key, high})
		}
		for _, s := range o.sends {
			if s.offset >= 0 {
				out = append(out, offsets{s.log.key, s.offset})
			}
		}
		return out
	}
	// A record is an answer that showed a higher offset of its key than all before
	// it. From then on, every offset up to it was known to exist.
	records := map[any][]offsetRecord{}
	for i := range k.ops {
		o := &k.ops[i]
		if o.op.Type == history.Fail {
			continue
		}
		for _, h := range highest(o) {
			list := records[mapKey(h.key)]
			if h.offset >= 0 && (len(list) == 0 || h.offset > list[len(list)-1].offset) {
				records[mapKey(h.key)] = append(list, offsetRecord{h.offset, int64(o.op.Time)})
			}
		}
	}
	// A client's positions by key. behind has those that do not yet cover all that
	// was ever known of their key: the others can have no lag any more.
	type position struct {
		key     any
		at      int64
		records []offsetRecord // those beyond at
	}
	type client struct {
		positions map[any]*position
		behind    []*position
	}
	clients := map[int]*client{}
	worst := edn.Map{}
	worstLag := int64(-1)
	for i := range k.history.Ops {
		op := &k.history.Ops[i]
		if op.Type != history.OK {
			continue
		}
		c := clients[op.Process]
		if c == nil {
			c = &client{positions: map[any]*position{}}
			clients[op.Process] = c
		}
		if op.F == "assign" {
			keys, _ := sequence(op.Value)
			next := &client{positions: map[any]*position{}}
			for _, key := range keys {
				p := c.positions[mapKey(key)]
				if p == nil {
					p = &position{key, -1, records[mapKey(key)]}
				}
				next.positions[mapKey(key)] = p
				next.behind = append(next.behind, p)
			}
			clients[op.Process] = next
			continue
		}
		o := k.byIndex[op.Index]
		if o == nil || op.F == "send" {
			continue
		}
		for _, h := range highest(o) {
			p := c.positions[mapKey(h.key)]
			if p == nil {
				p = &position{h.key, math.MinInt64, records[mapKey(h.key)]}
				c.positions[mapKey(h.key)] = p
				c.behind = append(c.behind, p)
			}
			p.at = max(p.at, h.offset)
		}
		began := int64(k.history.Invocation(op).Time)
		behind := c.behind[:0]
		for _, p := range c.behind {
			lag := int64(0)
			for len(p.records) > 0 && p.records[0].offset <= p.at {
				p.records = p.records[1:]
			}
			if len(p.records) > 0 {
				lag = max(began-p.records[0].time, 0)
				behind = append(behind, p)
			}
			if lag > worstLag {
				worstLag = lag
				worst = ednMap("time", seconds(began), "process", int64(op.Process), "key", p.key, "lag", seconds(lag))
			}
		}
		c.behind = behind
	}
	if worstLag < 0 {
		return ednMap("time", 0.0, "lag", 0.0)
	}
	return worst
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

func ednMap(keysAndValues ...any) edn.Map {
	m := make(edn.Map, 0, len(keysAndValues)/2)
	for i := 0; i < len(keysAndValues); i += 2 {
		m = append(m, edn.Entry{Key: edn.Keyword(keysAndValues[i].(string)), Value: keysAndValues[i+1]})
	}
	return m
}

// describeOp names an operation: "process 3 at 4.210 s".
func describeOp(op *history.Op) string {
	return fmt.Sprintf("process %d at %.3f s", op.Process, op.Time.Seconds())
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
