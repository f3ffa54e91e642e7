package checkers

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The hierarchy of consistency models and of the anomalies that they forbid is
// that of Adya ("Weak Consistency", 1999), Bailis et al. ("Highly Available
// Transactions", 2013) and Cerone et al. ("A Framework for Transactional
// Consistency Models", 2015), in the selection that Elle makes
// (https://jepsen.io/consistency), so that the names and verdicts are the same.

// friendlyNames maps the canonical names of models, mostly Adya's, to the names
// that people use.
var friendlyNames = map[string]string{
	"PL-1": "read-uncommitted", "PL-2": "read-committed", "PL-2L": "monotonic-view", "PL-2+": "consistent-view",
	"PL-CS": "cursor-stability", "PL-MSR": "monotonic-snapshot-read", "PL-FCV": "forward-consistent-view",
	"PL-SI": "snapshot-isolation", "PL-2.99": "repeatable-read", "PL-3U": "update-serializable",
	"PL-3": "serializable", "PL-SS": "strong-serializable",
	"strong-session-PL-1": "strong-session-read-uncommitted", "strong-session-PL-2": "strong-session-read-committed",
	"strong-PL-1": "strong-read-uncommitted", "strong-PL-2": "strong-read-committed",
}

// synonyms maps further names to canonical ones.
var synonyms = map[string]string{"conflict-serializable": "PL-3", "strict-serializable": "PL-SS"}

// weaker lists, for each model, the models that it directly implies.
var weaker = table(`
	PL-SS                    PL-3 linearizable PL-SI strong-snapshot-isolation strong-session-serializable
	strong-session-serializable  PL-3 strong-session-snapshot-isolation
	strong-snapshot-isolation    strong-session-snapshot-isolation strong-PL-2
	strong-session-snapshot-isolation  PL-SI strong-session-PL-2
	strong-PL-2              strong-session-PL-2 strong-PL-1
	strong-PL-1              strong-session-PL-1
	strong-session-PL-2      PL-2 strong-session-PL-1
	strong-session-PL-1      PL-1
	session-serializable     1SR
	PL-3                     PL-2.99 PL-SI PL-3U view-serializable
	PL-3U                    PL-FCV
	PL-2.99                  PL-CS monotonic-atomic-view
	PL-SI                    PL-FCV PL-MSR monotonic-atomic-view parallel-snapshot-isolation prefix
	PL-FCV                   PL-2+
	PL-2+                    PL-CS PL-2L
	PL-CS                    PL-2
	PL-2L                    PL-2
	PL-MSR                   PL-2
	parallel-snapshot-isolation  causal-cerone update-atomic
	prefix                   causal-cerone
	causal-cerone            read-atomic
	update-atomic            read-atomic
	read-atomic              monotonic-atomic-view
	monotonic-atomic-view    PL-2
	PL-2                     PL-1
	linearizable             sequential
	sequential               causal
	causal                   writes-follow-reads PRAM
	PRAM                     monotonic-reads monotonic-writes read-your-writes
`)

// forbids lists, for each model, the anomalies that it forbids in addition to
// those that weaker models forbid.
var forbids = table(`
	PL-1                     G0 duplicate-elements cyclic-versions PL-1-cycle-exists
	PL-2                     G1 PL-2-cycle-exists
	PL-CS                    G1 G-cursor lost-update
	PL-2L                    G1 G-monotonic
	PL-MSR                   G1 G-MSR
	PL-2+                    G1 G-single
	PL-FCV                   G1 G-SIb
	PL-3U                    G1 G-update
	PL-2.99                  G1 G2-item PL-2.99-cycle-exists lost-update
	PL-SI                    internal G1 G-SI G-nonadjacent PL-SI-cycle-exists
	PL-3                     internal G1 G2 predicate-read-miss PL-3-cycle-exists
	PL-SS                    G1 G1c-realtime G2-realtime PL-SS-cycle-exists
	read-atomic              internal G1a future-read
	update-atomic            lost-update
	causal-cerone            internal G1a
	parallel-snapshot-isolation  internal G1a
	prefix                   internal G1a
	strong-session-PL-1      strong-session-PL-1-cycle-exists G0-process
	strong-session-PL-2      strong-session-PL-2-cycle-exists G1c-process
	strong-PL-1              strong-PL-1-cycle-exists G0-realtime
	strong-PL-2              strong-PL-2-cycle-exists G1c-realtime
	strong-session-snapshot-isolation  internal G1-process G-nonadjacent-process strong-session-snapshot-isolation-cycle-exists
	strong-snapshot-isolation    internal G1-realtime G-nonadjacent-realtime strong-snapshot-isolation-cycle-exists
	strong-session-serializable  G1-process G2-process strong-session-serializable-cycle-exists
`)

// impliedAnomalies lists, for each anomaly, those that are present whenever it is.
var impliedAnomalies = table(`
	G0                       G1c G0-process
	G0-process               G1c-process G0-realtime
	G0-realtime              G1c-realtime
	G1a                      G1
	G1b                      G1
	G1c                      G1 G1c-process
	G1c-process              G1c-realtime G1-process
	G1c-realtime             G1-realtime
	G1                       G1-process
	G1-process               G1-realtime
	G-single-item            G-single G-single-item-process G-nonadjacent-item
	G-single-item-process    G-single-process G-single-item-realtime G-nonadjacent-item-process
	G-single-item-realtime   G-single-realtime G-nonadjacent-item-realtime
	G-single                 G-nonadjacent GSIb G-single-process
	G-single-process         G-nonadjacent-process G-single-realtime
	G-single-realtime        G-nonadjacent-realtime
	G-nonadjacent-item       G-nonadjacent G2-item G-nonadjacent-item-process
	G-nonadjacent-item-process   G-nonadjacent-process G2-item-process G-nonadjacent-item-realtime
	G-nonadjacent-item-realtime  G2-item-realtime G-nonadjacent-realtime
	G-nonadjacent            G2 G-nonadjacent-process
	G-nonadjacent-process    G2-process G-nonadjacent-realtime
	G-nonadjacent-realtime   G2-realtime
	G2                       G2-process
	G2-item                  G2 G2-item-process
	G2-item-process          G2-process G2-item-realtime
	G2-item-realtime         G2-realtime
	G2-process               G2-realtime
	GSIa                     GSI
	GSIb                     GSI
	incompatible-order       G1a
	future-read              G1c
	dirty-update             G1a
	lost-update              write-skew G2-item
	write-skew               G2
`)

// graph is a directed graph of names: it maps a name to its successors.
type graph map[string][]string

func table(text string) graph {
	g := graph{}
	for _, line := range strings.Split(text, "\n") {
		if words := strings.Fields(line); len(words) > 0 {
			g[words[0]] = append(g[words[0]], words[1:]...)
			for _, w := range words[1:] {
				if _, ok := g[w]; !ok {
					g[w] = nil
				}
			}
		}
	}
	return g
}

func (g graph) reverse() graph {
	r := graph{}
	for _, from := range slices.Sorted(maps.Keys(g)) {
		tos := g[from]
		if _, ok := r[from]; !ok {
			r[from] = nil
		}
		for _, to := range tos {
			r[to] = append(r[to], from)
		}
	}
	return r
}

// reach returns the names reachable from the given ones, which are included.
func (g graph) reach(from ...string) map[string]bool {
	seen := map[string]bool{}
	for todo := slices.Clone(from); len(todo) > 0; {
		name := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if !seen[name] {
			seen[name] = true
			todo = append(todo, g[name]...)
		}
	}
	return seen
}

func canonicalModel(name string) string {
	if c, ok := synonyms[name]; ok {
		return c
	}
	for _, canonical := range slices.Sorted(maps.Keys(friendlyNames)) {
		if name == friendlyNames[canonical] {
			return canonical
		}
	}
	return name
}

func friendlyModel(canonical string) string {
	if f, ok := friendlyNames[canonical]; ok {
		return f
	}
	return canonical
}

// ConsistencyModels returns the names of the models that the checks can judge, in
// alphabetical order. A model with a friendly name is listed under that one.
func ConsistencyModels() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(weaker)) {
		if judgeable(name) {
			names = append(names, friendlyModel(name))
		}
	}
	for name := range synonyms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// ValidateModels returns an error for the first name that is not a consistency
// model, friendly or canonical, or whose model forbids no anomaly that the checks
// look for: every history would pass.
func ValidateModels(names []string) error {
	for _, name := range names {
		canonical := canonicalModel(name)
		if _, ok := weaker[canonical]; !ok {
			return fmt.Errorf("unknown consistency model %q, expected some of %s", name, strings.Join(ConsistencyModels(), ", "))
		}
		if !judgeable(canonical) {
			return fmt.Errorf("the consistency model %s cannot be judged: no check looks for anything that it forbids; expected some of %s", name, strings.Join(ConsistencyModels(), ", "))
		}
	}
	return nil
}

// modelsOf returns the models to check, strict-serializable by default.
func modelsOf(o Options) ([]string, error) {
	if len(o.ConsistencyModels) == 0 {
		return []string{"strict-serializable"}, nil
	}
	return slices.Sorted(slices.Values(o.ConsistencyModels)), ValidateModels(o.ConsistencyModels)
}

// detectable are the anomalies that the checks of transactions look for.
var detectable = func() map[string]bool {
	out := map[string]bool{}
	for _, name := range []string{"G1a", "G1b", "internal", "future-read", "lost-update", "dirty-update", "duplicate-elements", "incompatible-order", "cyclic-versions"} {
		out[name] = true
	}
	for _, s := range cycleSpecs {
		out[s.name] = true
	}
	return out
}()

// judgeable reports whether the checks look for any anomaly that a model forbids.
func judgeable(canonical string) bool {
	for _, name := range slices.Sorted(maps.Keys(prohibited([]string{canonical}))) {
		if detectable[name] {
			return true
		}
	}
	return false
}

// notLookedFor returns a remark, to append to a summary, that names the models that
// forbid more than weaker ones do, but nothing more that a check looks for. A valid
// history is then known to satisfy only the weaker models.
func notLookedFor(models []string) string {
	var remarks []string
	for _, m := range models {
		var own []string
		covered := false
		for _, name := range forbids[canonicalModel(m)] {
			if name == "G1" || strings.HasSuffix(name, "-cycle-exists") {
				continue
			}
			own = append(own, name)
			for _, implier := range slices.Sorted(maps.Keys(impliedAnomalies.reverse().reach(name))) {
				covered = covered || detectable[implier]
			}
		}
		if len(own) > 0 && !covered {
			remarks = append(remarks, fmt.Sprintf("%s of %s", joinAnd(own), m))
		}
	}
	if len(remarks) == 0 {
		return ""
	}
	return " (not looked for: " + strings.Join(remarks, ", ") + ")"
}

// additionalEdges returns the order of transactions, besides that of the data, that
// the models require: process, realtime or neither (0).
func additionalEdges(models []string) edgeKind {
	kind := edgeKind(0)
	for _, name := range slices.Sorted(maps.Keys(prohibited(models))) {
		switch {
		case strings.HasSuffix(name, "-realtime"):
			return realtime
		case strings.HasSuffix(name, "-process"):
			kind = process
		}
	}
	return kind
}

// prohibited returns the anomalies that at least one of the models forbids.
func prohibited(models []string) map[string]bool {
	var canonical, direct []string
	for _, m := range models {
		canonical = append(canonical, canonicalModel(m))
	}
	for _, m := range slices.Sorted(maps.Keys(weaker.reach(canonical...))) {
		direct = append(direct, forbids[m]...)
	}
	return impliedAnomalies.reverse().reach(direct...)
}

// boundary returns the weakest models that the anomalies rule out, and the stronger
// ones that are therefore ruled out too, by their friendly names.
func boundary(anomalies []string) (not, alsoNot []string) {
	var direct []string
	forbiddenBy := forbids.reverse()
	for _, a := range slices.Sorted(maps.Keys(impliedAnomalies.reach(anomalies...))) {
		direct = append(direct, forbiddenBy[a]...)
	}
	impossible := weaker.reverse().reach(direct...)
	for _, m := range slices.Sorted(maps.Keys(impossible)) {
		weakest := true
		for _, w := range slices.Sorted(maps.Keys(weaker.reach(m))) {
			weakest = weakest && (w == m || !impossible[w])
		}
		if weakest {
			not = append(not, friendlyModel(m))
		} else {
			alsoNot = append(alsoNot, friendlyModel(m))
		}
	}
	slices.Sort(not)
	slices.Sort(alsoNot)
	return not, alsoNot
}
