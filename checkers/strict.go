package checkers

import (
	"fmt"
	"slices"
	"sort"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// StrictResult is what strict mode finds where the official checks are blind.
type StrictResult struct {
	Valid  Validity  `json:"valid?"`
	Errors []Finding `json:"errors"`

	Delivery *DeliveryResult `json:"delivery,omitempty"` // broadcast, where there is a journal: set by its reader
}

// Strict looks for errors that the official checks of a workload cannot see. What
// each inference rests on is explained in docs/strict.md. It expects a run that
// ends with final operations on every node, after the network has recovered.
func Strict(h *history.History, o Options) (StrictResult, error) {
	s := &strict{h: h, o: o}
	var err error
	switch o.Workload {
	case "broadcast":
		err = s.set("broadcast")
	case "g-set":
		err = s.set("add")
	case "g-counter":
		err = s.counter(true)
	case "pn-counter":
		err = s.counter(false)
	case "kafka":
		err = s.kafka()
	case "txn-rw-register":
		err = s.registers()
	case "txn-list-append":
		err = s.lists()
	}
	r := StrictResult{Errors: s.findings}
	if r.Errors == nil {
		r.Errors = []Finding{}
	}
	r.Valid = validIf(len(r.Errors) == 0)
	return r, err
}

type strict struct {
	h        *history.History
	o        Options
	findings []Finding
}

// report adds a finding if there are details.
func (s *strict) report(check, summary string, details []string, about ...any) {
	s.prove(check, summary, details, about, nil)
}

// prove is report with the operations that show the first detail; see Finding.
func (s *strict) prove(check, summary string, details []string, about []any, proof []int) {
	if len(details) > 0 {
		s.findings = append(s.findings, Finding{
			Check: check, Summary: fmt.Sprintf(summary, len(details)), Details: firstFew(details), About: about, Proof: proof,
		})
	}
}

// nodeOf names the node that a process talked to. Without the options of the test
// every process stands for itself.
func (s *strict) nodeOf(op *history.Op) string {
	if s.o.Concurrency == 0 || len(s.o.Nodes) == 0 {
		return fmt.Sprintf("process %d", op.Process)
	}
	return "node " + s.o.Nodes[op.Process%s.o.Concurrency%len(s.o.Nodes)]
}

// lastReads returns the last successful read of each node among those that were
// invoked after every update had completed.
func (s *strict) lastReads(update string) map[string]*history.Op {
	lastUpdate := -1
	for i := range s.h.Ops {
		if op := &s.h.Ops[i]; op.F == update {
			lastUpdate = i
		}
	}
	out := map[string]*history.Op{}
	for i := range s.h.Ops {
		op := &s.h.Ops[i]
		if op.F == "read" && op.Type == history.OK && s.h.Invocation(op).Index > lastUpdate {
			out[s.nodeOf(op)] = op
		}
	}
	return out
}

// everyNodeRead reports nodes without a final read.
func (s *strict) everyNodeRead(reads map[string]*history.Op) {
	if s.o.Concurrency == 0 {
		return
	}
	var missing []string
	for _, n := range s.o.Nodes {
		if reads["node "+n] == nil {
			missing = append(missing, fmt.Sprintf("node %s answered no read after the last update", n))
		}
	}
	s.report("no-final-read", "%d nodes have no final read", missing)
}

// set: every acknowledged value in the final read of every node, no value twice
// in a read, none that nobody sent.
func (s *strict) set(add string) error {
	attempted := map[any]int{}
	type acknowledged struct {
		value any
		op    *history.Op
	}
	var known []acknowledged
	var duplicates, invented []string
	for i := range s.h.Ops {
		op := &s.h.Ops[i]
		switch {
		case op.F == add && op.Type == history.Invoke:
			attempted[mapKey(op.Value)] = i
		case op.F == add && op.Type == history.OK:
			known = append(known, acknowledged{op.Value, op})
		case op.F == "read" && op.Type == history.OK:
			values, ok := sequence(op.Value)
			if !ok {
				return &ShapeError{*op, "a vector of the elements that the node has"}
			}
			count := map[any]int{}
			for _, v := range values {
				key := mapKey(v)
				if count[key]++; count[key] == 2 {
					duplicates = append(duplicates, fmt.Sprintf("the read of process %d from %s at %.3f s has %s more than once", op.Process, s.nodeOf(op), op.Time.Seconds(), edn.String(v)))
				}
				if _, ok := attempted[key]; !ok {
					invented = append(invented, fmt.Sprintf("the read of process %d from %s at %.3f s has %s, which nobody had sent", op.Process, s.nodeOf(op), op.Time.Seconds(), edn.String(v)))
				}
			}
		}
	}
	reads := s.lastReads(add)
	var missing []string
	var first []any // the first value that is missing, and the read that lacks it
	var lacks []int
	for _, node := range sortedNames(reads) {
		values, _ := sequence(reads[node].Value)
		present := map[any]bool{}
		for _, v := range values {
			present[mapKey(v)] = true
		}
		for _, k := range known {
			if !present[mapKey(k.value)] {
				if first == nil {
					first, lacks = []any{k.value}, []int{reads[node].Index}
				}
				missing = append(missing, fmt.Sprintf("%s was acknowledged to process %d by %s at %.3f s, and the final read of %s at %.3f s lacks it",
					edn.String(k.value), k.op.Process, s.nodeOf(k.op), k.op.Time.Seconds(), node, reads[node].Time.Seconds()))
			}
		}
	}
	s.everyNodeRead(reads)
	s.prove("not-everywhere", "%d acknowledged values are missing from the final read of some node", missing, first, lacks)
	s.report("duplicates", "%d values came more than once in a read", duplicates)
	s.report("invented", "%d values were read that nobody had sent", invented)
	return nil
}

// counter: a final read from every node, and no read outside what was attempted
// until then; those of a grow-only counter never shrink on a node.
func (s *strict) counter(growOnly bool) error {
	low, high := int64(0), int64(0) // the sums of what was attempted
	delta := func(op *history.Op) (int64, error) {
		d, ok := op.Value.(int64)
		if !ok {
			return 0, &ShapeError{*op, "an integer, the number that was added"}
		}
		return d, nil
	}
	type answer struct {
		op    *history.Op
		value int64
	}
	last := map[string][]answer{}
	var outside, shrunk []string
	for i := range s.h.Ops {
		op := &s.h.Ops[i]
		switch {
		case op.F == "add" && op.Type == history.Invoke:
			d, err := delta(op)
			if err != nil {
				return err
			}
			low, high = low+min(d, 0), high+max(d, 0)
		case op.F == "read" && op.Type == history.OK:
			value, ok := op.Value.(int64)
			if !ok {
				return &ShapeError{*op, "an integer, the value of the counter"}
			}
			if value < low || value > high {
				outside = append(outside, fmt.Sprintf("process %d read %d from %s at %.3f s, when the sum was somewhere from %d to %d", op.Process, value, s.nodeOf(op), op.Time.Seconds(), low, high))
			}
			node := s.nodeOf(op)
			began := s.h.Invocation(op).Index
			var high *answer // the highest one that had ended before this read began
			for j := range last[node] {
				if a := &last[node][j]; a.op.Index < began && (high == nil || a.value > high.value) {
					high = a
				}
			}
			if growOnly && high != nil && value < high.value {
				shrunk = append(shrunk, fmt.Sprintf("%s answered %d at %.3f s and %d at %.3f s", node, high.value, high.op.Time.Seconds(), value, op.Time.Seconds()))
			}
			last[node] = recentAnswers(last[node], answer{op, value}, began, func(a answer) (int, int64) { return a.op.Index, a.value })
		}
	}
	s.everyNodeRead(s.lastReads("add"))
	s.report("outside", "%d reads are outside the sum of all attempted additions", outside)
	s.report("shrunk", "%d reads of a counter that only grows are below an earlier one of the same node", shrunk)
	return nil
}

// recentAnswers keeps, of the answers that had ended before began, only the
// highest, and all later ones, so that the list stays as long as the number of
// concurrent reads.
func recentAnswers[A any](answers []A, next A, began int, of func(A) (index int, value int64)) []A {
	var kept []A
	best := -1
	for i, a := range answers {
		index, value := of(a)
		if index >= began {
			kept = append(kept, a)
			continue
		}
		if best < 0 {
			best = i
		} else if _, v := of(answers[best]); value > v {
			best = i
		}
	}
	if best >= 0 {
		kept = append(kept, answers[best])
	}
	return append(kept, next)
}

// kafka: every acknowledged message seen from every node; offsets that were
// committed are still committed at the end, and none beyond what was sent.
func (s *strict) kafka() error {
	k, err := newKafkaHistory(s.h)
	if err != nil {
		return err
	}
	s.report("invented", "%d polled messages were sent by nobody", k.invented)

	seen := map[string]map[*kafkaLog]map[int32]bool{}
	for i := range k.ops {
		o := &k.ops[i]
		if o.op.Type != history.OK {
			continue
		}
		node := s.nodeOf(o.op)
		if seen[node] == nil {
			seen[node] = map[*kafkaLog]map[int32]bool{}
		}
		for _, p := range o.polls {
			if seen[node][p.log] == nil {
				seen[node][p.log] = map[int32]bool{}
			}
			for _, pair := range p.pairs {
				seen[node][p.log][pair.msg] = true
			}
		}
	}
	var unseen []string
	if s.o.Concurrency > 0 {
		for _, n := range s.o.Nodes {
			for i := range k.ops {
				o := &k.ops[i]
				for _, send := range o.sends {
					if o.op.Type == history.OK && !seen["node "+n][send.log][send.msg] {
						unseen = append(unseen, fmt.Sprintf("key %s: message %s was acknowledged to process %d by %s at %.3f s, and no poll of node %s ever returned it",
							edn.String(send.log.key), edn.String(send.log.messages[send.msg].value), o.op.Process, s.nodeOf(o.op), o.op.Time.Seconds(), n))
					}
				}
			}
		}
	}
	s.report("unseen-from-a-node", "%d acknowledged messages were never seen from some node", unseen)
	return s.kafkaCommits(k)
}

// kafkaCommits compares the committed offsets that were read with those that
// clients had committed: after every poll, of every key, the highest offset that
// it returned.
func (s *strict) kafkaCommits(k *kafkaHistory) error {
	type mark struct {
		offset int64
		op     *history.Op
	}
	committed := map[*kafkaLog][]mark{} // ascending in offset and time
	highest := map[*kafkaLog]int64{}
	unknown := map[*kafkaLog]int64{} // sends whose offset nobody knows
	var forgotten, beyond []string
	for i := range s.h.Ops {
		op := &s.h.Ops[i]
		if o := k.byIndex[op.Index]; o != nil && op.Type != history.Fail {
			for _, send := range o.sends {
				if send.offset < 0 {
					unknown[send.log]++
				}
				highest[send.log] = max(highest[send.log], send.offset)
			}
			for _, p := range o.polls {
				high := int64(-1)
				for _, pair := range p.pairs {
					high = max(high, pair.offset)
				}
				highest[p.log] = max(highest[p.log], high)
				if marks := committed[p.log]; op.Type == history.OK && high >= 0 && (len(marks) == 0 || high > marks[len(marks)-1].offset) {
					committed[p.log] = append(marks, mark{high, op})
				}
			}
		}
		if op.F != CommittedOffsets || op.Type != history.OK {
			continue
		}
		offsets, ok := op.Value.(edn.Map)
		if !ok {
			return &ShapeError{*op, "a map of keys to committed offsets"}
		}
		began := s.h.Invocation(op).Index
		for _, l := range k.keys {
			v, _ := offsets.Get(l.key)
			offset, ok := v.(int64)
			if !ok {
				offset = -1
			}
			marks := committed[l]
			n := sort.Search(len(marks), func(i int) bool { return marks[i].op.Index >= began })
			if n > 0 && offset < marks[n-1].offset {
				m := marks[n-1]
				forgotten = append(forgotten, fmt.Sprintf("key %s: process %d committed offset %d at %.3f s, but %s said at %.3f s that %s is committed", edn.String(l.key),
					m.op.Process, m.offset, m.op.Time.Seconds(), s.nodeOf(op), op.Time.Seconds(), orNothing(offset)))
			}
			if offset > highest[l]+unknown[l] {
				beyond = append(beyond, fmt.Sprintf("key %s: %s said at %.3f s that offset %d is committed, but the highest that was ever sent is %d", edn.String(l.key),
					s.nodeOf(op), op.Time.Seconds(), offset, highest[l]))
			}
		}
	}
	s.report("commit-forgotten", "%d committed offsets were forgotten or went back", forgotten)
	s.report("commit-beyond", "%d committed offsets are beyond what was sent", beyond)
	return nil
}

// CommittedOffsets is the name of the operation by which strict mode reads the
// committed offsets of all keys at the end of a kafka test.
const CommittedOffsets = "committed-offsets"

func orNothing(offset int64) string {
	if offset < 0 {
		return "nothing"
	}
	return fmt.Sprint(offset)
}

// registers: replicas that converge on something that was written, transactions
// that see their own writes, no invented values; and with the final version of
// each key known to follow all others, the cycles that this reveals.
func (s *strict) registers() error {
	const shape = "micro-operations such as [:r 3 nil] and [:w 3 1]"
	txns, err := readTxns(s.h, "w", shape)
	if err != nil {
		return err
	}
	finals, err := finalTxns(s.h, "w", shape)
	if err != nil {
		return err
	}
	s.report("internal", "%d transactions contradict their own earlier reads or writes", texts(registerInternal(append(slices.Clone(txns), finals...))))
	s.inventedValues(append(slices.Clone(txns), finals...), func(m mop) []any {
		if m.value == nil {
			return nil
		}
		return []any{m.value}
	})

	final, diverged := s.finalVersions(finals)
	s.report("diverged", "%d keys differ between nodes at the end", diverged)
	s.lostAtTheEnd(txns, final)

	models := modelsOf(s.o)
	r := newRegisters(txns)
	r.cyclic()
	for _, k := range r.keys {
		v, ok := final[mapKey(k.key)]
		if !ok || v.value == nil {
			continue
		}
		last, ok := k.index[mapKey(v.value)]
		if !ok {
			continue
		}
		for i := range k.versions {
			if i > 0 && int32(i) != last {
				k.versions[i].next = append(k.versions[i].next, last)
			}
		}
	}
	cyclic := r.cyclic()
	s.report("cyclic-versions", "%d keys have versions that replaced each other, the final one among them", texts(cyclic))
	r.link()
	if additionalEdges(models) == realtime {
		r.graph.linkRealtime(s.h)
	}
	found := anomalies{}
	found.addCycles(r.graph, registerWords)
	bad := prohibited(models)
	official, err := RWRegister(s.h, s.o)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, f := range official.Findings {
		known[f.Check] = true
	}
	for _, name := range sortedNames(found) {
		if bad[name] && !known[name] && !unknownAnomalies[name] {
			s.report(name, "%d × "+anomalyWords[baseName(name)]+", seen with the final versions", texts(found[name]))
		}
	}
	return nil
}

func texts(list []anomaly) (out []string) {
	for _, a := range list {
		out = append(out, a.text)
	}
	return out
}

// lists: no invented elements, and a final read that has every acknowledged one.
func (s *strict) lists() error {
	const shape = "micro-operations such as [:r 3 [1 2]] and [:append 3 3]"
	txns, err := readTxns(s.h, "append", shape)
	if err != nil {
		return err
	}
	finals, err := finalTxns(s.h, "append", shape)
	if err != nil {
		return err
	}
	s.inventedValues(append(slices.Clone(txns), finals...), elements)
	_, diverged := s.finalVersions(finals)
	s.report("diverged", "%d keys differ between nodes at the end", diverged)
	last := map[any][]any{}
	for _, t := range finals {
		for _, m := range t.mops {
			if list := elements(m); t.op.Type == history.OK && len(list) >= len(last[mapKey(m.key)]) {
				last[mapKey(m.key)] = list
			}
		}
	}
	if len(last) == 0 {
		return nil
	}
	var lost []string
	for _, t := range txns {
		for _, m := range t.mops {
			if t.op.Type == history.OK && m.write && !slices.ContainsFunc(last[mapKey(m.key)], func(e any) bool { return mapKey(e) == mapKey(m.value) }) {
				lost = append(lost, fmt.Sprintf("key %s: the append of %s was acknowledged to %s, and no final read has it", edn.String(m.key), edn.String(m.value), describeOp(t.op)))
			}
		}
	}
	s.report("lost", "%d acknowledged appends are missing at the end", lost)
	return nil
}

// inventedValues finds reads of values that no transaction ever tried to write.
func (s *strict) inventedValues(txns []txn, values func(mop) []any) {
	written := map[valueID]bool{}
	for _, t := range txns {
		for _, m := range t.mops {
			if m.write {
				written[idOf(m.key, m.value)] = true
			}
		}
	}
	var invented []string
	reads(txns, func(t txn, m mop) {
		for _, v := range values(m) {
			if !written[idOf(m.key, v)] {
				invented = append(invented, fmt.Sprintf("key %s: %s read %s, which nobody wrote", edn.String(m.key), describeOp(t.op), edn.String(v)))
			}
		}
	})
	s.report("invented", "%d reads show values that nobody wrote", invented)
}

// finalVersion is what the nodes agree on at the end.
type finalVersion struct {
	value any
	op    *history.Op
	node  string
}

// finalVersions returns the value of each key on which all final reads agree, and
// describes those on which they do not.
func (s *strict) finalVersions(finals []txn) (final map[any]finalVersion, diverged []string) {
	final = map[any]finalVersion{}
	differs := map[any]bool{}
	for _, t := range finals {
		if t.op.Type != history.OK {
			continue
		}
		for _, m := range t.mops {
			key, node := mapKey(m.key), s.nodeOf(t.op)
			first, ok := final[key]
			if !ok {
				final[key] = finalVersion{m.value, t.op, node}
				continue
			}
			if !edn.Equal(first.value, m.value) && !differs[key] {
				differs[key] = true
				diverged = append(diverged, fmt.Sprintf("key %s: %s ends with %s, %s with %s", edn.String(m.key), first.node, edn.String(first.value), node, edn.String(m.value)))
			}
		}
	}
	for key := range differs { // the order does not show
		delete(final, key)
	}
	return final, diverged
}

// lostAtTheEnd finds keys that were written, and end as if they never had been.
func (s *strict) lostAtTheEnd(txns []txn, final map[any]finalVersion) {
	var lost []string
	reported := map[any]bool{}
	for _, t := range txns {
		for _, m := range t.mops {
			key := mapKey(m.key)
			v, ok := final[key]
			if t.op.Type == history.OK && m.write && ok && v.value == nil && !reported[key] {
				reported[key] = true
				lost = append(lost, fmt.Sprintf("key %s: the write of %s was acknowledged to %s, but all nodes end with nil", edn.String(m.key), edn.String(m.value), describeOp(t.op)))
			}
		}
	}
	s.report("lost", "%d keys were written and end without a value", lost)
}
