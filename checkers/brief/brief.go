// Package brief shortens texts for messages. A value that a program under test
// produced can be of any size; a message that quotes it must not be.
//
// Lengths are counted in runes, not bytes, so that no character is cut in half.
// What was left out is marked by an ellipsis (…), which counts as one rune.
package brief

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"unicode/utf8"
)

const ellipsis = "…"

// Text returns s if it has at most max runes, otherwise its first max-1 runes
// and an ellipsis. It looks at no more of s than it returns.
func Text[T ~string | ~[]byte](s T, max int) string {
	end, fits := prefix(s, max)
	if fits {
		return string(s)
	}
	return string(s[:end]) + ellipsis
}

// prefix returns the number of bytes in the first max-1 runes of s, and whether
// all of s has at most max runes.
func prefix[T ~string | ~[]byte](s T, max int) (end int, fits bool) {
	for n := 0; end < len(s); n++ {
		if n == max-1 {
			_, last := decode(s[end:])
			return end, end+last == len(s)
		}
		_, size := decode(s[end:])
		end += size
	}
	return end, true
}

func decode[T ~string | ~[]byte](s T) (rune, int) {
	return utf8.DecodeRuneInString(string(s[:min(len(s), utf8.UTFMax)]))
}

// Around returns at most max runes of s, those around byte offset at: the place
// that a message is about. Both ends are marked if something was left out there.
func Around[T ~string | ~[]byte](s T, at, max int) string {
	start := aroundStart(s, at, max)
	if start == 0 {
		return Text(s, max)
	}
	return ellipsis + Text(s[start:], max-1)
}

// QuoteAround is Around in double quotes, with Go's escapes for what cannot be
// printed. The ellipses are outside of the quotes.
func QuoteAround[T ~string | ~[]byte](s T, at, max int) string {
	start := aroundStart(s, at, max)
	if start == 0 {
		return Quote(s, max)
	}
	return ellipsis + Quote(s[start:], max-1)
}

// aroundStart returns where the runes around byte offset at begin.
func aroundStart[T ~string | ~[]byte](s T, at, length int) int {
	start := min(max(at, 0), len(s))
	for start > 0 && start < len(s) && !utf8.RuneStart(s[start]) {
		start--
	}
	for range length / 2 { // no further than to the first rune
		_, size := utf8.DecodeLastRuneInString(string(s[start-min(start, utf8.UTFMax) : start]))
		start -= size
	}
	return start
}

// Quote is Text in double quotes, with Go's escapes for what cannot be printed.
func Quote[T ~string | ~[]byte](s T, max int) string {
	end, fits := prefix(s, max)
	if fits {
		return strconv.Quote(string(s))
	}
	return strconv.Quote(string(s[:end])) + ellipsis
}

// JSON shortens the text of a JSON object by shortening the values of its
// members, so that every member remains visible: in the reply
//
//	{"messages":[0,1,2,…],"type":"raed_ok","in_reply_to":7}
//
// the member that is wrong may follow thousands of values. A text that is not an
// object, or has too many members for that, is shortened as by Text.
func JSON[T ~string | ~[]byte](s T, max int) string {
	if _, fits := prefix(s, max); fits {
		return string(s)
	}
	keys, values := members([]byte(s))
	if len(keys) == 0 {
		return Text(s, max)
	}
	room := max - len("{}")
	for _, key := range keys {
		room -= utf8.RuneCount(key) + len(`:,`)
	}
	if room < len(keys) {
		return Text(s, max)
	}
	each := share(values, room)
	out := []byte{'{'}
	for i, key := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, key...), ':')
		out = append(out, Text(values[i], each)...)
	}
	return string(append(out, '}'))
}

// members returns the keys and values of the object in text, in order, as they
// are written; none if the text is not an object.
func members(text []byte) (keys, values [][]byte) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, nil
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, nil
		}
		key, err := json.Marshal(token)
		if err != nil {
			return nil, nil
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil, nil
		}
		keys, values = append(keys, key), append(values, value)
	}
	return keys, values
}

// share returns the length to which each value must be shortened so that together
// they have at most room runes. Short ones leave their room to the others.
func share(values [][]byte, room int) int {
	lengths := make([]int, len(values))
	for i, v := range values {
		lengths[i] = utf8.RuneCount(v)
	}
	slices.Sort(lengths)
	for i, n := range lengths {
		if each := room / (len(lengths) - i); n > each {
			return each
		}
		room -= n
	}
	return lengths[len(lengths)-1]
}
