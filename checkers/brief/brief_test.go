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
	for name, text := range map[string]string{
		"an array":                   `["type", "` + long + `"]`,
		"what is not JSON":           `{"type": "` + long,
		"an object of many members":  `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"i":9}`,
		"a text that fits, with all": `{ "a": 1 }`,
	} {
		if got, want := JSON(text, 20), Text(text, 20); got != want {
			t.Errorf("%s is shortened to %s, want %s", name, got, want)
		}
	}
	for _, test := range []struct {
		text string
		max  int
		want string
	}{
		{`{"a": 1,` + strings.Repeat(" ", 50) + `"b": 2}`, 20, `{"a":1,"b":2}`},
		{`{"a": "` + strings.Repeat("😀", 30) + `", "b": 1}`, 18, `{"a":"😀😀😀…,"b":1}`},
		{`{"a":[` + long + `],"b":1,"c":[` + long + `]}`, 28, `{"a":[7,7…,"b":1,"c":[7,7…}`},
	} {
		if got := JSON(test.text, test.max); got != test.want {
			t.Errorf("%.50s… is shortened to %s, want %s", test.text, got, test.want)
		}
	}
}

// TestAround: the ends of a text are marked only where something was left out, and a
// text that is not UTF-8 is shortened like any other.
func TestAround(t *testing.T) {
	for _, test := range []struct {
		text          string
		at            int
		plain, quoted string
	}{
		{"abcdefghijkl", 2, "abcdefg…", `"abcdefg"…`},
		{"abcdefghijkl", 4, "abcdefg…", `"abcdefg"…`},
		{"abcdefghijkl", 6, "…cdefgh…", `…"cdefgh"…`},
		{"abcdefghijkl", 12, "…ijkl", `…"ijkl"`},
		{"\x80\x80abc", 1, "\x80\x80abc", `"\x80\x80abc"`},
	} {
		if got := Around(test.text, test.at, 8); got != test.plain {
			t.Errorf("around byte %d of %q: %q, want %q", test.at, test.text, got, test.plain)
		}
		if got := QuoteAround(test.text, test.at, 8); got != test.quoted {
			t.Errorf("around byte %d of %q: %s, want %s", test.at, test.text, got, test.quoted)
		}
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
