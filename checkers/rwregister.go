package checkers

import (
	"fmt"
	"slices"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// RWRegister checks transactions that read and write registers, by the method of
// Elle (Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from
// Experimental Observations", 2020). Every write has a value of its own, so that
// a read tells which write it saw; the order of the versions of a key is known
// only where a transaction read one version and wrote the next, as Maelstrom
// sets it.
//
// Every anomaly is proof that the history is not what the named models promise.
// Much is missed: without an order of versions there are no write-write edges, so
// that under read-uncommitted hardly anything can be found.
func RWRegister(h *history.History, o Options) (Verdict, error) {
	txns, err := readTxns(h, "w", "micro-operations such as [:r 3 nil] and [:w 3 1]")
	if err != nil {
		return Verdict{}, err
	}
	models := modelsOf(o)
	found := anomalies{}
	found.add("G1a", registerReads(txns, failedWrites(txns), func(m mop, reader, writer *history.Op) string {
		return fmt.Sprintf("key %s: %s read %s, which the failed transaction of %s wrote", edn.String(m.key), describeOp(reader), edn.String(m.value), describeOp(writer))
	})...)
	found.add("G1b", registerReads(txns, intermediateWrites(txns), func(m mop, reader, writer *history.Op) string {
		return fmt.Sprintf("key %s: %s read %s, which %s itself wrote over", edn.String(m.key), describeOp(reader), edn.String(m.value), describeOp(writer))
	})...)
	found.add("internal", registerInternal(txns)...)
	found.add("lost-update", lostUpdates(txns)...)

	r := newRegisters(txns)
	if o.SequentialKeys {
		r.inferFrom(h, process)
	}
	if o.LinearizableKeys {
		r.inferFrom(h, realtime)
	}
	found.add("cyclic-versions", r.cyclic()...)
	r.link()
	switch additionalEdges(models) {
	case realtime:
		r.graph.linkRealtime(h)
	case process:
		r.graph.linkProcesses()
	}
	found.addCycles(r.graph, registerWords)
	// Maelstrom ignores searches that did not end: it looks for no anomaly that
	// depends on them.
	delete(found, "cycle-search-timeout")
	v := judge(found, models, len(txns))
	if v.Valid == Unknown { // as in Maelstrom, any anomaly at all is a failure
		v.Valid = Invalid
		result := v.Fields.(TxnResult)
		result.Valid = Invalid
		v.Fields = result
	}
	return v, nil
}

// registerReads finds reads of certain values by others than their writers.
func registerReads(txns []txn, values map[valueID]*history.Op, text func(mop, *history.Op, *history.Op) string) (found []anomaly) {
	for _, t := range txns {
		if t.op.Type != history.OK {
			continue
		}
		for _, m := range t.mops {
			if writer := values[idOf(m.key, m.value)]; !m.write && writer != nil && writer.Index != t.op.Index {
				found = append(found, anomaly{ednMap("op", taggedOp(t.op), "mop", m.raw, "writer", taggedOp(writer)), text(m, t.op, writer)})
			}
		}
	}
	return found
}

// registerInternal finds transactions whose reads contradict what they read or
// wrote before.
func registerInternal(txns []txn) (found []anomaly) {
	for _, t := range txns {
		if t.op.Type != history.OK || !repeatsKey(t.mops) {
			continue
		}
		state := map[any]any{}
		for _, m := range t.mops {
			key := mapKey(m.key)
			if expected, known := state[key]; !m.write && known && !edn.Equal(expected, m.value) {
				found = append(found, anomaly{
					ednMap("op", taggedOp(t.op), "mop", m.raw, "expected", expected),
					fmt.Sprintf("key %s: %s read %s, but by its own operations before it must be %s: %s",
						edn.String(m.key), describeOp(t.op), edn.String(m.value), edn.String(expected), edn.String(t.op.Value)),
				})
				break
			}
			state[key] = m.value
		}
	}
	return found
}

// registers is what transactions did to each key, seen from outside them.
type registers struct {
	graph   *depGraph
	keys    []*register
	byKey   map[any]*register
	skipped map[*register]bool // their order of versions is cyclic
}

type register struct {
	key      any
	versions []version // the first one is the initial nil
	index    map[any]int32
}

type version struct {
	value   any
	writers []int32 // vertices of acknowledged transactions
	readers []int32
	next    []int32 // versions that follow, besides those after nil
}

func newRegisters(txns []txn) *registers {
	committed, ops := possible(txns)
	r := &registers{graph: newDepGraph(ops), byKey: map[any]*register{}, skipped: map[*register]bool{}}
	for v, t := range committed {
		first, last := map[any]mop{}, map[any]mop{} // external reads and writes
		var order []mop
		for _, m := range t.mops {
			key := mapKey(m.key)
			if _, wrote := last[key]; m.write {
				if !wrote {
					order = append(order, m)
				}
				last[key] = m
			} else if _, read := first[key]; !wrote && !read {
				first[key] = m
				order = append(order, m)
			}
		}
		for _, m := range order {
			k := r.register(m.key)
			if m.write {
				written := k.version(last[mapKey(m.key)].value)
				if t.op.Type == history.OK {
					k.versions[written].writers = append(k.versions[written].writers, int32(v))
					if before, ok := first[mapKey(m.key)]; ok && before.value != nil {
						read := k.version(before.value)
						k.versions[read].next = append(k.versions[read].next, written)
					}
				}
			} else if t.op.Type == history.OK {
				read := k.version(m.value)
				k.versions[read].readers = append(k.versions[read].readers, int32(v))
			}
		}
	}
	return r
}

func (r *registers) register(key any) *register {
	id := mapKey(key)
	k := r.byKey[id]
	if k == nil {
		k = &register{key: key, versions: []version{{}}, index: map[any]int32{nil: 0}}
		r.byKey[id] = k
		r.keys = append(r.keys, k)
	}
	return k
}

func (k *register) version(value any) int32 {
	id := mapKey(value)
	i, ok := k.index[id]
	if !ok {
		i = int32(len(k.versions))
		k.versions = append(k.versions, version{value: value})
		k.index[id] = i
	}
	return i
}

// touch is how a transaction used a key: the version that it began with and the
// one that it left.
type touch struct {
	vertex      int32
	first, last int32
}

// inferFrom orders the versions of each key as processes, or real time, order the
// transactions that used it. That is right only if every key by itself is
// sequentially consistent, or linearizable.
func (r *registers) inferFrom(h *history.History, order edgeKind) {
	for _, k := range r.keys {
		touches := map[int32]*touch{}
		var vertices []int32
		note := func(v, version int32, wrote bool) {
			t := touches[v]
			if t == nil {
				t = &touch{v, version, version}
				touches[v] = t
				vertices = append(vertices, v)
			}
			if wrote {
				t.last = version
			} else {
				t.first = version
			}
		}
		for i, version := range k.versions {
			for _, v := range version.writers {
				note(v, int32(i), true)
			}
		}
		for i, version := range k.versions {
			for _, v := range version.readers {
				if t := touches[v]; t != nil {
					t.first = int32(i)
				} else {
					note(v, int32(i), false)
				}
			}
		}
		slices.Sort(vertices)
		ops := make([]*history.Op, len(vertices))
		for i, v := range vertices {
			ops[i] = r.graph.ops[v]
		}
		g := newDepGraph(ops)
		if order == process {
			g.linkProcesses()
		} else {
			g.linkRealtime(h)
		}
		for i, out := range g.out {
			for _, e := range out {
				a, b := touches[vertices[i]], touches[vertices[e.to]]
				if a.last != b.first && a.last != 0 {
					k.versions[a.last].next = append(k.versions[a.last].next, b.first)
				}
			}
		}
	}
}

// cyclic finds keys whose versions follow each other in a circle.
func (r *registers) cyclic() (found []anomaly) {
	for _, k := range r.keys {
		g := &depGraph{ops: make([]*history.Op, len(k.versions)), out: make([][]edge, len(k.versions))}
		for i, v := range k.versions {
			for _, next := range v.next {
				g.linkBare(int32(i), next, ww)
			}
		}
		for _, component := range g.components(nil, ww) {
			r.skipped[k] = true
			values := edn.Set{}
			for _, i := range component {
				values = append(values, k.versions[i].value)
			}
			found = append(found, anomaly{
				ednMap("key", k.key, "scc", values),
				fmt.Sprintf("key %s: the versions %s each replaced another one of them", edn.String(k.key), listOf(values)),
			})
		}
	}
	return found
}

// link adds the dependencies of data.
func (r *registers) link() {
	reasons := 0
	for _, k := range r.keys {
		for i := range k.versions {
			reasons += 2 + len(k.versions[i].next)
		}
	}
	r.graph.reasons = make([]reason, 0, reasons) // at most
	for _, k := range r.keys {
		for i := range k.versions {
			v := &k.versions[i]
			why := r.graph.reason(reason{k.key, v.value, nil})
			for _, w := range v.writers {
				for _, reader := range v.readers {
					r.graph.link(w, reader, wr, why)
				}
			}
			if i > 0 { // every version follows the initial one
				r.follow(k, &k.versions[0], v)
			}
			if !r.skipped[k] {
				for _, next := range v.next {
					r.follow(k, v, &k.versions[next])
				}
			}
		}
	}
}

func (r *registers) follow(k *register, v, next *version) {
	why := r.graph.reason(reason{k.key, v.value, next.value})
	for _, w := range next.writers {
		for _, before := range v.writers {
			r.graph.link(before, w, ww, why)
		}
		for _, reader := range v.readers {
			r.graph.link(reader, w, rw, why)
		}
	}
}

func registerWords(kind edgeKind, why reason, a, b string) string {
	key, value, next := edn.String(why.key), edn.String(why.value), edn.String(why.next)
	switch kind {
	case ww:
		return fmt.Sprintf("%s set key %s to %s, which %s replaced by %s", a, key, value, b, next)
	case wr:
		return fmt.Sprintf("%s set key %s to %s, which %s read", a, key, value, b)
	}
	return fmt.Sprintf("%s read %s of key %s, which %s replaced by %s", a, value, key, b, next)
}
