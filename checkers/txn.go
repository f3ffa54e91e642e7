package checkers

import (
	"fmt"
	"sort"
	"strings"

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
			lost := *op
			lost.Type = history.Info
			op = &lost
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

// anomaly is one proof that a history is not what some models promise.
type anomaly struct {
	fields edn.Map
	text   string
}

// anomalies are the proofs by the name of the anomaly.
type anomalies map[string][]anomaly

func (a anomalies) add(name string, found ...anomaly) {
	if len(found) > 0 {
		a[name] = append(a[name], found...)
	}
}

// addCycles searches the graph and adds what it finds.
func (a anomalies) addCycles(g *depGraph, words func(edgeKind, reason, string, string) string) {
	if g.size == 0 {
		a["empty-transaction-graph"] = []anomaly{{text: "no transaction depends on another one, so nothing can be said about their order"}}
		return
	}
	found, complete := g.cycles()
	for _, name := range sortedNames(found) {
		for _, c := range found[name] {
			a.add(name, anomaly{g.marshal(&c, name), g.explain(&c, words)})
		}
	}
	if !complete {
		a["cycle-search-timeout"] = []anomaly{{text: "the search for cycles was given up after much work; there may be more of them"}}
	}
}

// unknownAnomalies make a verdict unknown rather than invalid.
var unknownAnomalies = map[string]bool{"empty-transaction-graph": true, "cycle-search-timeout": true}

// additionalEdges tells which orders, besides the data, the models speak of.
func additionalEdges(models []string) edgeKind {
	kind := edgeKind(0)
	for name := range prohibited(models) {
		switch {
		case strings.HasSuffix(name, "-realtime"):
			return realtime
		case strings.HasSuffix(name, "-process"):
			kind = process
		}
	}
	return kind
}

// TxnResult is the verdict on a history of transactions.
type TxnResult struct {
	Valid        Validity      `json:"valid?"`
	AnomalyTypes []edn.Keyword `json:"anomaly-types"`
	Anomalies    edn.Map       `json:"anomalies"`
	Not          edn.Set       `json:"not,omitempty"`      // the weakest models that do not hold
	AlsoNot      edn.Set       `json:"also-not,omitempty"` // the stronger ones that fall with them
}

// judge says which of the anomalies the models forbid.
func judge(found anomalies, models []string, transactions int) Verdict {
	bad := prohibited(models)
	r := TxnResult{AnomalyTypes: []edn.Keyword{}}
	v := Verdict{Summary: fmt.Sprintf("%d transactions", transactions)}
	names := sortedNames(found)
	for _, name := range names {
		if !bad[name] && !unknownAnomalies[name] {
			continue
		}
		if unknownAnomalies[name] {
			r.Valid = Worst(r.Valid, Unknown)
		} else {
			r.Valid = Invalid
		}
		r.AnomalyTypes = append(r.AnomalyTypes, edn.Keyword(name))
		shown := edn.List{}
		var texts []string
		for i, a := range found[name] {
			if i < shownErrors {
				shown = append(shown, a.fields)
			}
			texts = append(texts, a.text)
		}
		r.Anomalies = append(r.Anomalies, edn.Entry{Key: edn.Keyword(name), Value: shown})
		v.Findings = append(v.Findings, Finding{Check: name, Summary: fmt.Sprintf("%d × %s", len(texts), anomalyWords[baseName(name)]), Details: firstFew(texts)})
	}
	not, alsoNot := boundary(names)
	for _, m := range not {
		r.Not = append(r.Not, edn.Keyword(m))
	}
	for _, m := range alsoNot {
		r.AlsoNot = append(r.AlsoNot, edn.Keyword(m))
	}
	if r.Valid == Valid {
		v.Summary += ", allowed under " + joinAnd(models)
	} else {
		var words []string
		for _, t := range r.AnomalyTypes {
			words = append(words, string(t))
		}
		v.Summary += ": " + strings.Join(words, ", ")
	}
	v.Valid, v.Fields = r.Valid, r
	return v
}

func joinAnd(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// baseName is the name of an anomaly without its variant.
func baseName(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, "-realtime"), "-process")
}

// anomalyWords say what each anomaly is.
var anomalyWords = map[string]string{
	"G0":                      "dirty write: a cycle of transactions that overwrote each other",
	"G1a":                     "aborted read: a transaction read what a failed one wrote",
	"G1b":                     "intermediate read: a transaction read what another one overwrote itself",
	"G1c":                     "circular information flow: a cycle of writes and reads of them",
	"G-single-item":           "read skew: a cycle with one read of an overwritten version",
	"G-nonadjacent-item":      "a cycle with reads of overwritten versions, no two of them in a row",
	"G2-item":                 "write skew: a cycle with reads of overwritten versions",
	"internal":                "a transaction contradicts its own earlier reads or writes",
	"future-read":             "a transaction read what it wrote only later",
	"lost-update":             "transactions read the same version of a key and each wrote a new one",
	"dirty-update":            "a transaction wrote on top of what a failed one wrote",
	"duplicate-elements":      "a list has an element twice",
	"incompatible-order":      "two reads of a list contradict each other on its order",
	"cyclic-versions":         "the order of the versions of a key has a cycle",
	"empty-transaction-graph": "nothing to judge by",
	"cycle-search-timeout":    "incomplete",
}

// lostUpdates finds transactions that read the same version of a key and each
// wrote a new one.
func lostUpdates(txns []txn) (found []anomaly) {
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
	sort.SliceStable(order, func(i, j int) bool { return order[i].txns[0].Index < order[j].txns[0].Index })
	for _, g := range order {
		var ops []any
		var who []string
		for _, op := range g.txns {
			ops = append(ops, taggedOp(op))
			who = append(who, describeOp(op))
		}
		found = append(found, anomaly{
			ednMap("key", g.key, "value", g.value, "txns", ops),
			fmt.Sprintf("key %s: %s each read %s and wrote a new value", edn.String(g.key), joinAnd(who[:min(len(who), 6)]), edn.String(g.value)),
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

// failedWrites maps each value that a failed transaction wrote to it.
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

// intermediateWrites maps each value that its own transaction wrote over to that
// transaction.
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

// modelsOf returns the models to check, strict-serializable by default.
func modelsOf(o Options) []string {
	if len(o.ConsistencyModels) == 0 {
		return []string{"strict-serializable"}
	}
	models := append([]string(nil), o.ConsistencyModels...)
	sort.Strings(models)
	return models
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
