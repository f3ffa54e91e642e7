// Package trace lists what happened in a run, operation by operation and message by
// message, from its history and its journal.
package trace

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"glomers/checkers/brief"
	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
)

// Trace collects the events of a run.
type Trace struct {
	about   []string // texts of values, nil for all
	lines   []line
	flights map[int64]int // message → its line
}

type line struct {
	at   time.Duration
	text string

	// same is what a message has in common with its repetitions: everything but
	// ids and times. It is empty for an operation.
	same  string
	times int           // how often the message was sent
	until time.Duration // when it was sent last
}

// New returns a trace of what mentions one of the values, of everything if there
// are none. Operations of the nemesis are always part of it.
func New(about []any) *Trace {
	t := &Trace{flights: map[int64]int{}}
	for _, v := range about {
		text := edn.String(v)
		if s, ok := v.(string); ok {
			text = s
		}
		t.about = append(t.about, text)
	}
	return t
}

// AddHistory takes the operations. Those with an index in proof are part of the
// trace whatever they mention.
func (t *Trace) AddHistory(h *history.History, proof []int) {
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Client() && !slices.Contains(proof, i) && !t.matters(edn.ToJSON(op.Value)) {
			continue
		}
		who := fmt.Sprintf("process %d", op.Process)
		if !op.Client() {
			who = "nemesis"
		}
		text := fmt.Sprintf("%-12s %s %s %s", who, op.Type, op.F, edn.Brief(op.Value, shown))
		if op.Error != nil {
			text += " " + edn.Brief(op.Error, shown)
		}
		t.lines = append(t.lines, line{at: op.Time, text: text})
	}
}

// Add takes the next event of the journal. Messages of clients are left out: their
// operations say the same.
func (t *Trace) Add(e journal.Event) {
	m := &e.Message
	if e.Kind == journal.Send {
		if m.InvolvesClient() || !t.matters(m.Body) {
			return
		}
		t.flights[m.ID] = len(t.lines)
		t.lines = append(t.lines, line{
			at: e.Time, text: fmt.Sprintf("  %s → %s  %s", m.Src, m.Dest, brief.JSON(m.Body, shown)),
			same: m.Src + " " + m.Dest + " " + withoutIDs(m.Body), times: 1, until: e.Time,
		})
		return
	}
	i, ok := t.flights[m.ID]
	if !ok {
		return
	}
	if e.Kind == journal.Drop {
		t.lines[i].same += " lost: " + e.Reason
		t.lines[i].text += fmt.Sprintf("  ✗ lost at %s: %s", seconds(e.Time), e.Reason)
	} else if took := e.Time - t.lines[i].at; took > 0 {
		t.lines[i].text += fmt.Sprintf("  (arrives at %s)", seconds(e.Time))
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }

// shown is how many runes of a value or a message the trace quotes.
const shown = 160

// matters reports whether a JSON text mentions one of the values.
func (t *Trace) matters(text []byte) bool {
	if t.about == nil {
		return true
	}
	v, ok := decode(text)
	if !ok {
		return false
	}
	return t.mentions(v)
}

// decode reads a JSON text; of a message body it leaves out the ids of messages,
// which could be mistaken for values.
func decode(text []byte) (any, bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil, false
	}
	if body, ok := v.(map[string]any); ok {
		delete(body, "msg_id")
		delete(body, "in_reply_to")
	}
	return v, true
}

// withoutIDs is the text of a body without the ids of messages.
func withoutIDs(body []byte) string {
	v, ok := decode(body)
	text, err := json.Marshal(v)
	if !ok || err != nil {
		return string(body)
	}
	return string(text)
}

// fold joins the repetitions of a message that come close together, such as a retry
// every 100 ms, in one line: no operation lies between them, and few other messages.
func fold(lines []line) []line {
	const near = 16
	var out []line
	begin := 0 // of the messages since the last operation
	for _, l := range lines {
		if l.same == "" {
			out = append(out, l)
			begin = len(out)
			continue
		}
		repeated := false
		for i := len(out) - 1; i >= max(begin, len(out)-near); i-- {
			if out[i].same == l.same {
				out[i].times++
				out[i].until = l.at
				repeated = true
				break
			}
		}
		if !repeated {
			out = append(out, l)
		}
	}
	return out
}

func (t *Trace) mentions(v any) bool {
	is := func(s string) bool {
		for _, a := range t.about {
			if a == s {
				return true
			}
		}
		return false
	}
	switch v := v.(type) {
	case string:
		return is(v)
	case json.Number:
		return is(v.String())
	case []any:
		for _, x := range v {
			if t.mentions(x) {
				return true
			}
		}
	case map[string]any:
		for k, x := range v { // the order does not show
			if is(k) || t.mentions(x) {
				return true
			}
		}
	}
	return false
}

// Lines returns the trace in order, at most so many lines: the last ones, for 0
// all. The second result is how many were left out.
func (t *Trace) Lines(most int) ([]string, int) {
	sort.SliceStable(t.lines, func(i, j int) bool { return t.lines[i].at < t.lines[j].at })
	lines := t.lines
	if t.about != nil {
		lines = fold(lines)
	}
	left := 0
	if most > 0 && len(lines) > most {
		left = len(lines) - most
		lines = lines[left:]
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.TrimRight(fmt.Sprintf("%11s  %s", seconds(l.at), l.text), " ")
		if l.times > 1 {
			out[i] += fmt.Sprintf("  (%d times, the last at %s)", l.times, seconds(l.until))
		}
	}
	return out, left
}

// Mentions reports whether a message mentions one of the values that the trace is
// about.
func (t *Trace) Mentions(m journal.Message) bool { return t.matters(m.Body) }
