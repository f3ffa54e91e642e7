package checkers

import (
	"fmt"
	"maps"
	"slices"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// registers checks that transactions see their own writes, that no values are
// invented, and that replicas converge on something that was written; and, with
// the final version of each key known to follow all others, the cycles that this
// reveals.
func (s *strict) registers() error {
	models, err := modelsOf(s.o)
	if err != nil {
		return err
	}
	txns, finals, ok, err := s.transactions("w", registerShape)
	if err != nil || !ok {
		return err
	}
	official, err := RWRegister(s.h, s.o)
	if err != nil {
		return err
	}
	found := func(name string) bool { return slices.Contains(official.AnomalyTypes, name) }
	both := slices.Concat(txns, finals)
	if !found("internal") {
		s.report("internal", "transaction does not see its own write", "transactions do not see their own writes", evidenceOf(ownWrites(both, s.names)))
	}
	s.inventedValues(both, func(m mop) []any {
		if m.value == nil {
			return nil
		}
		return []any{m.value}
	})
	const cycles = "G0 and other cycles, with final versions"
	if !s.haveFinals(txns, finals, "diverged", "lost", cycles) {
		return nil
	}
	final, diverged := s.finalVersions(finals)
	s.report("diverged", "key differs between nodes at the end", "keys differ between nodes at the end", diverged)
	s.lostAtTheEnd(txns, final)

	bad := prohibited(models)
	written := writtenValues(both)
	r := newRegisters(txns)
	if bad["G1c"] {
		// Under read committed and stronger models a transaction that reads a version and
		// then writes overwrites that version: the other order would make a G1c of it and
		// the version's writer. A version that nobody wrote has a finding of its own.
		r.orderVersions(func(k *register) []versionEdge {
			return slices.DeleteFunc(k.readThenWritten, func(e versionEdge) bool { return !written[idOf(k.key, k.versions[e.from].value)] })
		})
	}
	cyclic := r.orderVersions(func(k *register) (edges []versionEdge) {
		v, ok := final[mapKey(k.key)]
		if !ok || v.value == nil || !written[idOf(k.key, v.value)] {
			return nil
		}
		last, ok := k.index[mapKey(v.value)]
		for i := range k.versions {
			if ok && i > 0 && int32(i) != last {
				edges = append(edges, versionEdge{int32(i), last})
			}
		}
		return edges
	})
	if !found("cyclic-versions") {
		s.report("cyclic-versions", "key ends with a version that was overwritten", "keys end with versions that were overwritten", evidenceOf(cyclic))
	}
	r.link()
	switch additionalEdges(models) {
	case realtime:
		r.graph.linkRealtime(s.h)
	case process:
		r.graph.linkProcesses()
	}
	revealed := anomalies{}
	revealed.addCycles(r.graph, s.names, registerWords)
	for _, name := range slices.Sorted(maps.Keys(revealed)) {
		switch {
		case name == searchGivenUp:
			s.skip("the search for cycles was given up after much work", cycles)
		case bad[name] && !found(name):
			words := anomalyWords[baseName(name)] + ", seen with the final versions"
			s.report(name, "× "+words, "× "+words, evidenceOf(revealed[name]))
		}
	}
	return nil
}

// ownWrites finds transactions that read a key after they wrote it and did not see
// what they wrote.
func ownWrites(txns []txn, who names) (found []TxnAnomaly) {
	for _, t := range txns {
		if t.op.Type != history.OK || !repeatsKey(t.mops) {
			continue
		}
		wrote := map[any]any{}
		for _, m := range t.mops {
			key := mapKey(m.key)
			if m.write {
				wrote[key] = m.value
				continue
			}
			if own, ok := wrote[key]; ok && !edn.Equal(own, m.value) {
				found = append(found, TxnAnomaly{
					ednMap("op", taggedOp(t.op), "mop", m.raw, "expected", own),
					fmt.Sprintf("key %s: %s wrote %s and then read %s: %s", edn.Brief(m.key, shown), who.op(t.op), edn.Brief(own, shown), edn.Brief(m.value, shown), edn.Brief(t.op.Value, 4*shown)),
				})
				break
			}
		}
	}
	return found
}

// lists checks that no elements are invented, that every acknowledged one is in a
// final read, and that replicas converge.
func (s *strict) lists() error {
	txns, finals, ok, err := s.transactions("append", listShape)
	if err != nil || !ok {
		return err
	}
	s.inventedValues(slices.Concat(txns, finals), elements)
	if !s.haveFinals(txns, finals, "diverged", "lost") {
		return nil
	}
	_, diverged := s.finalVersions(finals)
	s.report("diverged", "key differs between nodes at the end", "keys differ between nodes at the end", diverged)
	present, read := map[valueID]bool{}, map[any]bool{}
	reads(finals, func(_ txn, m mop) {
		read[mapKey(m.key)] = true
		for _, e := range elements(m) {
			present[idOf(m.key, e)] = true
		}
	})
	var lost evidence
	for _, t := range txns {
		for _, m := range t.mops {
			if t.op.Type == history.OK && m.write && read[mapKey(m.key)] && !present[idOf(m.key, m.value)] {
				lost.add(fmt.Sprintf("key %s: the append of %s was acknowledged to %s, and no final read has it", edn.Brief(m.key, shown), edn.Brief(m.value, shown), s.names.op(t.op)), m.key, t.op)
			}
		}
	}
	s.report("lost", "acknowledged append is missing at the end", "acknowledged appends are missing at the end", lost)
	return nil
}

// transactions parses the transactions and the final reads. It reports false, and
// skips all checks, if values are written more than once.
func (s *strict) transactions(write edn.Keyword, shape string) (txns, finals []txn, ok bool, err error) {
	if txns, err = readTxns(s.h, write, shape); err != nil {
		return nil, nil, false, err
	}
	if finals, err = finalTxns(s.h, write, shape); err != nil {
		return nil, nil, false, err
	}
	if len(findRepeatedWrites(txns, s.names)) > 0 {
		s.skip("values were written more than once", "all")
		return nil, nil, false, nil
	}
	return txns, finals, true, nil
}

// haveFinals reports whether every node answered a final read. If not, checks
// are skipped.
func (s *strict) haveFinals(txns, finals []txn, checks ...string) bool {
	last := 0
	for _, t := range txns {
		last = max(last, t.op.Index)
	}
	answered := map[string]bool{}
	begun := len(finals) > 0
	for _, t := range finals {
		if t.op.Type == history.OK {
			answered[s.node(t.op.Process)] = true
		}
		if invocation := s.h.Invocation(t.op); invocation != nil && invocation.Index < last {
			begun = false
		}
	}
	switch {
	case !begun:
		s.skip("no transaction read the keys at the end: only tests with --strict do so", checks...)
		return false
	case len(answered) == 0:
		s.skip("no final read succeeded", checks...)
		return false
	}
	for _, n := range s.nodes {
		if !answered[n] {
			s.skip(fmt.Sprintf("node %s answered no final read", n), checks...)
			return false
		}
	}
	return true
}

func writtenValues(txns []txn) map[valueID]bool {
	written := map[valueID]bool{}
	for _, t := range txns {
		for _, m := range t.mops {
			if m.write {
				written[idOf(m.key, m.value)] = true
			}
		}
	}
	return written
}

// inventedValues finds reads of values that no transaction ever tried to write.
func (s *strict) inventedValues(txns []txn, values func(mop) []any) {
	written := writtenValues(txns)
	var invented evidence
	reads(txns, func(t txn, m mop) {
		for _, v := range values(m) {
			if !written[idOf(m.key, v)] {
				invented.add(fmt.Sprintf("key %s: %s read %s, which nobody wrote", edn.Brief(m.key, shown), s.names.op(t.op), edn.Brief(v, shown)), m.key, t.op)
			}
		}
	})
	s.report("invented", "read shows a value that nobody wrote", "reads show values that nobody wrote", invented)
}

// finalVersion is what the nodes agree on at the end.
type finalVersion struct {
	value any
	node  string
	read  *history.Op
}

// finalVersions returns the value of each key on which all final reads agree, and
// describes those on which they do not.
func (s *strict) finalVersions(finals []txn) (final map[any]finalVersion, diverged evidence) {
	final = map[any]finalVersion{}
	differs := map[any]bool{}
	reads(finals, func(t txn, m mop) {
		key, node := mapKey(m.key), s.replica(t.op)
		first, ok := final[key]
		if !ok {
			final[key] = finalVersion{m.value, node, t.op}
			return
		}
		if !edn.Equal(first.value, m.value) && !differs[key] {
			differs[key] = true
			diverged.add(fmt.Sprintf("key %s: %s ends with %s, %s with %s", edn.Brief(m.key, shown), first.node, edn.Brief(first.value, shown), node, edn.Brief(m.value, shown)), m.key, first.read, t.op)
		}
	})
	maps.DeleteFunc(final, func(key any, _ finalVersion) bool { return differs[key] })
	return final, diverged
}

// lostAtTheEnd finds keys with an acknowledged write that all nodes end with as nil.
func (s *strict) lostAtTheEnd(txns []txn, final map[any]finalVersion) {
	var lost evidence
	reported := map[any]bool{}
	for _, t := range txns {
		for _, m := range t.mops {
			key := mapKey(m.key)
			v, ok := final[key]
			if t.op.Type == history.OK && m.write && ok && v.value == nil && !reported[key] {
				reported[key] = true
				lost.add(fmt.Sprintf("key %s: the write of %s was acknowledged to %s, but all nodes end with nil", edn.Brief(m.key, shown), edn.Brief(m.value, shown), s.names.op(t.op)), m.key, t.op, v.read)
			}
		}
	}
	s.report("lost", "key was written and ends without a value", "keys were written and end without a value", lost)
}
