package checkers

import (
	"fmt"
	"sort"
	"strings"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// Kafka checks append-only logs: clients send messages to keys and poll them
// with their offsets. It finds the anomalies of Jepsen's kafka checker
// (Maelstrom's doc/workloads.md describes them); all of them make a run invalid
// save int-send-skip and G0, which transactional logs allow.
//
// Each anomaly is proof that the nodes contradict each other or themselves. What
// it can miss: messages that only some nodes have, commits that are forgotten,
// and skips across an assign.
func Kafka(h *history.History) (Verdict, error) {
	k, err := newKafkaHistory(h)
	if err != nil {
		return Verdict{}, err
	}
	errs := kafkaErrors{}
	errs.add("duplicate", k.duplicates())
	errs.add("inconsistent-offsets", k.inconsistentOffsets())
	errs.add("G1a", k.abortedReads())
	errs.add("lost-write", k.lostWrites())
	errs.add("precommitted-read", k.precommittedReads())
	k.withinPolls(errs)
	k.withinSends(errs)
	k.betweenPolls(errs)
	errs.add("nonmonotonic-send", k.betweenSends())
	k.cycles(errs)
	unseen := k.unseen()
	if unseen != nil {
		errs["unseen"] = unseen
	}
	return k.verdict(errs), nil
}

// kafkaError is one anomaly: its fields in Jepsen's words, how bad it is among
// its kind, and an explanation.
type kafkaError struct {
	fields   edn.Map
	severity int // of the errors shown, the highest come first
	text     string
}

type kafkaErrors map[string][]kafkaError

func (e kafkaErrors) add(name string, errs []kafkaError) {
	if len(errs) > 0 {
		e[name] = append(e[name], errs...)
	}
}

// kafkaAllowed are the errors that do not make a run invalid.
var kafkaAllowed = map[string]bool{"int-send-skip": true, "G0": true, "G0-process": true, "G0-realtime": true}

// shownErrors is how many errors of a kind the results hold.
const shownErrors = 8

func (k *kafkaHistory) verdict(errs kafkaErrors) Verdict {
	key := func(s string) any { return edn.Keyword(s) }
	types, bad := edn.List{}, edn.List{}
	var findings []Finding
	fields := edn.Map{}
	for _, name := range sortedNames(errs) {
		types = append(types, key(name))
		list := errs[name]
		if !kafkaAllowed[name] {
			bad = append(bad, key(name))
			findings = append(findings, kafkaFinding(name, list))
		}
		if name == "unseen" {
			fields = append(fields, edn.Entry{Key: key(name), Value: list[0].fields})
			continue
		}
		sort.SliceStable(list, func(i, j int) bool { return list[i].severity > list[j].severity })
		shown := edn.List{}
		for _, e := range list[:min(len(list), shownErrors)] {
			shown = append(shown, e.fields)
		}
		fields = append(fields, edn.Entry{Key: key(name), Value: edn.Map{{Key: key("count"), Value: int64(len(list))}, {Key: key("errs"), Value: shown}}})
	}
	v := Verdict{Valid: validIf(len(bad) == 0), Findings: findings}
	if len(k.invented) > 0 && v.Valid == Valid {
		v.Valid = Unknown
		v.Findings = append(v.Findings, Finding{Check: "invented", Summary: fmt.Sprintf("%d polled messages were sent by nobody", len(k.invented)), Details: firstFew(k.invented)})
	}
	v.Fields = append(edn.Map{
		{Key: key("valid?"), Value: v.Valid.MarshalEDN()},
		{Key: key("worst-realtime-lag"), Value: k.worstRealtimeLag()},
		{Key: key("bad-error-types"), Value: bad},
		{Key: key("error-types"), Value: types},
		{Key: key("info-txn-causes"), Value: k.infoCauses()},
	}, fields...)
	v.Summary = fmt.Sprintf("%d messages in %d keys", k.sent, len(k.keys))
	if len(bad) > 0 {
		var words []string
		for _, b := range bad {
			words = append(words, string(b.(edn.Keyword)))
		}
		v.Summary += ": " + strings.Join(words, ", ")
	}
	return v
}

var kafkaWords = map[string]string{
	"duplicate":             "messages are at more than one offset",
	"inconsistent-offsets":  "offsets have more than one message",
	"G1a":                   "polls returned messages whose send had failed",
	"lost-write":            "acknowledged messages are missing, though later ones were polled",
	"precommitted-read":     "transactions polled what they themselves sent",
	"int-poll-skip":         "polls left out messages in their middle",
	"int-nonmonotonic-poll": "polls returned messages out of order",
	"int-nonmonotonic-send": "transactions sent messages out of order",
	"poll-skip":             "polls began beyond where the client's last poll ended",
	"nonmonotonic-poll":     "polls began before where the client's last poll ended",
	"nonmonotonic-send":     "sends got an offset below that of the client's last send",
	"unseen":                "keys have acknowledged messages that nobody ever polled",
}

func kafkaFinding(name string, list []kafkaError) Finding {
	words, ok := kafkaWords[name]
	if !ok {
		words = "cycles of dependencies between operations"
	}
	n := len(list)
	if name == "unseen" {
		counts, _ := list[0].fields.Get(edn.Keyword("unseen"))
		n = len(counts.(edn.Map))
	}
	var details []string
	var about []any
	if key, ok := list[0].fields.Get(edn.Keyword("key")); ok {
		about = []any{key}
	}
	for _, e := range list {
		details = append(details, e.text)
	}
	return Finding{Check: name, Summary: fmt.Sprintf("%d %s", n, words), Details: firstFew(details), About: about}
}

func seconds(ns int64) float64 { return float64(ns) / 1e9 }

func ednMap(keysAndValues ...any) edn.Map {
	m := make(edn.Map, 0, len(keysAndValues)/2)
	for i := 0; i < len(keysAndValues); i += 2 {
		m = append(m, edn.Entry{Key: edn.Keyword(keysAndValues[i].(string)), Value: keysAndValues[i+1]})
	}
	return m
}

// describeOp names an operation: "process 3 at 4.210 s".
func describeOp(op *history.Op) string {
	return fmt.Sprintf("process %d at %.3f s", op.Process, op.Time.Seconds())
}
