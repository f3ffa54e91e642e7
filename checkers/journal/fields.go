package journal

import (
	"encoding/json"
	"strconv"
)

// Fields are the members of a message's body, by name. Names are exact, as they are to
// Maelstrom: a body with "Type" has no "type", though encoding/json would put either
// into a struct. Of a name that occurs twice the last one counts.
type Fields map[string]json.RawMessage

// FieldsOf returns the members of a body, nil for a text that is not a JSON object.
func FieldsOf(body []byte) Fields {
	var f Fields
	if json.Unmarshal(body, &f) != nil {
		return nil
	}
	return f
}

// Text returns a field that is a string, and "" if it is anything else or absent.
func (f Fields) Text(name string) string {
	var text string
	if json.Unmarshal(f[name], &text) != nil {
		return ""
	}
	return text
}

// Int returns a field that is an integer, such as msg_id and in_reply_to, and whether it
// is one.
func (f Fields) Int(name string) (int64, bool) {
	n, err := strconv.ParseInt(string(f[name]), 10, 64)
	return n, err == nil
}
