package nodeio

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable returns a text with every character that a terminal might obey
// instead of showing it — escape sequences, other control characters, marks
// that change the direction of writing — replaced by its escape in Go's
// notation, such as \x1b. Bytes that are not UTF-8 are escaped as well. Tabs are
// kept.
func Printable(text string) string {
	clean := func(r rune, size int) bool {
		return r == '\t' || unicode.IsPrint(r) && !(r == utf8.RuneError && size == 1)
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		if part := text[i : i+size]; clean(r, size) {
			b.WriteString(part)
		} else {
			quoted := strconv.Quote(part)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}
