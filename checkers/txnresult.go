package checkers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"glomers/checkers/edn"
)

// TxnResult is the verdict on a history of transactions.
type TxnResult struct {
	Verdict
	AnomalyTypes []string       // the names of Anomalies
	Anomalies    []TxnAnomalies // those that the models forbid, and those that keep the verdict from being Valid, by name
	Not          []string       // the weakest models that the anomalies rule out; nil for a valid history
	AlsoNot      []string       // the stronger models, which are therefore ruled out too

	lists bool // of txn-list-append
}

// TxnAnomalies are the anomalies of one kind.
type TxnAnomalies struct {
	Name     string // such as G1c
	Count    int
	Examples []TxnAnomaly // at most eight
}

// TxnAnomaly is one proof that a history is not what some models promise.
type TxnAnomaly struct {
	Fields edn.Map // in the form of Elle's results
	Text   string  // an explanation for people
}

// MarshalEDN returns the map that results.edn shows.
func (r *TxnResult) MarshalEDN() any {
	m := ednMap("valid?", r.Valid.MarshalEDN())
	if r.lists && r.Valid == Valid {
		return m
	}
	var anomalies any // nil for none
	if len(r.Anomalies) > 0 {
		all := edn.Map{}
		for _, a := range r.Anomalies {
			shown := edn.List{}
			for _, e := range a.Examples {
				shown = append(shown, e.Fields)
			}
			all = append(all, edn.Entry{Key: edn.Keyword(a.Name), Value: shown})
		}
		anomalies = all
	}
	m = append(m, ednMap("anomaly-types", keywordList(r.AnomalyTypes), "anomalies", anomalies)...)
	if len(r.Not) > 0 {
		m = append(m, ednMap("not", edn.Set(keywordList(r.Not)), "also-not", edn.Set(keywordList(r.AlsoNot)))...)
	}
	return m
}

// anomalies are proofs by the name of the anomaly.
type anomalies map[string][]TxnAnomaly

func (a anomalies) add(name string, found ...TxnAnomaly) {
	if len(found) > 0 {
		a[name] = append(a[name], found...)
	}
}

// Two of the names that a result lists as anomalies say that the check could not
// tell. They are Elle's.
const (
	emptyGraph    = "empty-transaction-graph" // no transaction depends on another one
	searchGivenUp = "cycle-search-timeout"    // the search for cycles exhausted its budget
)

// inconclusive are the anomalies that make a verdict unknown rather than invalid.
var inconclusive = map[string]bool{emptyGraph: true, searchGivenUp: true, repeatedWrites: true}

// addCycles searches the graph and adds what it finds. phrase puts an edge of the
// graph into words; see depGraph.explain.
func (a anomalies) addCycles(g *depGraph, who names, phrase phrasing) {
	if g.size == 0 {
		a.add(emptyGraph, TxnAnomaly{Text: "no transaction depends on another one, so nothing can be said about their order"})
		return
	}
	found, complete := g.cycles()
	for _, name := range slices.Sorted(maps.Keys(found)) {
		for _, c := range found[name] {
			a.add(name, TxnAnomaly{g.marshal(&c, name), g.explain(&c, who, phrase)})
		}
	}
	if !complete {
		a.add(searchGivenUp, TxnAnomaly{Text: "the search for cycles was given up after much work; there may be more of them"})
	}
}

// judge reports which of the anomalies the models forbid.
func judge(found anomalies, models []string, transactions int) *TxnResult {
	bad := prohibited(models)
	r := &TxnResult{}
	r.Valid = Valid
	r.Summary = count(transactions, "transaction", "transactions")
	all := slices.Sorted(maps.Keys(found))
	for _, name := range all {
		switch {
		case inconclusive[name]:
			r.Valid = Worst(r.Valid, Unknown)
		case bad[name]:
			r.Valid = Invalid
		default:
			continue
		}
		list := found[name]
		r.AnomalyTypes = append(r.AnomalyTypes, name)
		r.Anomalies = append(r.Anomalies, TxnAnomalies{name, len(list), list[:min(len(list), shownExamples)]})
		e := evidenceOf(list)
		r.Findings = append(r.Findings, e.finding(name, anomalySummary(name, len(list))))
	}
	if r.Valid == Valid {
		r.Summary += ", allowed under " + joinAnd(models) + notLookedFor(models)
		return r
	}
	r.Not, r.AlsoNot = boundary(all)
	r.Summary += ": " + strings.Join(r.AnomalyTypes, ", ")
	return r
}

func texts(list []TxnAnomaly) (out []string) {
	for _, a := range list {
		out = append(out, a.Text)
	}
	return out
}

func anomalySummary(name string, n int) string {
	if inconclusive[name] {
		return anomalyWords[name]
	}
	return fmt.Sprintf("%d × %s", n, anomalyWords[baseName(name)])
}

// baseName is the name of an anomaly without its variant.
func baseName(name string) string {
	return strings.TrimSuffix(strings.TrimSuffix(name, "-realtime"), "-process")
}

// anomalyWords explains each anomaly in a few words.
var anomalyWords = map[string]string{
	"G0":                 "dirty write: a cycle of transactions that overwrote each other",
	"G1a":                "aborted read: a transaction read what a failed one wrote",
	"G1b":                "intermediate read: a transaction read a version that its writer overwrote itself",
	"G1c":                "circular information flow: a cycle of transactions that overwrote, or read the writes of, each other",
	"G-single-item":      "read skew: a cycle with one read of an overwritten version",
	"G-nonadjacent-item": "a cycle with reads of overwritten versions, no two of them in a row",
	"G2-item":            "write skew: a cycle with reads of overwritten versions",
	"internal":           "a transaction contradicts its own earlier reads or writes",
	"future-read":        "a transaction read what it wrote only later",
	"lost-update":        "transactions read the same version of a key and each wrote a new one",
	"dirty-update":       "a transaction wrote on top of what a failed one wrote",
	"duplicate-elements": "a list has an element twice",
	"incompatible-order": "two reads of a list contradict each other about its order",
	"cyclic-versions":    "the versions of a key precede each other in a cycle",
	emptyGraph:           "no two transactions are related, so nothing can be said",
	searchGivenUp:        "the search for cycles is incomplete",
	repeatedWrites:       "a value was written twice, so that reads do not tell whose write they saw; nothing can be said",
}
