package brief

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func ExampleText() {
	fmt.Println(Text("Grüße an alle", 6))
	// Output: Grüße…
}

func ExampleJSON() {
	fmt.Println(JSON(`{"messages":[0,1,2,3,4,5,6,7,8,9,10,11,12],"type":"raed_ok","in_reply_to":7}`, 60))
	// Output: {"messages":[0,1,2,3,4,5…,"type":"raed_ok","in_reply_to":7}
}

func ExampleAround() {
	text := strings.Repeat("a", 1000) + "!" + strings.Repeat("b", 1000)
	fmt.Println(Around(text, 1000, 11))
	// Output: …aaaaa!bbb…
}

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{"ab": `"ab"`, "a\x1b[2J": `"a\x1b["…`, "éééé": `"éééé"`, "ééééé": `"ééé"…`} {
		if got := Quote(text, 4); got != want {
			t.Errorf("%q is quoted as %s, want %s", text, got, want)
		}
	}
}

// TestLength: whatever the text, the result has at most so many runes, cuts none
// in half, and is the text itself where that fits.
func TestLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		max := rapid.IntRange(3, 30).Draw(t, "max")
		for name, got := range map[string]string{"Text": Text(s, max), "Around": Around(s, len(s)/2, max), "JSON": JSON(s, max), "of bytes": Text([]byte(s), max)} {
			if n := utf8.RuneCountInString(got); n > max {
				t.Fatalf("%s of %q has %d runes, want at most %d: %q", name, s, n, max, got)
			}
			if !utf8.ValidString(got) {
				t.Fatalf("%s of %q cuts a rune: %q", name, s, got)
			}
			if name != "Around" && utf8.RuneCountInString(s) <= max && got != s {
				t.Fatalf("%s of %q is %q, though it fits", name, s, got)
			}
		}
		if head, cut := strings.CutSuffix(Text(s, max), ellipsis); cut && !strings.HasPrefix(s, head) {
			t.Fatalf("Text of %q is %q", s, head)
		}
	})
}

// TestJSONKeepsMembers: all members of an object are shown, the short ones whole.
func TestJSONKeepsMembers(t *testing.T) {
	long := strings.Repeat("7,", 5000) + "7"
	got := JSON(`{"messages": [`+long+`], "text": "`+long+`", "type": "raed_ok"}`, 120)
	for _, want := range []string{`"messages":[7,7`, `"text":"7,7`, `"type":"raed_ok"`} {
		if !strings.Contains(got, want) {
			t.Errorf("%s lacks %s", got, want)
		}
	}
	if n := utf8.RuneCountInString(got); n > 120 {
		t.Errorf("%d runes, want at most 120: %s", n, got)
	}
	if got := JSON("["+long+"]", 20); got != Text("["+long+"]", 20) {
		t.Errorf("an array is shortened to %s", got)
	}
}

func TestQuoteAround(t *testing.T) {
	long := strings.Repeat("é\x1b", 500) + "here" + strings.Repeat("x", 500)
	for _, test := range []struct {
		at         int
		text       string
		start, end string
	}{
		{0, "", `"é\x1b`, `"…`},
		{-5, "", `"é`, `"…`},
		{strings.Index(long, "here"), "here", `…"`, `"…`},
		{strings.Index(long, "here") - 500*3/2 + 1, "", `…"`, `"…`}, // within a rune
		{len(long), "xxx", `…"`, `x"`},
		{len(long) + 9, "xxx", `…"`, `x"`},
	} {
		got := QuoteAround(long, test.at, 100)
		if !strings.HasPrefix(got, test.start) || !strings.HasSuffix(got, test.end) || !strings.Contains(got, test.text) || !utf8.ValidString(got) {
			t.Errorf("around %d: %s", test.at, got)
		}
	}
	if got := QuoteAround("short\n", 3, 100); got != `"short\n"` {
		t.Errorf("around the middle of a short text: %s", got)
	}
}
