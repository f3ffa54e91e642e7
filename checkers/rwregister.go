package checkers

import (
	"fmt"
	"maps"
	"slices"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// RWRegister checks transactions that read and write registers, by the method of
// Elle (Kingsbury and Alvaro, "Elle: Inferring Isolation Anomalies from
// Experimental Observations", 2020).
//
// Every write must have a value of its own, so that a read tells which write it
// saw; a history that repeats a value is Unknown. The order of the versions of a
// key is known only where a transaction read one version and wrote the next (as
// Maelstrom sets Elle's options), and where Options.SequentialKeys or
// LinearizableKeys say more.
//
// Sound: every anomaly proves that the history is not what the models promise,
// where the assumptions of the options hold. Incomplete: without an order of
// versions there are no write-write edges, so that under read-uncommitted hardly
// anything can be found.
func RWRegister(h *history.History, o Options) (*TxnResult, error) {
	models, err := modelsOf(o)
	if err != nil {
		return nil, err
	}
	txns, err := readTxns(h, "w", registerShape)
	if err != nil {
		return nil, err
	}
	who := namesOf(o)
	if repeated := findRepeatedWrites(txns, who); len(repeated) > 0 {
		return refuse(repeated, len(txns), false), nil
	}
	found := anomalies{}
	found.add("G1a", registerReads(txns, failedWrites(txns), func(m mop, reader, writer *history.Op) string {
		return fmt.Sprintf("key %s: %s read %s, which the failed transaction of %s wrote", edn.Brief(m.key, shown), who.op(reader), edn.Brief(m.value, shown), who.op(writer))
	})...)
	found.add("G1b", registerReads(txns, intermediateWrites(txns), func(m mop, reader, writer *history.Op) string {
		return fmt.Sprintf("key %s: %s read %s, which its writer, %s, overwrote itself", edn.Brief(m.key, shown), who.op(reader), edn.Brief(m.value, shown), who.op(writer))
	})...)
	found.add("internal", registerInternal(txns, who)...)
	found.add("lost-update", lostUpdates(txns, who)...)

	r := newRegisters(txns)
	found.add("cyclic-versions", r.orderVersions(func(k *register) []versionEdge { return k.readThenWritten })...)
	if o.SequentialKeys {
		found.add("cyclic-versions", r.orderVersions(func(k *register) []versionEdge { return r.inSequence(k, h, process) })...)
	}
	if o.LinearizableKeys {
		found.add("cyclic-versions", r.orderVersions(func(k *register) []versionEdge { return r.inSequence(k, h, realtime) })...)
	}
	r.link()
	switch additionalEdges(models) {
	case realtime:
		r.graph.linkRealtime(h)
	case process:
		r.graph.linkProcesses()
	}
	found.addCycles(r.graph, who, registerWords)
	result := judge(found, models, len(txns))
	if _, ok := found[emptyGraph]; ok {
		result.Valid = Invalid // Maelstrom fails a run for any anomaly of registers, this one included
	}
	return result, nil
}

// registerReads finds reads of certain values by others than their writers.
func registerReads(txns []txn, values map[valueID]*history.Op, text func(mop, *history.Op, *history.Op) string) (found []TxnAnomaly) {
	for _, t := range txns {
		if t.op.Type != history.OK {
			continue
		}
		for _, m := range t.mops {
			if writer := values[idOf(m.key, m.value)]; !m.write && writer != nil && writer.Index != t.op.Index {
				found = append(found, TxnAnomaly{ednMap("op", taggedOp(t.op), "mop", m.raw, "writer", taggedOp(writer)), text(m, t.op, writer)})
			}
		}
	}
	return found
}

// registerInternal finds transactions whose reads contradict what they read or
// wrote before.
func registerInternal(txns []txn, who names) (found []TxnAnomaly) {
	for _, t := range txns {
		if t.op.Type != history.OK || !repeatsKey(t.mops) {
			continue
		}
		state := map[any]any{}
		for _, m := range t.mops {
			key := mapKey(m.key)
			if expected, known := state[key]; !m.write && known && !edn.Equal(expected, m.value) {
				found = append(found, TxnAnomaly{
					ednMap("op", taggedOp(t.op), "mop", m.raw, "expected", expected),
					fmt.Sprintf("key %s: %s read %s, but by its own operations before it must be %s: %s",
						edn.Brief(m.key, shown), who.op(t.op), edn.Brief(m.value, shown), edn.Brief(expected, shown), edn.Brief(t.op.Value, shown)),
				})
				break
			}
			state[key] = m.value
		}
	}
	return found
}

// registers holds the external reads and writes of transactions by key: the first
// read of a key, unless the transaction wrote it before, and the last write.
type registers struct {
	graph *depGraph
	keys  []*register
	byKey map[any]*register
}

// register is one key. Its versions are numbered in the order of their appearance;
// 0 is the initial nil, which precedes all others.
type register struct {
	key             any
	versions        []version
	index           map[any]int32 // version by value
	readThenWritten []versionEdge // from what a transaction read to what it then wrote
}

// version is a value of a key.
type version struct {
	value   any
	writers []int32 // vertices of acknowledged transactions
	readers []int32 // likewise
	next    []int32 // versions known to follow, besides those that follow nil
}

// versionEdge says that one version of a key precedes another.
type versionEdge struct{ from, to int32 }

func newRegisters(txns []txn) *registers {
	committed, ops := possible(txns)
	r := &registers{graph: newDepGraph(ops), byKey: map[any]*register{}}
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
						k.readThenWritten = append(k.readThenWritten, versionEdge{read, written})
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

// touch is how a transaction used a key: the version that it found there and the one
// that it left behind.
type touch struct {
	vertex      int32
	first, last int32
}

// inSequence orders the versions of a key as processes (order = process) or real time
// (realtime) order the transactions that used it. This assumes that every key by
// itself is sequentially consistent or linearizable, respectively.
func (r *registers) inSequence(k *register, h *history.History, order edgeKind) (edges []versionEdge) {
	touches := map[int32]*touch{}
	for i, version := range k.versions {
		for _, v := range version.writers {
			touches[v] = &touch{v, int32(i), int32(i)}
		}
	}
	for i, version := range k.versions {
		for _, v := range version.readers {
			if t := touches[v]; t != nil {
				t.first = int32(i)
			} else {
				touches[v] = &touch{v, int32(i), int32(i)}
			}
		}
	}
	vertices := slices.Sorted(maps.Keys(touches))
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
			if from, to := touches[vertices[i]].last, touches[vertices[e.to]].first; from != to {
				edges = append(edges, versionEdge{from, to})
			}
		}
	}
	return edges
}

// orderVersions adds edges to the order of each key's versions. A key whose order
// would become cyclic, given that nil precedes every other version, gets none of them
// and is reported as cyclic-versions.
func (r *registers) orderVersions(edges func(*register) []versionEdge) (found []TxnAnomaly) {
	for _, k := range r.keys {
		added := edges(k)
		if len(added) == 0 {
			continue
		}
		g := &depGraph{ops: make([]*history.Op, len(k.versions)), out: make([][]edge, len(k.versions))}
		for i, v := range k.versions {
			if i > 0 {
				g.linkBare(0, int32(i), ww)
			}
			for _, next := range v.next {
				g.linkBare(int32(i), next, ww)
			}
		}
		for _, e := range added {
			g.linkBare(e.from, e.to, ww)
		}
		cyclic := g.components(nil, ww)
		for _, component := range cyclic {
			values := edn.Set{}
			for _, i := range component {
				values = append(values, k.versions[i].value)
			}
			found = append(found, TxnAnomaly{
				ednMap("key", k.key, "scc", values),
				fmt.Sprintf("key %s: each of the versions %s must precede another one of them", edn.Brief(k.key, shown), listOf(values)),
			})
		}
		if len(cyclic) > 0 {
			continue
		}
		for _, e := range added {
			if e.from != 0 { // link itself puts nil before all others
				k.versions[e.from].next = append(k.versions[e.from].next, e.to)
			}
		}
	}
	return found
}

// link adds the ww, wr and rw edges.
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
			for _, next := range v.next {
				r.follow(k, v, &k.versions[next])
			}
		}
	}
}

// follow adds the edges from the transactions that wrote or read v to those that
// wrote next, a later version.
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
	key, value, next := edn.Brief(why.key, shown), edn.Brief(why.value, shown), edn.Brief(why.next, shown)
	switch kind {
	case ww:
		return fmt.Sprintf("%s set key %s to %s, which %s replaced by %s", a, key, value, b, next)
	case wr:
		return fmt.Sprintf("%s set key %s to %s, which %s read", a, key, value, b)
	}
	return fmt.Sprintf("%s read %s of key %s, which %s replaced by %s", a, value, key, b, next)
}
