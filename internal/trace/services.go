package trace

import (
	"bytes"
	"encoding/json"

	"glomers/checkers/brief"
	"glomers/checkers/journal"
)

// header are the fields of bodies that requests and their answers are told apart by, and
// those of Maelstrom's key-value services.
type header struct {
	kind               string
	msgID, inReplyTo   int64
	hasID, answersSome bool
	key, value, to     json.RawMessage
}

func headerOf(body []byte) header {
	f := journal.FieldsOf(body)
	h := header{kind: f.Text("type"), key: f["key"], value: f["value"], to: f["to"]}
	h.msgID, h.hasID = f.Int("msg_id")
	h.inReplyTo, h.answersSome = f.Int("in_reply_to")
	return h
}

// exchange identifies a request: who asked whom, and its msg_id.
type exchange struct {
	src, dest string
	id        int64
}

// stored are the newest values of seq-kv by key, as the journal shows them: a service
// executes a request when it answers it. It alone may answer from the past; of lww-kv
// nobody can say what is newest.
type stored map[string]string

// answer takes the answer of a service to a request. It returns the newest value of
// the key if the answer is an older one, "" if not.
func (s stored) answer(service string, request, answer header) (newest string) {
	if service != journal.SeqKV {
		return ""
	}
	switch key := compact(request.key); answer.kind {
	case "write_ok":
		s[key] = compact(request.value)
	case "cas_ok":
		s[key] = compact(request.to)
	case "read_ok":
		if newest, known := s[key]; known && newest != compact(answer.value) {
			return brief.JSON(newest, shown)
		}
	}
	return ""
}

func compact(text json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, text) != nil {
		return string(text)
	}
	return b.String()
}
