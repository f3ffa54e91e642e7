package journal

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// field is a member of a JSON object; its value is the JSON text.
type field struct {
	name  string
	value []byte
	at    int // offset of the name in the text
}

// object returns the fields of a text that must be one JSON object. Its errors are of
// type *ParseError, and count bytes from 1 in their texts.
func object(text []byte) ([]field, error) {
	s := scanner{text: text}
	s.space()
	if s.at < len(text) && text[s.at] != '{' {
		start := s.at
		if err := s.value(0); err != nil {
			return nil, err
		}
		return nil, &ParseError{start, fmt.Sprintf("it is %s, expected a JSON object", describe(text[start:s.at]))}
	}
	fields := make([]field, 0, 4)
	err := s.members(0, func(at int, name, value []byte) { fields = append(fields, field{unquote(name), value, at}) })
	if err != nil {
		return nil, err
	}
	if s.space(); s.at < len(text) {
		return nil, s.fail("nothing more: one line holds one message")
	}
	return fields, nil
}

// maxDepth is how deep arrays and objects may be nested.
const maxDepth = 512

// scanner checks JSON text (RFC 8259) without building its values.
type scanner struct {
	text []byte
	at   int
}

func (s *scanner) space() {
	for s.at < len(s.text) && (s.text[s.at] == ' ' || s.text[s.at] == '\t' || s.text[s.at] == '\r' || s.text[s.at] == '\n') {
		s.at++
	}
}

// fail says what was expected at the current byte.
func (s *scanner) fail(expected string) error {
	if s.at >= len(s.text) {
		return s.errorf("it is not JSON: it ends after %d bytes, expected %s", len(s.text), expected)
	}
	r, _ := utf8.DecodeRune(s.text[s.at:])
	return s.errorf("it is not JSON: byte %d is %q, expected %s", s.at+1, r, expected)
}

func (s *scanner) errorf(format string, args ...any) error {
	return &ParseError{min(s.at, len(s.text)), fmt.Sprintf(format, args...)}
}

// peek returns the current byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) value(depth int) error {
	if depth > maxDepth {
		return s.errorf("its arrays and objects are nested more than %d deep", maxDepth)
	}
	switch c := s.peek(); {
	case c == '{':
		return s.members(depth, func(int, []byte, []byte) {})
	case c == '[':
		return s.array(depth)
	case c == '"':
		return s.str()
	case c == '-' || c >= '0' && c <= '9':
		return s.number()
	}
	for _, word := range []string{"null", "true", "false"} {
		if s.has(word) {
			s.at += len(word)
			return nil
		}
	}
	switch {
	case s.peek() == '\'':
		return s.fail("a value; JSON strings are in double quotes")
	case s.has("NaN") || s.has("Infinity"):
		return s.errorf("it is not JSON: byte %d begins NaN or Infinity, which JSON does not have", s.at+1)
	case s.has("True") || s.has("False") || s.has("None"):
		return s.errorf("it is not JSON: byte %d begins a value of Python, expected true, false or null (json.dumps prints them)", s.at+1)
	}
	return s.fail("a value")
}

func (s *scanner) has(word string) bool {
	return len(s.text)-s.at >= len(word) && string(s.text[s.at:s.at+len(word)]) == word
}

// members scans an object and calls each with every name, where it is, and its
// value.
func (s *scanner) members(depth int, each func(at int, name, value []byte)) error {
	if s.peek() != '{' {
		return s.fail("a JSON object")
	}
	s.at++
	if s.space(); s.peek() == '}' {
		s.at++
		return nil
	}
	for {
		s.space()
		begin := s.at
		if s.peek() != '"' {
			return s.fail("a name in double quotes")
		}
		if err := s.str(); err != nil {
			return err
		}
		name := s.text[begin:s.at]
		if s.space(); s.peek() != ':' {
			return s.fail("a colon")
		}
		s.at++
		s.space()
		start := s.at
		if err := s.value(depth + 1); err != nil {
			return err
		}
		each(begin, name, s.text[start:s.at])
		if done, err := s.separator('}'); done || err != nil {
			return err
		}
	}
}

func (s *scanner) array(depth int) error {
	s.at++
	if s.space(); s.peek() == ']' {
		s.at++
		return nil
	}
	for {
		s.space()
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if done, err := s.separator(']'); done || err != nil {
			return err
		}
	}
}

// separator scans a comma or the end of an array or object.
func (s *scanner) separator(end byte) (done bool, err error) {
	s.space()
	switch s.peek() {
	case end:
		s.at++
		return true, nil
	case ',':
		s.at++
		return false, nil
	}
	return false, s.fail(fmt.Sprintf("a comma or %c", end))
}

func (s *scanner) str() error {
	for s.at++; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return nil
		case c < ' ':
			return s.fail("no control character in a string, but an escape such as \\n")
		case c == '\\':
			s.at++
			if err := s.escape(); err != nil {
				return err
			}
		}
	}
	return s.errorf("it is not JSON: it ends inside a string")
}

func (s *scanner) escape() error {
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			s.at++
			if !strings.ContainsRune("0123456789abcdefABCDEF", rune(s.peek())) {
				return s.fail("four hexadecimal digits after \\u")
			}
		}
		return nil
	}
	return s.fail(`an escape: one of \" \\ \/ \b \f \n \r \t \u`)
}

func (s *scanner) number() error {
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
		if c := s.peek(); c >= '0' && c <= '9' {
			return s.fail("no digit after a leading zero")
		}
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.peek() == '.' {
		s.at++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if s.peek()|0x20 == 'e' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		return s.digits()
	}
	return nil
}

func (s *scanner) digits() error {
	start := s.at
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.at++
	}
	if s.at == start {
		return s.fail("a digit")
	}
	return nil
}

// unquote returns the text of a JSON string.
func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	for _, c := range inner {
		if c == '\\' {
			var text string
			_ = json.Unmarshal(quoted, &text) // a scanned string always has a text
			return text
		}
	}
	return string(inner)
}
