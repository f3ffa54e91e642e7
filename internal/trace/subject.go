package trace

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode"

	"glomers/checkers/edn"
)

// Subject is what a trace is about. The zero Subject is everything.
type Subject struct {
	Kind  string // of the finding, such as lost
	About []any  // a value or a key, of which one has to be mentioned; none for whatever happens between the operations
	Proof []int  // the completions that show the error, as indices of the history
}

// names are what a subject is about, as texts to look for.
type names struct {
	list  []name
	keyed bool // keys: what stands where a value does is none
}

type name struct {
	text string
	word bool // a string, which a number is not taken for
}

func namesOf(about []any) names {
	var n names
	for _, v := range about {
		if s, ok := v.(string); ok {
			n.list = append(n.list, name{s, true})
		} else {
			n.list = append(n.list, name{edn.String(v), false})
		}
	}
	return n
}

// number and word report whether a number or a string is one of the names. Programs
// make keys of their own of the ones that they are given, such as "14/3" or "offset:14",
// so the first number in a string counts as well.
func (n names) number(s string) bool {
	return slices.ContainsFunc(n.list, func(a name) bool { return !a.word && a.text == s })
}

func (n names) word(s string) bool {
	part := firstNumber(s)
	return slices.ContainsFunc(n.list, func(a name) bool { return a.text == s || part != "" && a.text == part })
}

// firstNumber is the first word of digits in a string of several words, "" if there
// is none.
func firstNumber(s string) string {
	if len(s) > 64 { // a text, not a key
		return ""
	}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if strings.Trim(part, "0123456789") == "" {
			return part
		}
	}
	return ""
}

// in counts how often a JSON value mentions one of the names.
func (n names) in(v any) int {
	count := 0
	switch v := v.(type) {
	case string:
		if n.word(v) {
			count++
		}
	case json.Number:
		if n.number(v.String()) {
			count++
		}
	case []any:
		if n.keyed && len(v) == 3 && isWord(v[0]) { // a micro-operation, such as ["w", 5, 1]
			return n.in(v[1])
		}
		for _, x := range v {
			count += n.in(x)
		}
	case map[string]any:
		if key, ok := v["key"]; ok && n.keyed {
			return n.in(key)
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			if n.word(k) || n.number(k) {
				count++
			}
			count += n.in(v[k])
		}
	}
	return count
}

// inText counts how often a JSON text mentions one of the names.
func (n names) inText(text []byte) int {
	if !slices.ContainsFunc(n.list, func(a name) bool { return bytes.Contains(text, []byte(a.text)) }) {
		return 0
	}
	v, ok := decode(text)
	if !ok {
		return 0
	}
	return n.in(v)
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

func isWord(v any) bool {
	_, ok := v.(string)
	return ok
}
