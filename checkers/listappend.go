package checkers

import (
	"cmp"
	"fmt"
	"slices"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// ListAppend checks transactions that read lists and append to them, by the
// method of Elle (see RWRegister). Every appended value must be unique within its
// key; a history that repeats one is Unknown. A read of a list shows the order of
// all appends before it, so that nearly all dependencies are known.
//
// Sound: every anomaly proves that the history is not what the models promise.
// Incomplete: it misses dependencies among appends that nobody ever read, and what reads
// show of a key with a single append besides that. Elements that nobody appended make
// the verdict Unknown, as in Elle, unless something else is wrong.
func ListAppend(h *history.History, o Options) (*TxnResult, error) {
	models, err := modelsOf(o)
	if err != nil {
		return nil, err
	}
	txns, err := readTxns(h, "append", listShape)
	if err != nil {
		return nil, err
	}
	for _, t := range txns {
		for _, m := range t.mops {
			if _, ok := sequence(m.value); !m.write && !ok {
				return nil, &ShapeError{*t.op, "reads of lists, such as [:r 3 [1 2]]"}
			}
		}
	}
	who := namesOf(o)
	if repeated := findRepeatedWrites(txns, who); len(repeated) > 0 {
		return refuse(repeated, len(txns), true), nil
	}
	found := anomalies{}
	found.add("G1a", listAborted(txns, who)...)
	found.add("G1b", listIntermediate(txns, who)...)
	listInternal(txns, who, found)
	found.add("duplicate-elements", listDuplicates(txns, who)...)
	found.add("lost-update", lostUpdates(txns, who)...)

	l := newLists(txns)
	found.add("incompatible-order", l.incompatible()...)
	invented := l.dirtyUpdates(txns, who, found)
	l.link()
	switch additionalEdges(models) {
	case realtime:
		l.graph.linkRealtime(h)
	case process:
		l.graph.linkProcesses()
	}
	found.addCycles(l.graph, who, listWords)
	r := judge(found, models, len(txns))
	r.lists = true
	if len(invented) > 0 {
		r.Valid = Worst(r.Valid, Unknown)
		r.Findings = append(r.Findings, Finding{Check: "invented", Summary: count(len(invented), "element was", "elements were") + " appended by nobody", Details: firstFew(invented)})
	}
	return r, nil
}

func elements(m mop) []any {
	seq, _ := sequence(m.value)
	return seq
}

// reads calls f for every read of an acknowledged transaction.
func reads(txns []txn, f func(t txn, m mop)) {
	for _, t := range txns {
		if t.op.Type == history.OK {
			for _, m := range t.mops {
				if !m.write {
					f(t, m)
				}
			}
		}
	}
}

func listAborted(txns []txn, who names) (found []TxnAnomaly) {
	failed := failedWrites(txns)
	if len(failed) == 0 {
		return nil
	}
	reads(txns, func(t txn, m mop) {
		for _, e := range elements(m) {
			if writer := failed[idOf(m.key, e)]; writer != nil {
				found = append(found, TxnAnomaly{
					ednMap("op", taggedOp(t.op), "mop", m.raw, "writer", taggedOp(writer), "element", e),
					fmt.Sprintf("key %s: %s read %s, which the failed transaction of %s appended", edn.Brief(m.key, shown), who.op(t.op), edn.Brief(e, shown), who.op(writer)),
				})
			}
		}
	})
	return found
}

func listIntermediate(txns []txn, who names) (found []TxnAnomaly) {
	intermediate := intermediateWrites(txns)
	reads(txns, func(t txn, m mop) {
		list := elements(m)
		if len(list) == 0 {
			return
		}
		last := list[len(list)-1]
		if writer := intermediate[idOf(m.key, last)]; writer != nil && writer.Index != t.op.Index {
			found = append(found, TxnAnomaly{
				ednMap("op", taggedOp(t.op), "mop", m.raw, "writer", taggedOp(writer), "element", last),
				fmt.Sprintf("key %s: the list that %s read ends with %s, but %s appended more after it", edn.Brief(m.key, shown), who.op(t.op), edn.Brief(last, shown), who.op(writer)),
			})
		}
	})
	return found
}

// listInternal finds transactions with a read that contradicts their own earlier
// operations, or that shows what they append only after it.
func listInternal(txns []txn, who names, found anomalies) {
	type expectation struct {
		list []any
		tail bool // only the end of the list is known
	}
	for _, t := range txns {
		if t.op.Type != history.OK || !repeatsKey(t.mops) {
			continue
		}
		state := map[any]expectation{}
		reported, future := false, false
		for i, m := range t.mops {
			key := mapKey(m.key)
			e, known := state[key]
			if m.write {
				if read, ok := readBefore(t.mops[:i], m); ok && !future {
					future = true
					found.add("future-read", TxnAnomaly{
						ednMap("op", taggedOp(t.op), "mop", read.raw, "element", m.value),
						fmt.Sprintf("key %s: %s read %s and appended it later: %s", edn.Brief(m.key, shown), who.op(t.op), edn.Brief(m.value, shown), edn.Brief(t.op.Value, 4*shown)),
					})
				}
				state[key] = expectation{append(slices.Clone(e.list), m.value), e.tail || !known}
				continue
			}
			list := elements(m)
			if known && !reported && !agrees(list, e.list, e.tail) {
				reported = true
				expected := slices.Clone(e.list)
				if e.tail {
					expected = append([]any{edn.Symbol("...")}, expected...)
				}
				found.add("internal", TxnAnomaly{
					ednMap("op", taggedOp(t.op), "mop", m.raw, "expected", expected),
					fmt.Sprintf("key %s: %s read %s, but by its own operations before it must be %s: %s", edn.Brief(m.key, shown), who.op(t.op),
						edn.Brief(list, 4*shown), edn.Brief(expected, 4*shown), edn.Brief(t.op.Value, 4*shown)),
				})
			}
			state[key] = expectation{list, false}
		}
	}
}

// readBefore returns the first read that shows what is appended only after it.
func readBefore(mops []mop, write mop) (mop, bool) {
	id := idOf(write.key, write.value)
	for _, m := range mops {
		if m.write || mapKey(m.key) != id.key {
			continue
		}
		for _, e := range elements(m) {
			if mapKey(e) == id.value {
				return m, true
			}
		}
	}
	return mop{}, false
}

func agrees(list, expected []any, tail bool) bool {
	if tail {
		if len(list) < len(expected) {
			return false
		}
		list = list[len(list)-len(expected):]
	}
	return len(list) == len(expected) && isPrefix(expected, list)
}

func isPrefix(a, b []any) bool {
	if len(a) > len(b) {
		return false
	}
	for i := range a {
		if mapKey(a[i]) != mapKey(b[i]) {
			return false
		}
	}
	return true
}

func listDuplicates(txns []txn, who names) (found []TxnAnomaly) {
	count := map[any]int64{}
	reads(txns, func(t txn, m mop) {
		if len(count) > 100 { // clearing a large map takes long even when it is empty
			count = map[any]int64{}
		}
		clear(count)
		duplicated := edn.Map{}
		for _, e := range elements(m) {
			if count[mapKey(e)]++; count[mapKey(e)] == 2 {
				duplicated = append(duplicated, edn.Entry{Key: e})
			}
		}
		if len(duplicated) == 0 {
			return
		}
		for i := range duplicated {
			duplicated[i].Value = count[mapKey(duplicated[i].Key)]
		}
		edn.SortMap(duplicated)
		found = append(found, TxnAnomaly{
			ednMap("op", taggedOp(t.op), "mop", m.raw, "duplicates", duplicated),
			fmt.Sprintf("key %s: %s read %s, which has elements several times: %s", edn.Brief(m.key, shown), who.op(t.op), edn.Brief(m.value, 4*shown), edn.Brief(duplicated, shown)),
		})
	})
	return found
}

// lists is the order of appends to each key.
type lists struct {
	graph *depGraph
	txns  []txn
	keys  []*list
	byKey map[any]*list
}

type list struct {
	key      any
	elements []element     // the first one stands for the empty list
	index    map[any]int32 // into elements, by value
	reads    [][]any       // distinct observed values, the shortest first
	order    []int32       // the longest of them without repetitions, as elements
	appends  int           // of all transactions
}

// element is one that some transaction appended, or read at the end of the list.
type element struct {
	value   any
	writer  int32   // vertex, or noWriter
	at      int32   // its place in the order, or noPlace if nobody read it
	readers []int32 // vertices of the transactions that read the list up to it
	reads   [][]any // distinct observed values that end with it
}

const (
	noWriter = -1
	noPlace  = -1
)

func newLists(txns []txn) *lists {
	committed, ops := possible(txns)
	l := &lists{graph: newDepGraph(ops), txns: committed, byKey: map[any]*list{}}
	mops := 0
	for _, t := range txns {
		mops += len(t.mops)
		for _, m := range t.mops {
			if m.write {
				l.list(m.key).appends++
			}
		}
	}
	for v, t := range committed {
		for _, m := range t.mops {
			k := l.list(m.key)
			switch {
			case m.write:
				k.element(m.value).writer = int32(v)
			case t.op.Type == history.OK:
				k.observe(elements(m), int32(v))
			}
		}
	}
	for _, k := range l.keys {
		k.settle()
	}
	l.graph.reasons = make([]reason, 0, mops) // at most one for each
	return l
}

func (l *lists) list(key any) *list {
	id := mapKey(key)
	k := l.byKey[id]
	if k == nil {
		k = &list{key: key, elements: []element{{writer: noWriter, at: noPlace}}, index: map[any]int32{}}
		l.byKey[id] = k
		l.keys = append(l.keys, k)
	}
	return k
}

// element returns the element with a value, which is added if it is new.
func (k *list) element(value any) *element {
	id := mapKey(value)
	i, ok := k.index[id]
	if !ok {
		i = int32(len(k.elements))
		k.index[id] = i
		k.elements = append(k.elements, element{value: value, writer: noWriter, at: noPlace})
	}
	return &k.elements[i]
}

func (k *list) observe(value []any, vertex int32) {
	last := &k.elements[0]
	if len(value) > 0 {
		last = k.element(value[len(value)-1])
	}
	last.readers = append(last.readers, vertex)
	for _, read := range last.reads {
		if len(read) == len(value) && isPrefix(read, value) {
			return
		}
	}
	last.reads = append(last.reads, value)
}

// settle derives the order of the appends to a key from the longest read. A key with
// a single append needs no read: the list was empty before it.
func (k *list) settle() {
	for i := range k.elements[1:] {
		e := &k.elements[1+i]
		if k.appends == 1 && e.writer != noWriter {
			k.reads = [][]any{{e.value}}
			break
		}
		k.reads = append(k.reads, e.reads...)
	}
	slices.SortStableFunc(k.reads, func(a, b []any) int { return cmp.Compare(len(a), len(b)) })
	if len(k.reads) > 0 {
		for _, value := range k.reads[len(k.reads)-1] {
			if e := k.element(value); e.at == noPlace {
				e.at = int32(len(k.order))
				k.order = append(k.order, k.index[mapKey(value)])
			}
		}
	}
}

func (l *lists) incompatible() (found []TxnAnomaly) {
	for _, k := range l.keys {
		for i := 1; i < len(k.reads); i++ {
			if a, b := k.reads[i-1], k.reads[i]; !isPrefix(a, b) {
				found = append(found, TxnAnomaly{
					ednMap("key", k.key, "values", []any{a, b}),
					fmt.Sprintf("key %s was read as %s and as %s", edn.Brief(k.key, shown), edn.Brief(a, 4*shown), edn.Brief(b, 4*shown)),
				})
				break
			}
		}
	}
	return found
}

// dirtyUpdates finds committed appends that follow those of failed transactions,
// and returns the elements that nobody appended.
func (l *lists) dirtyUpdates(txns []txn, who names, found anomalies) (invented []string) {
	aborted := failedWrites(txns)
	for _, k := range l.keys {
		var failed *history.Op
		var values []any
		for _, i := range k.order {
			e := k.elements[i].value
			writer := aborted[idOf(k.key, e)]
			if v := k.elements[i].writer; v != noWriter {
				writer = l.txns[v].op
			}
			if writer == nil {
				invented = append(invented, fmt.Sprintf("key %s: %s", edn.Brief(k.key, shown), edn.Brief(e, shown)))
				continue
			}
			values = append(values, e)
			switch writer.Type {
			case history.Fail:
				if failed == nil {
					failed = writer
					values = []any{e}
				}
			case history.OK:
				if failed != nil {
					found.add("dirty-update", TxnAnomaly{
						ednMap("key", k.key, "values", values, "txns", []any{taggedOp(failed), edn.Symbol("..."), taggedOp(writer)}),
						fmt.Sprintf("key %s: %s appended %s after what the failed transaction of %s had appended", edn.Brief(k.key, shown), who.op(writer), edn.Brief(e, shown), who.op(failed)),
					})
				}
				failed, values = nil, []any{e}
			}
		}
	}
	return invented
}

// link adds the ww, wr and rw edges.
func (l *lists) link() {
	for v, t := range l.txns {
		for _, m := range t.mops {
			k := l.byKey[mapKey(m.key)]
			if m.write {
				l.linkAppend(k, int32(v), m.value)
			} else if list := elements(m); len(list) > 0 {
				last := k.element(list[len(list)-1])
				if last.writer != noWriter {
					l.graph.link(last.writer, int32(v), wr, l.graph.reason(reason{k.key, last.value, nil}))
				}
			}
		}
	}
}

// linkAppend relates an append to the element before it. One that nobody read
// comes after all that were.
func (l *lists) linkAppend(k *list, v int32, value any) {
	at := int(k.element(value).at)
	if at == noPlace {
		at = len(k.order)
	}
	previous := &k.elements[0]
	if at > 0 {
		previous = &k.elements[k.order[at-1]]
	}
	why := l.graph.reason(reason{k.key, previous.value, value})
	if previous.writer != noWriter {
		l.graph.link(previous.writer, v, ww, why)
	}
	for _, reader := range previous.readers {
		l.graph.link(reader, v, rw, why)
	}
}

func listWords(kind edgeKind, why reason, a, b string) string {
	key, value, next := edn.Brief(why.key, shown), edn.Brief(why.value, shown), edn.Brief(why.next, shown)
	switch kind {
	case ww:
		return fmt.Sprintf("%s appended %s to key %s after %s appended %s", b, next, key, a, value)
	case wr:
		return fmt.Sprintf("%s read key %s up to %s, which %s appended", b, key, value, a)
	}
	if why.value == nil {
		return fmt.Sprintf("%s read key %s as empty, before %s appended %s", a, key, b, next)
	}
	return fmt.Sprintf("%s read key %s up to %s, before %s appended %s", a, key, value, b, next)
}
