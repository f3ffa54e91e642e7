package checkers

import (
	"fmt"
	"sort"
	"time"

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
	var unseen evidence
	for _, n := range s.nodes {
		for i := range k.ops {
			o := &k.ops[i]
			for _, send := range o.sends {
				if o.op.Type == history.OK && !seen[n][message{send.log, send.msg}] {
					unseen.add(fmt.Sprintf("key %s: message %s was acknowledged to %s, and no poll of node %s ever returned it",
						edn.Brief(send.log.key, shown), edn.Brief(send.log.messages[send.msg].value, shown), s.names.op(o.op), n), send.log.key, o.op)
				}
			}
		}
	}
	s.report(check, "acknowledged message was never polled from some node", "acknowledged messages were never polled from some node", unseen)
}

// polledFromTheBeginning reports whether the history ends as Jepsen's kafka
// workload does, with clients that read every log from its beginning.
func polledFromTheBeginning(h *history.History) bool {
	for i := len(h.Ops) - 1; i >= 0; i-- {
		if op := &h.Ops[i]; op.F == "assign" && op.Client() {
			for _, key := range []any{edn.Keyword("seek-to-beginning?"), "seek-to-beginning?"} {
				if seek, _ := op.Extra.Get(key); seek == true {
					return true
				}
			}
		}
	}
	return false
}

// kafkaCommits compares the committed offsets that were read with those that
// clients had committed: after every poll, of every key, the highest offset that
// it returned.
func (s *strict) kafkaCommits(k *kafkaHistory) error {
	committed := map[*kafkaLog][]commit{}
	bounds := highestOffsets(s.h, k)
	var forgotten, beyond evidence
	asked := false
	for i := range s.h.Ops {
		op := &s.h.Ops[i]
		if o := k.byIndex[op.Index]; o != nil && op.Type == history.OK {
			for _, p := range o.polls {
				high := highestOffset(p)
				if c := committed[p.log]; high >= 0 && (len(c) == 0 || high > c[len(c)-1].offset) {
					committed[p.log] = append(c, commit{high, op})
				}
			}
		}
		if op.F != history.CommittedOffsets || op.Type != history.OK || !op.Client() {
			continue
		}
		asked = true
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
			if c := settledCommit(committed[l], s.h.Invocation(op), s.settle); c != nil && offset < c.offset {
				forgotten.add(fmt.Sprintf("key %s: %s committed offset %d at %.3f s, but %s answered at %.3f s that %s is committed", edn.Brief(l.key, shown),
					s.process(c.op.Process), c.offset, c.op.Time.Seconds(), s.replica(op), op.Time.Seconds(), orNothing(offset)), l.key, c.op, op)
			}
			if bound, ok := bounds[l]; ok && offset > bound {
				beyond.add(fmt.Sprintf("key %s: %s answered at %.3f s that offset %d is committed, but the highest that was ever sent is %s", edn.Brief(l.key, shown),
					s.replica(op), op.Time.Seconds(), offset, orNothing(bound)), l.key, op)
			}
		}
	}
	if !asked {
		s.skip("no committed offsets were read: only tests with --strict do so", "commit-forgotten", "commit-beyond")
	}
	s.report("commit-forgotten", "committed offset was forgotten or went back", "committed offsets were forgotten or went back", forgotten)
	s.report("commit-beyond", "committed offset is beyond what was sent", "committed offsets are beyond what was sent", beyond)
	return nil
}

// commit is a poll after which the client committed an offset higher than all before.
// The completion of the poll is recorded only once the commit is acknowledged.
type commit struct {
	offset int64
	op     *history.Op
}

// settledCommit returns the highest of the commits, which ascend, that had ended at
// least settle before a request began; nil if there is none.
func settledCommit(commits []commit, request *history.Op, settle time.Duration) *commit {
	n := sort.Search(len(commits), func(i int) bool {
		op := commits[i].op
		return op.Index >= request.Index || op.Time+settle > request.Time
	})
	if n == 0 {
		return nil
	}
	return &commits[n-1]
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
func highestOffsets(h *history.History, k *kafkaHistory) map[*kafkaLog]int64 {
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
	for i := range h.Ops { // sends that never completed
		op := &h.Ops[i]
		if op.Type != history.Invoke || !op.Client() || h.Completion(op) != nil || op.F != "send" && op.F != "txn" {
			continue
		}
		mops, _ := sequence(op.Value)
		for _, m := range mops {
			if mop, ok := sequence(m); ok && len(mop) == 3 {
				delete(out, k.keyOf[mapKey(mop[1])])
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
