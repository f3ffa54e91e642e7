package trace

import (
	"fmt"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
)

// request follows one request of a client, which was not answered as it should have
// been: what the client sent, and all that the node sent it.
type request struct {
	node       string
	begin, end *history.Op
	client     string // "" until the request was seen
	id         int64
	answer     time.Duration // when its answer was sent, 0 for never
}

func newRequest(node string, begin, end *history.Op) *request {
	return &request{node: node, begin: begin, end: end}
}

// add takes a message from or to a client, and reports whether it belongs to the
// request.
func (r *request) add(at time.Duration, m *journal.Message) bool {
	h := headerOf(m.Body)
	if r.client == "" {
		const moment = 50 * time.Millisecond // between an invocation and the message, in real time
		if m.Dest != r.node || h.kind != r.begin.F || !h.hasID || at < r.begin.Time || at > r.begin.Time+moment {
			return false
		}
		r.client, r.id = m.Src, h.msgID
		return true
	}
	if m.Dest != r.client {
		return false
	}
	if h.answersSome && h.inReplyTo == r.id {
		r.answer = at
		return true
	}
	return at <= r.end.Time
}

// note writes beside the messages and the operation what is missing.
func (r *request) note(lines []line) {
	for i := range lines {
		l := &lines[i]
		switch {
		case l.op == r.end && timedOut(r.end):
			l.note = r.node + " never answered"
			if r.answer != 0 {
				l.note = fmt.Sprintf("%s answers at %s, too late", r.node, seconds(r.answer))
			}
		case l.src == r.node && len(l.dest) == 1 && l.dest[0] == r.client:
			body := journal.FieldsOf([]byte(l.body))
			if id, ok := body["in_reply_to"]; body != nil && string(id) != fmt.Sprint(r.id) {
				l.note = "answers no request: it has no in_reply_to"
				if ok {
					l.note = fmt.Sprintf("answers no request: in_reply_to is %s, expected %d", id, r.id)
				}
			}
		}
	}
}

// timedOut reports whether an operation ended because no answer came.
func timedOut(op *history.Op) bool {
	name := op.Error
	if pair, ok := sequence(op.Error); ok && len(pair) > 0 {
		name = pair[0]
	}
	return name == edn.Keyword("net-timeout") || name == edn.Keyword("timeout")
}
