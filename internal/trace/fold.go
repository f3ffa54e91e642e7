package trace

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"glomers/checkers/history"
)

// withoutIDs is the text of a body without the ids of messages.
func withoutIDs(body []byte) string {
	v, ok := decode(body)
	text, err := json.Marshal(v)
	if !ok || err != nil {
		return string(body)
	}
	return string(text)
}

// What a node answered a read in the story of a value.
const (
	with    = "a read with it"
	without = "a read without it"
)

// alike says what the repetitions of an operation have in common, "" for one that is
// always shown.
func (t *Trace) alike(op *history.Op) string {
	set, isSet := sequence(op.Value)
	switch {
	case t.spread == nil || op.F != "read" || !isSet:
		return ""
	case t.spread.timesIn(set) > 0:
		return with
	}
	return without
}

// fanOut joins messages that a node sent to several others at once.
func fanOut(lines []line) []line {
	const atOnce = 20 * time.Microsecond // less than a message takes
	var out []line
	for _, l := range lines {
		if n := len(out); n > 0 && l.src != "" {
			before := &out[n-1]
			if before.same == l.same && l.at-before.at < atOnce && (l.end-before.end).Abs() < atOnce && before.lost == l.lost && before.note == l.note && !slices.Contains(before.dest, l.dest[0]) {
				before.dest = append(before.dest, l.dest...)
				before.body = before.anonymous
				continue
			}
		}
		out = append(out, l)
	}
	return out
}

// series names what a line may be a repetition in: the same message with the same
// fate, or reads that say the same.
func (l *line) series() string {
	if l.op != nil {
		return l.same
	}
	return fmt.Sprintf("%s → %s %s %s", l.same, l.dest, l.lost, l.note)
}

// fold joins what repeats, such as a retry every 100 ms or reads that say the same. In
// the story of a value repetitions may be far apart; elsewhere the order counts, so
// that no operation and few other messages may lie between them.
func (t *Trace) fold(lines []line) []line {
	const near = 16
	var out []line
	last := map[string]int{}    // series → its line in out
	read := map[string]string{} // node → what it answered before
	begin := 0                  // of the messages since the last operation
	for _, l := range lines {
		if l.op != nil {
			begin = len(out) + 1
		}
		if l.same == "" {
			out = append(out, l)
			continue
		}
		if l.op != nil {
			if read[l.replica] == with && l.same == without {
				l.note = l.replica + " had it before"
				out = append(out, l)
				read[l.replica] = without
				continue
			}
			read[l.replica] = l.same
		}
		series := l.series()
		if i, seen := last[series]; seen && (t.spread != nil || i >= max(begin, len(out)-near)) {
			out[i].repeat(&l)
			continue
		}
		last[series] = len(out)
		out = append(out, l)
	}
	return out
}

// repeat takes a repetition of a line.
func (l *line) repeat(again *line) {
	l.times++
	l.until = again.at
	if again.replica != l.replica && !slices.Contains(l.others, again.replica) {
		l.others = append(l.others, again.replica)
	}
}

// repetitions says how often the line was repeated, "" for never.
func (l *line) repetitions() string {
	if l.times == 1 {
		return ""
	}
	from := ""
	if len(l.others) > 0 {
		from = ", also from " + listOf(l.others)
	}
	return fmt.Sprintf("  (… %d more like this%s, the last at %s)", l.times-1, from, seconds(l.until))
}
