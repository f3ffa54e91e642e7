package nodeio

import (
	"fmt"
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

// excerptBytes is how much of a line Excerpt shows.
const excerptBytes = 200

// Excerpt quotes a line in Go's notation. Of a long line it shows the part
// around the byte at the given offset, with an ellipsis where something is left
// out. It does not cut characters in two.
func Excerpt(line []byte, offset int) string {
	if len(line) <= excerptBytes {
		return fmt.Sprintf("%q", line)
	}
	offset = min(max(offset, 0), len(line))
	from := max(0, min(offset-excerptBytes/2, len(line)-excerptBytes))
	from = runeStart(line, from)
	to := runeStart(line, min(len(line), from+excerptBytes))
	before, after := "", ""
	if from > 0 {
		before = "…"
	}
	if to < len(line) {
		after = "…"
	}
	return fmt.Sprintf("%s%q%s", before, line[from:to], after)
}

// runeStart returns the start of the character that the byte at i belongs to.
func runeStart(text []byte, i int) int {
	for j := i; j > max(0, i-utf8.UTFMax) && j < len(text); j-- {
		if utf8.RuneStart(text[j]) {
			return j
		}
	}
	return i
}
