package checkers

import (
	"cmp"
	"fmt"
	"slices"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// mop is one micro-operation of a transaction.
type mop struct {
	write bool
	key   any
	value any // of a read of a list: []any, or nil
	raw   any
}

// txn is the completion of a transaction.
type txn struct {
	op   *history.Op
	mops []mop
}

// The shapes of transactions, for errors.
const (
	registerShape = "micro-operations such as [:r 3 nil] and [:w 3 1]"
	listShape     = "micro-operations such as [:r 3 [1 2]] and [:append 3 3]"
)

// readTxns parses the completions of all transactions, and the invocations of
// those that never completed, which may have taken effect, as info. The final
// reads of strict mode are left out: the official checks do not know them.
func readTxns(h *history.History, write edn.Keyword, shape string) ([]txn, error) {
	return selectTxns(h, write, shape, false)
}

// finalTxns parses the final reads of strict mode.
func finalTxns(h *history.History, write edn.Keyword, shape string) ([]txn, error) {
	return selectTxns(h, write, shape, true)
}

func selectTxns(h *history.History, write edn.Keyword, shape string, final bool) ([]txn, error) {
	var out []txn
	if !final {
		out = make([]txn, 0, len(h.Ops)/2)
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		if !op.Client() || op.F != "txn" || op.Final != final {
			continue
		}
		if op.Type == history.Invoke {
			if h.Completion(op) != nil {
				continue
			}
			unfinished := *op
			unfinished.Type = history.Info
			op = &unfinished
		}
		mops, ok := parseMops(op.Value, write)
		if !ok {
			return nil, &ShapeError{*op, shape}
		}
		out = append(out, txn{op, mops})
	}
	return out, nil
}

func parseMops(v any, write edn.Keyword) ([]mop, bool) {
	seq, ok := sequence(v)
	if !ok {
		return nil, false
	}
	mops := make([]mop, len(seq))
	for i, x := range seq {
		parts, ok := sequence(x)
		if !ok || len(parts) != 3 {
			return nil, false
		}
		f, ok := parts[0].(edn.Keyword)
		if !ok || f != "r" && f != write {
			return nil, false
		}
		mops[i] = mop{f == write, parts[1], parts[2], x}
	}
	return mops, true
}

// repeatedWrites is the name of the finding that a value was written more than once.
const repeatedWrites = "repeated-writes"

// findRepeatedWrites finds values that were written to a key more than once. All
// inference rests on their absence: a value that is read must name its writer.
func findRepeatedWrites(txns []txn, who names) (found []TxnAnomaly) {
	first := make(map[valueID]*history.Op, len(txns))
	for _, t := range txns {
		for _, m := range t.mops {
			if !m.write {
				continue
			}
			id := idOf(m.key, m.value)
			if before := first[id]; before != nil {
				found = append(found, TxnAnomaly{
					ednMap("key", m.key, "value", m.value, "ops", []any{taggedOp(before), taggedOp(t.op)}),
					fmt.Sprintf("key %s: %s was written by %s (operation %d) and by %s (operation %d)", edn.Brief(m.key, shown), edn.Brief(m.value, shown),
						who.op(before), before.Index, who.op(t.op), t.op.Index),
				})
				continue
			}
			first[id] = t.op
		}
	}
	return found
}

// refuse returns the result of a history with repeated writes, which is Unknown.
func refuse(repeated []TxnAnomaly, transactions int, lists bool) *TxnResult {
	r := judge(anomalies{repeatedWrites: repeated}, nil, transactions)
	r.lists = lists
	return r
}

// lostUpdates finds transactions that read the same version of a key and each
// wrote a new one.
func lostUpdates(txns []txn, who names) (found []TxnAnomaly) {
	type group struct {
		key, value any
		txns       []*history.Op
	}
	first := map[valueID]*history.Op{}
	groups := map[valueID]*group{} // of two and more
	var order []*group
	for _, t := range txns {
		if t.op.Type != history.OK || !repeatsKey(t.mops) {
			continue
		}
		read := map[any]any{}
		wrote := map[any]bool{}
		for _, m := range t.mops {
			key := mapKey(m.key)
			value, known := read[key]
			switch {
			case !m.write && !known:
				read[key] = m.value
			case m.write && !wrote[key] && known:
				wrote[key] = true
				id := valueID{key, mapKey(value)}
				switch g := groups[id]; {
				case g != nil:
					g.txns = append(g.txns, t.op)
				case first[id] == nil:
					first[id] = t.op
				default:
					g = &group{m.key, value, []*history.Op{first[id], t.op}}
					groups[id] = g
					order = append(order, g)
				}
			}
		}
	}
	slices.SortStableFunc(order, func(a, b *group) int { return cmp.Compare(a.txns[0].Index, b.txns[0].Index) })
	for _, g := range order {
		var ops []any
		var writers []string
		for _, op := range g.txns {
			ops = append(ops, taggedOp(op))
			writers = append(writers, who.op(op))
		}
		found = append(found, TxnAnomaly{
			ednMap("key", g.key, "value", g.value, "txns", ops),
			fmt.Sprintf("key %s: %s each read %s and wrote a new value", edn.Brief(g.key, shown), joinAnd(writers[:min(len(writers), 6)]), edn.Brief(g.value, shown)),
		})
	}
	return found
}

// valueID identifies a value of a key.
type valueID struct{ key, value any }

func idOf(key, value any) valueID { return valueID{mapKey(key), mapKey(value)} }

// repeatsKey reports whether some key may occur twice. If not, a transaction can
// neither contradict itself nor overwrite what it read.
func repeatsKey(mops []mop) bool {
	if len(mops) > 16 { // rather than compare them all
		return true
	}
	for i := range mops {
		for j := range i {
			if mapKey(mops[i].key) == mapKey(mops[j].key) {
				return true
			}
		}
	}
	return false
}

// failedWrites returns the failed transaction that wrote each value.
func failedWrites(txns []txn) map[valueID]*history.Op {
	out := map[valueID]*history.Op{}
	for _, t := range txns {
		if t.op.Type == history.Fail {
			for _, m := range t.mops {
				if m.write {
					out[idOf(m.key, m.value)] = t.op
				}
			}
		}
	}
	return out
}

// intermediateWrites returns the writer of each value that its own transaction
// overwrote.
func intermediateWrites(txns []txn) map[valueID]*history.Op {
	out := map[valueID]*history.Op{}
	for _, t := range txns {
		last := map[any]mop{}
		for _, m := range t.mops {
			if !m.write {
				continue
			}
			if before, ok := last[mapKey(m.key)]; ok {
				out[idOf(before.key, before.value)] = t.op
			}
			last[mapKey(m.key)] = m
		}
	}
	return out
}

// possible returns the transactions that committed or may have.
func possible(txns []txn) (out []txn, ops []*history.Op) {
	out, ops = make([]txn, 0, len(txns)), make([]*history.Op, 0, len(txns))
	for _, t := range txns {
		if t.op.Type != history.Fail {
			out = append(out, t)
			ops = append(ops, t.op)
		}
	}
	return out, ops
}
