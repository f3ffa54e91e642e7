package journal

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"glomers/checkers/brief"
)

// A ParseError says why a line is not a message.
type ParseError struct {
	Offset int // of the byte that the error is about, from 0
	Msg    string
}

func (e *ParseError) Error() string { return e.Msg }

// Parse reads a line that a node printed: a JSON object with the fields src,
// dest and body, and possibly an integer id, which is ignored. As in Maelstrom,
// names are matched exactly and other fields are errors. The Body of the message
// is a copy, so that the line may be reused. Errors are of type *ParseError.
func Parse(line []byte) (Message, error) {
	if !utf8.Valid(line) {
		return Message{}, &ParseError{invalidUTF8(line), "it is not UTF-8"}
	}
	fields, err := object(line)
	if err != nil {
		return Message{}, err
	}
	var m Message
	var src, dest, body bool
	var problem string
	for _, f := range fields {
		switch f.name {
		case "src":
			src = true
			m.Src, problem = id(f)
		case "dest":
			dest = true
			m.Dest, problem = id(f)
		case "body":
			body = true
			if f.value[0] != '{' {
				problem = fmt.Sprintf(`its "body" is %s, expected an object`, describe(f.value))
			}
			m.Body = append(json.RawMessage(nil), f.value...)
		case "id":
			if strings.Trim(string(f.value), "-0123456789") != "" {
				problem = fmt.Sprintf(`its "id" is %s, expected an integer, or no "id" at all`, describe(f.value))
			}
		default:
			problem = unexpected(f.name)
		}
		if problem != "" {
			return Message{}, &ParseError{f.at, problem}
		}
	}
	switch {
	case !src:
		return Message{}, &ParseError{0, `it has no "src", the id of the node that sends`}
	case !dest:
		return Message{}, &ParseError{0, `it has no "dest", the id of the node to send to`}
	case !body:
		return Message{}, &ParseError{0, `it has no "body", an object with at least a "type"`}
	}
	return m, nil
}

func invalidUTF8(line []byte) (offset int) {
	for offset < len(line) {
		r, size := utf8.DecodeRune(line[offset:])
		if r == utf8.RuneError && size == 1 {
			break
		}
		offset += size
	}
	return offset
}

// id returns the value of src or dest, or what is wrong with it.
func id(f field) (id, problem string) {
	if f.value[0] != '"' {
		return "", fmt.Sprintf("its %q is %s, expected a string", f.name, describe(f.value))
	}
	return unquote(f.value), ""
}

// unexpected says what is wrong with a field that a message does not have. A struct of
// Go without tags, whose fields are printed as Src, Dest and Body, is a common
// cause.
func unexpected(name string) string {
	for _, known := range []string{"src", "dest", "body", "id"} {
		if SameLetters(name, known) {
			return fmt.Sprintf("it has the field %q, expected %q: names are matched exactly (in Go, give the struct field the tag `json:%q`)", name, known, known)
		}
	}
	return fmt.Sprintf(`it has the field %q, expected only "src", "dest" and "body"`, name)
}

// SameLetters reports whether two field names are the same except for case and
// underscores, as InReplyTo and in_reply_to are.
func SameLetters(a, b string) bool {
	return strings.EqualFold(strings.ReplaceAll(a, "_", ""), strings.ReplaceAll(b, "_", ""))
}

// describe names a JSON value in an error, shortened.
func describe(value []byte) string {
	switch value[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return brief.Text(value, 60)
}
