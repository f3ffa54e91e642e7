package page

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// head is what the page needs to know of a message's body.
type head struct {
	kind       string // its type
	id         int64  // msg_id
	reply      int64  // in_reply_to
	hasID      bool
	answersOne bool // it has an in_reply_to
}

// scan reads the head of a body without decoding the rest, which may be long. Of a
// text that is no JSON object it returns what it can.
func scan(body []byte) (h head) {
	i := bytes.IndexByte(body, '{') + 1
	if i == 0 {
		return h
	}
	for i < len(body) {
		for i < len(body) && body[i] != '"' {
			if body[i] == '}' {
				return h
			}
			i++
		}
		key, after := quoted(body, i)
		for i = after; i < len(body) && (body[i] == ':' || body[i] == ' ' || body[i] == '\t' || body[i] == '\n' || body[i] == '\r'); {
			i++
		}
		end := skip(body, i)
		value := body[i:end]
		switch string(key) {
		case `"type"`:
			if json.Unmarshal(value, &h.kind) != nil {
				h.kind = ""
			}
		case `"msg_id"`:
			n, err := strconv.ParseInt(string(value), 10, 64)
			h.id, h.hasID = n, err == nil
		case `"in_reply_to"`:
			n, err := strconv.ParseInt(string(value), 10, 64)
			h.reply, h.answersOne = n, err == nil
		}
		i = end
	}
	return h
}

// quoted returns the string that begins at i, with its quotes, and where it ends.
func quoted(text []byte, i int) ([]byte, int) {
	for j := i + 1; j < len(text); j++ {
		switch text[j] {
		case '\\':
			j++
		case '"':
			return text[i : j+1], j + 1
		}
	}
	return nil, len(text)
}

// skip returns where the value that begins at i ends.
func skip(text []byte, i int) int {
	depth := 0
	for i < len(text) {
		switch text[i] {
		case '"':
			_, i = quoted(text, i)
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\n', '\r':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}
