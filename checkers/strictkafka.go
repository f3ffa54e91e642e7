package checkers

import (
	"fmt"
	"slices"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// kafka checks that every node returned every acknowledged message, and that committed
// offsets are neither forgotten nor invented.
func (s *strict) kafka() error {
	k, err := newKafkaHistory(s.h, s.names)
	if err != nil {
		return err
	}
	s.report("invented", "polled message was sent by nobody", "polled messages were sent by nobody", k.invented)
	s.unseenFromANode(k)
	return s.kafkaCommits(k)
}

// unseenFromANode reports acknowledged messages that some node never returned in any
// poll.
func (s *strict) unseenFromANode(k *kafkaHistory) {
	const check = "unseen-from-a-node"
	if !s.known() {
		s.skip(nodesUnknown, check)
		return
	}
	if !polledFromTheBeginning(s.h) {
		s.skip("no client was assigned all keys from their beginning at the end of the test", check)
		return
	}
	type message struct {
		log *kafkaLog
		msg int32
	}
	seen := map[string]map[message]bool{}
	for _, n := range s.nodes {
		seen[n] = map[message]bool{}
	}
	for i := range k.ops {
		o := &k.ops[i]
		for _, p := range o.polls {
			for _, pair := range p.pairs {
				if o.op.Type == history.OK {
					seen[s.node(o.op.Process)][message{p.log, pair.msg}] = true
				}
			}
		}
	}
	readers := lastReaders(s.h, k)
	var unseen evidence
	for _, n := range s.nodes {
		reading := 0
		for i := range k.ops {
			o := &k.ops[i]
			for _, send := range o.sends {
				if o.op.Type != history.OK || seen[n][message{send.log, send.msg}] {
					continue
				}
				if !slices.ContainsFunc(readers, func(r *lastReader) bool { return s.node(r.process) == n && r.passed(send) }) {
					reading++
					continue
				}
				unseen.add(fmt.Sprintf("key %s: message %s was acknowledged to %s, and no poll of node %s ever returned it",
					edn.Brief(send.log.key, shown), edn.Brief(send.log.messages[send.msg].value, shown), s.names.op(o.op), n), send.log.key, o.op)
			}
		}
		if reading > 0 {
			s.skip(fmt.Sprintf("node %s was still returning messages in the last polls, or did not answer them, so %s may be yet to come", n, count(reading, "message", "messages")), check)
		}
	}
	s.report(check, "acknowledged message was never polled from some node", "acknowledged messages were never polled from some node", unseen)
}

// lastReader is a client that was assigned keys from their beginning, and polled them
// as far as it got.
type lastReader struct {
	process   int
	keys      map[*kafkaLog]bool
	highest   map[*kafkaLog]int64 // the highest offset that it was given
	exhausted bool                // its last poll returned nothing
}

// lastReaders returns the clients that read keys from their beginning at the end of the
// test.
func lastReaders(h *history.History, k *kafkaHistory) (readers []*lastReader) {
	byProcess := map[int]*lastReader{}
	for i := range h.Ops {
		op := &h.Ops[i]
		if !op.Client() || op.Type != history.OK {
			continue
		}
		if seeks(op) {
			r := &lastReader{process: op.Process, keys: map[*kafkaLog]bool{}, highest: map[*kafkaLog]int64{}}
			keys, _ := sequence(op.Value)
			for _, key := range keys {
				if l := k.keyOf[mapKey(key)]; l != nil {
					r.keys[l] = true
				}
			}
			byProcess[op.Process] = r
			readers = append(readers, r)
		}
		r, o := byProcess[op.Process], k.byIndex[op.Index]
		if r == nil || o == nil || op.F == "send" {
			continue
		}
		r.exhausted = true
		for _, p := range o.polls {
			r.exhausted = r.exhausted && len(p.pairs) == 0
			r.highest[p.log] = max(r.highest[p.log], highestOffset(p))
		}
	}
	return readers
}

// passed reports whether the client got to the end of a key, or past a message of it.
func (r *lastReader) passed(m kafkaSend) bool {
	return r.keys[m.log] && (r.exhausted || r.highest[m.log] > m.offset)
}

// polledFromTheBeginning reports whether the history ends as Jepsen's kafka
// workload does, with clients that read every log from its beginning.
func polledFromTheBeginning(h *history.History) bool {
	return slices.ContainsFunc(h.Ops, func(op history.Op) bool { return op.Client() && seeks(&op) })
}

// seeks reports whether an operation assigns keys from their beginning.
func seeks(op *history.Op) bool {
	if op.F != "assign" {
		return false
	}
	for _, key := range []any{edn.Keyword("seek-to-beginning?"), "seek-to-beginning?"} {
		if seek, _ := op.Extra.Get(key); seek == true {
			return true
		}
	}
	return false
}

// kafkaCommits compares the committed offsets that were read with those that
// clients had committed: after every poll, of every key, the highest offset that
// it returned.
func (s *strict) kafkaCommits(k *kafkaHistory) error {
	committed := map[*kafkaLog][]commit{}
	open := firstOpenPoll(s.h, k)
	bounds := highestOffsets(k)
	var forgotten, beyond evidence
	asked, answered := false, false
	for i := range s.h.Ops {
		op := &s.h.Ops[i]
		if o := k.byIndex[op.Index]; o != nil && op.Type == history.OK {
			for _, p := range o.polls {
				if high := highestOffset(p); high >= 0 {
					committed[p.log] = append(committed[p.log], commit{high, s.h.Invocation(op), op})
				}
			}
		}
		if op.F != history.CommittedOffsets || !op.Client() {
			continue
		}
		asked = true
		if op.Type != history.OK {
			continue
		}
		answered = true
		offsets, ok := op.Value.(edn.Map)
		if !ok {
			return &ShapeError{*op, "a map of keys to committed offsets"}
		}
		for _, l := range k.keys {
			v, _ := offsets.Get(l.key)
			offset, ok := v.(int64)
			if !ok {
				offset = -1
			}
			if c, least := s.lowestLast(committed[l], op, open); c != nil && offset < least {
				forgotten.add(fmt.Sprintf("key %s: %s committed offset %d at %.3f s, but %s answered at %.3f s that %s is committed", edn.Brief(l.key, shown),
					s.process(c.op.Process), c.offset, c.op.Time.Seconds(), s.replica(op), op.Time.Seconds(), orNothing(offset)), l.key, c.op, op)
			}
			if bound, ok := bounds[l]; ok && offset > bound {
				beyond.add(fmt.Sprintf("key %s: %s answered at %.3f s that offset %d is committed, but the highest that was ever sent is %s", edn.Brief(l.key, shown),
					s.replica(op), op.Time.Seconds(), offset, orNothing(bound)), l.key, op)
			}
		}
	}
	switch {
	case !asked:
		s.skip("no committed offsets were read: only tests with --strict do so", "commit-forgotten", "commit-beyond")
	case !answered:
		s.skip("no request for the committed offsets was answered", "commit-forgotten", "commit-beyond")
	}
	s.report("commit-forgotten", "committed offset was forgotten or went back", "committed offsets were forgotten or went back", forgotten)
	s.report("commit-beyond", "committed offset is beyond what was sent", "committed offsets are beyond what was sent", beyond)
	return nil
}

// commit is a poll after which the client committed an offset. The completion of the
// poll is recorded only once the commit is acknowledged.
type commit struct {
	offset    int64
	began, op *history.Op // the invocation and the completion
}

// lowestLast returns, of the commits that the answer to a request for the committed
// offsets may show, the one with the lowest offset, and the least offset that the answer
// must show; nil if the answer may show nothing. A commit that ended at least
// Options.Settle before the request began must show in it, or one that replaced it: any
// commit that did not end before it began. A lower offset may replace a higher one. open
// is the invocation of the first poll of unknown outcome, nil for none: its commit, of an
// offset that nobody knows, can take effect at any time.
func (s *strict) lowestLast(commits []commit, answer, open *history.Op) (lowest *commit, least int64) {
	request := s.h.Invocation(answer)
	settled := func(c *commit) bool {
		return c.op.Index < request.Index && c.op.Time+s.settle <= request.Time
	}
	latest := -1 // when the settled commit that began last began
	for i := range commits {
		if c := &commits[i]; settled(c) {
			latest = max(latest, c.began.Index)
		}
	}
	if latest < 0 {
		return nil, 0
	}
	for i := range commits {
		c := &commits[i]
		replaced := settled(c) && c.op.Index < latest
		if !replaced && c.began.Index < answer.Index && (lowest == nil || c.offset < lowest.offset) {
			lowest = c
		}
	}
	if open != nil && open.Index < answer.Index {
		return lowest, 0
	}
	return lowest, lowest.offset
}

// firstOpenPoll returns the invocation of the first poll whose outcome is unknown, nil
// if there is none.
func firstOpenPoll(h *history.History, k *kafkaHistory) *history.Op {
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Type != history.Invoke || !op.Client() || op.F != "poll" && op.F != "txn" {
			continue
		}
		if done := h.Completion(op); done == nil || done.Type == history.Info {
			return op
		}
	}
	return nil
}

func highestOffset(p kafkaPoll) int64 {
	high := int64(-1)
	for _, pair := range p.pairs {
		high = max(high, pair.offset)
	}
	return high
}

// highestOffsets returns the highest offset of each key that can have been committed.
// Keys with a send of unknown outcome are left out: offsets may have gaps, so the one
// assigned to that send may be any.
func highestOffsets(k *kafkaHistory) map[*kafkaLog]int64 {
	out := map[*kafkaLog]int64{}
	for _, l := range k.keys {
		out[l] = -1
	}
	raise := func(l *kafkaLog, offset int64) {
		if high, ok := out[l]; ok {
			out[l] = max(high, offset)
		}
	}
	for i := range k.ops {
		o := &k.ops[i]
		for _, p := range o.polls {
			raise(p.log, highestOffset(p))
		}
		for _, send := range o.sends {
			switch {
			case send.offset >= 0:
				raise(send.log, send.offset)
			case o.op.Type != history.Fail:
				delete(out, send.log)
			}
		}
	}
	return out
}

func orNothing(offset int64) string {
	if offset < 0 {
		return "nothing"
	}
	return fmt.Sprint(offset)
}
