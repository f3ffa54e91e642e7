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
	Type      string          `json:"type"`
	MsgID     *int64          `json:"msg_id"`
	InReplyTo *int64          `json:"in_reply_to"`
	Key       json.RawMessage `json:"key"`
	Value     json.RawMessage `json:"value"`
	To        json.RawMessage `json:"to"`
}

func headerOf(m *journal.Message) header {
	var h header
	if json.Unmarshal(m.Body, &h) != nil {
		return header{} // no request that could be followed
	}
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
	switch key := compact(request.Key); answer.Type {
	case "write_ok":
		s[key] = compact(request.Value)
	case "cas_ok":
		s[key] = compact(request.To)
	case "read_ok":
		if newest, known := s[key]; known && newest != compact(answer.Value) {
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
