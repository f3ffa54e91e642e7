package checkers

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// KafkaResult lists the anomalies of a history of logs.
type KafkaResult struct {
	Verdict
	Lag           Lag
	ErrorTypes    []string // the names of the anomalies that were found, in order
	BadErrorTypes []string // of these, the ones that make the run invalid
	Anomalies     []KafkaAnomalies
	Unseen        *Unseen // nil if every acknowledged message was polled
	InfoTxnCauses []any   // the distinct errors of operations with unknown outcome

}

// Lag is the largest real-time lag of any poll: how long, when the poll began, an
// offset beyond all that its client has seen of the key, this poll included, had been
// known to exist.
type Lag struct {
	Lag     time.Duration
	Time    time.Duration // when the poll began, since the start of the run
	Process int
	Key     any
	found   bool
}

// KafkaAnomalies are the anomalies of one kind.
type KafkaAnomalies struct {
	Name     string // such as lost-write
	Count    int
	Examples []KafkaAnomaly // at most eight, the gravest first
}

// KafkaAnomaly is one contradiction.
type KafkaAnomaly struct {
	Fields edn.Map       // in the form of Jepsen's results
	Text   string        // an explanation for people
	proof  []*history.Op // the operations that prove it, where Fields do not hold them
	rank   int           // of the anomalies of one kind, those with the highest are shown
}

// Unseen are acknowledged messages that nobody polled until the end.
type Unseen struct {
	Time     time.Duration // of the last acknowledgement, since the start of the run
	Counts   edn.Map       // key → number of messages
	Messages edn.Map       // key → the messages, at most 32
	evidence evidence
}

// MarshalEDN returns the map that results.edn shows.
func (r *KafkaResult) MarshalEDN() any {
	m := ednMap("valid?", r.Valid.MarshalEDN(), "worst-realtime-lag", r.Lag.MarshalEDN(),
		"bad-error-types", keywordList(r.BadErrorTypes), "error-types", keywordList(r.ErrorTypes), "info-txn-causes", edn.List(r.InfoTxnCauses))
	for _, a := range r.Anomalies {
		shown := edn.List{}
		for _, e := range a.Examples {
			shown = append(shown, e.Fields)
		}
		m = append(m, ednMap(a.Name, ednMap("count", int64(a.Count), "errs", shown))...)
	}
	if u := r.Unseen; u != nil {
		m = append(m, ednMap("unseen", ednMap("time", int64(u.Time), "unseen", u.Counts, "messages", u.Messages))...)
	}
	return m
}

// MarshalEDN returns the map that results.edn shows, with times in seconds.
func (l Lag) MarshalEDN() any {
	if !l.found {
		return ednMap("time", 0.0, "lag", 0.0)
	}
	return ednMap("time", seconds(l.Time), "process", int64(l.Process), "key", l.Key, "lag", seconds(l.Lag))
}

func seconds(d time.Duration) float64 { return float64(d) / 1e9 }

// Kafka checks append-only logs: clients send messages to keys and poll them
// with their offsets. It finds the anomalies of Jepsen's kafka checker
// (Maelstrom's doc/workloads.md describes them); all of them make a run invalid
// except int-send-skip and G0, which transactional logs allow.
//
// Sound: each anomaly is a contradiction among the nodes' answers. Incomplete: it
// misses messages that only some nodes have, commits that are forgotten, and
// skips across an assign or across a poll that returned no message of the key. The
// verdict is Unknown if nothing was sent and nothing polled, and if nothing is wrong but
// that messages were polled which nobody sent.
func Kafka(h *history.History, o Options) (*KafkaResult, error) {
	k, err := newKafkaHistory(h, namesOf(o))
	if err != nil {
		return nil, err
	}
	found := kafkaAnomalies{}
	found.add("duplicate", k.duplicates())
	found.add("inconsistent-offsets", k.inconsistentOffsets())
	found.add("G1a", k.abortedReads())
	found.add("lost-write", k.lostWrites())
	found.add("precommitted-read", k.precommittedReads())
	k.withinPolls(found)
	k.withinSends(found)
	k.betweenPolls(found)
	found.add("nonmonotonic-send", k.betweenSends())
	k.cycles(found)
	return k.result(found, k.unseen()), nil
}

// kafkaAnomalies are the anomalies by name.
type kafkaAnomalies map[string][]KafkaAnomaly

func (a kafkaAnomalies) add(name string, found []KafkaAnomaly) {
	if len(found) > 0 {
		a[name] = append(a[name], found...)
	}
}

// kafkaAllowed are the anomalies that do not make a run invalid.
var kafkaAllowed = map[string]bool{"int-send-skip": true, "G0": true, "G0-process": true, "G0-realtime": true}

// shownExamples is how many anomalies of a kind the results hold.
const shownExamples = 8

func (k *kafkaHistory) result(found kafkaAnomalies, unseen *Unseen) *KafkaResult {
	r := &KafkaResult{Lag: k.worstRealtimeLag(), Unseen: unseen, InfoTxnCauses: k.infoCauses()}
	for _, name := range slices.Sorted(maps.Keys(found)) {
		list := found[name]
		slices.SortStableFunc(list, func(a, b KafkaAnomaly) int { return cmp.Compare(b.rank, a.rank) })
		r.Anomalies = append(r.Anomalies, KafkaAnomalies{name, len(list), list[:min(len(list), shownExamples)]})
		r.ErrorTypes = append(r.ErrorTypes, name)
		if !kafkaAllowed[name] {
			r.Findings = append(r.Findings, kafkaFinding(name, list))
		}
	}
	if unseen != nil {
		r.ErrorTypes = append(r.ErrorTypes, "unseen")
		r.Findings = append(r.Findings, unseen.evidence.finding("unseen", count(len(unseen.Counts), "key has", "keys have")+" acknowledged messages that nobody ever polled"))
	}
	for _, f := range r.Findings {
		r.BadErrorTypes = append(r.BadErrorTypes, f.Check)
	}
	switch {
	case len(r.Findings) > 0:
		r.Valid = Invalid
	case len(k.invented.details) > 0:
		r.Findings = []Finding{k.invented.finding("invented", count(len(k.invented.details), "polled message was", "polled messages were")+" sent by nobody")}
	case k.sent == 0 && k.polled == 0:
		r.Findings = []Finding{{Check: "unused", Summary: "no message was sent and none was polled, so nothing can be said"}}
	default:
		r.Valid = Valid
	}
	r.Summary = count(k.sent, "message", "messages") + " in " + count(len(k.keys), "key", "keys")
	if len(r.BadErrorTypes) > 0 {
		r.Summary += ": " + strings.Join(r.BadErrorTypes, ", ")
	}
	return r
}

// kafkaWords names each anomaly in plain words, in the singular and in the plural.
var kafkaWords = map[string][2]string{
	"duplicate":             {"message is at more than one offset", "messages are at more than one offset"},
	"inconsistent-offsets":  {"offset has more than one message", "offsets have more than one message"},
	"G1a":                   {"poll returned a message whose send had failed", "polls returned messages whose send had failed"},
	"lost-write":            {"acknowledged message is missing, though a later one was polled", "acknowledged messages are missing, though later ones were polled"},
	"precommitted-read":     {"transaction polled what it sent itself", "transactions polled what they sent themselves"},
	"int-poll-skip":         {"poll left out messages in its middle", "polls left out messages in their middle"},
	"int-nonmonotonic-poll": {"poll returned messages out of order", "polls returned messages out of order"},
	"int-nonmonotonic-send": {"transaction sent messages that got descending offsets", "transactions sent messages that got descending offsets"},
	"poll-skip":             {"poll began beyond where the client's last poll had ended", "polls began beyond where the client's last poll had ended"},
	"nonmonotonic-poll":     {"poll began before where the client's last poll had ended", "polls began before where the client's last poll had ended"},
	"nonmonotonic-send":     {"send got an offset below that of the client's last send", "sends got an offset below that of the client's last send"},
}

func kafkaFinding(name string, list []KafkaAnomaly) Finding {
	words, ok := kafkaWords[name]
	if !ok {
		words = [2]string{"cycle of dependencies between operations", "cycles of dependencies between operations"}
	}
	var e evidence
	for _, a := range list {
		e.add(a.Text, nil, a.proof...)
	}
	for i := range e.examples {
		example := &e.examples[i]
		example.About = keyIn(list[i].Fields)
		if example.Proof == nil {
			example.Proof = operationsIn(list[i].Fields)
		}
	}
	return e.finding(name, count(len(list), words[0], words[1]))
}

// infoCauses returns the distinct errors of operations with unknown outcome.
func (k *kafkaHistory) infoCauses() []any {
	causes := []any{}
	known := map[any]bool{}
	for i := range k.ops {
		if o := k.ops[i].op; o.Type == history.Info && k.history.Ops[o.Index].Type == history.Info {
			if id := mapKey(o.Error); !known[id] {
				known[id] = true
				causes = append(causes, o.Error)
			}
		}
	}
	return causes
}

// unseen finds acknowledged messages that nobody polled until the end.
func (k *kafkaHistory) unseen() *Unseen {
	u := &Unseen{}
	missing := map[*kafkaLog][]any{}
	sent := map[*kafkaLog]*history.Op{} // the first send of them
	for i := range k.ops {
		o := &k.ops[i]
		if o.op.Type != history.OK {
			continue
		}
		u.Time = o.op.Time
		for _, s := range o.sends {
			if m := &s.log.messages[s.msg]; !m.okRead && m.writer == o {
				missing[s.log] = append(missing[s.log], m.value)
				if sent[s.log] == nil {
					sent[s.log] = o.op
				}
			}
		}
	}
	if len(missing) == 0 {
		return nil
	}
	for _, l := range k.keys {
		values := missing[l]
		if len(values) == 0 {
			continue
		}
		edn.Sort(values)
		u.Counts = append(u.Counts, edn.Entry{Key: l.key, Value: int64(len(values))})
		u.Messages = append(u.Messages, edn.Entry{Key: l.key, Value: edn.List(values[:min(32, len(values))])})
		u.evidence.add(fmt.Sprintf("key %s: %s", edn.Brief(l.key, shown), listOf(values)), l.key, sent[l])
	}
	edn.SortMap(u.Counts)
	edn.SortMap(u.Messages)
	return u
}
