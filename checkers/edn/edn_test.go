package edn

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"io"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func decode(t testing.TB, text string) any {
	t.Helper()
	v, err := NewDecoder(strings.NewReader(text)).Decode()
	if err != nil {
		t.Fatalf("decode %q: %v", text, err)
	}
	return v
}

// TestForms reads every kind of form that Jepsen writes and prints it again.
func TestForms(t *testing.T) {
	for _, test := range []struct{ text, printed string }{
		{"nil", "nil"}, {"true", "true"}, {"false", "false"},
		{"0", "0"}, {"-17", "-17"}, {"+3", "3"}, {"9223372036854775807", "9223372036854775807"}, {"12N", "12N"},
		{"9223372036854775808", "9223372036854775808N"}, {"1/3", "1/3"}, {"2/4", "1/2"},
		{"1.5", "1.5"}, {"1.0", "1.0"}, {"0.5", "0.5"}, {"1.0E-4", "1.0E-4"}, {"1.5e10", "1.5E10"}, {"##Inf", "##Inf"}, {"##-Inf", "##-Inf"}, {"##NaN", "##NaN"},
		{`"a\n\"b\" \\ é"`, `"a\n\"b\" \\ é"`}, {`"\u00e9"`, `"é"`}, {`"\ud83d\ude00"`, `"😀"`}, {`"\ud83dx"`, "\"\ufffdx\""},
		{`\a`, `\a`}, {`\newline`, `\newline`}, {`\u0041`, `\A`}, {`\(`, `\(`},
		{":ok", ":ok"}, {":net/timeout", ":net/timeout"}, {":valid?", ":valid?"}, {"foo", "foo"}, {"a/b", "a/b"}, {"...", "..."},
		{"[1 2,3]", "[1 2 3]"}, {"(1 (2) [])", "(1 (2) [])"}, {"#{1 2}", "#{1 2}"}, {"{:a 1, :b {}}", "{:a 1, :b {}}"}, {"[]", "[]"}, {"()", "()"}, {"#{}", "#{}"},
		{"#jepsen.history.Op{:index 1}", "#jepsen.history.Op{:index 1}"}, {`#inst "2026"`, `#inst "2026"`},
		{"[1\f2\r3\t4]", "[1 2 3 4]"}, {"\"a\nb\"", `"a\nb"`}, {`"\f\b\r\t\/"`, `"\f\b\r\t/"`}, {"[\\\n 1]", `[\newline 1]`},
		{"#_ 1 #_ [2 #_ 3] 4", "4"}, {"{#_ 1 :a #_ {:b 2} 3}", "{:a 3}"}, {strings.Repeat("#_ 1 ", 2*MaxDepth) + "2", "2"}, {"[" + strings.Repeat("[] #a () ", 2*MaxDepth) + "]", "[" + strings.TrimSpace(strings.Repeat("[] #a () ", 2*MaxDepth)) + "]"},
		{"; a comment\n 1", "1"}, {"#_ 5 6", "6"}, {"[1 #_ [2] 3]", "[1 3]"}, {"{:a #_ 1 2}", "{:a 2}"},
	} {
		if got := String(decode(t, test.text)); got != test.printed {
			t.Errorf("%s is printed as %s, want %s", test.text, got, test.printed)
		}
		// The same where the buffer ends after every byte.
		v, err := NewDecoder(iotest.OneByteReader(strings.NewReader(test.text))).Decode()
		if err != nil || String(v) != test.printed {
			t.Errorf("%s byte by byte is %s (%v), want %s", test.text, String(v), err, test.printed)
		}
		// A caller that lends room for the entries of a map gets the same.
		v, err = NewDecoder(strings.NewReader(test.text)).DecodeMap(make(Map, 0, 2))
		if err != nil || String(v) != test.printed {
			t.Errorf("%s with room for the entries is %s (%v), want %s", test.text, String(v), err, test.printed)
		}
	}
}

// TestDecodeMap: the entries of a top-level map, tagged or not, are stored where the caller
// says, those of maps inside of it are not.
func TestDecodeMap(t *testing.T) {
	scratch := make(Map, 0, 2)
	d := NewDecoder(strings.NewReader("#op {:a {:b 1}, :c 2} [{:d 3}] {:e 4}"))
	var all []any
	for _, want := range []string{":c", ":c", ":e"} {
		v, err := d.DecodeMap(scratch)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
		if first, last := scratch[:2][0].Key, scratch[:2][1].Key; first != Keyword(want[1:]) && last != Keyword(want[1:]) {
			t.Errorf("after %s the room holds %v and %v", String(v), first, last)
		}
	}
	if got := String(all[1]); got != "[{:d 3}]" {
		t.Errorf("a map in a vector became %s", got)
	}
	inner, _ := all[0].(Tagged).Value.(Map)
	if len(inner) != 2 || &inner[0] != &scratch[:1][0] {
		t.Error("the entries are not where the caller wants them")
	}
}

// TestReaderErrors: an error of the reader is returned as it is, wherever it occurs, and
// so is the end of the text within a form; both stay.
func TestReaderErrors(t *testing.T) {
	broken := errors.New("the disk is broken")
	for _, text := range []string{"", "  ", "[1", "{:a", "#", "#a", `"abc`, `"a\`, `\`, "; a comment", "#_ "} {
		d := NewDecoder(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)))
		for range 2 {
			if v, err := d.Decode(); err != broken && text != "[1" || text == "[1" && err != broken {
				t.Errorf("%q gives %v and %v, want %v", text, v, err, broken)
			}
		}
		if more, err := d.More(); more || err != broken {
			t.Errorf("after %q there is more: %v, %v", text, more, err)
		}
	}
	d := NewDecoder(strings.NewReader("1 ] 2 ; the end"))
	first, err := d.Decode()
	if err != nil || first != int64(1) {
		t.Fatalf("got %v, %v", first, err)
	}
	_, err = d.Decode()
	var syntax *SyntaxError
	if !errors.As(err, &syntax) {
		t.Fatalf("] gives %v", err)
	}
	if line, column := syntax.Position(); line != 1 || column != 3 {
		t.Errorf("] is at %d:%d, want 1:3", line, column)
	}
	if more, again := d.More(); more || again != err {
		t.Errorf("after an error there is more: %v, %v", more, again)
	}
	if d.EnterVector() || d.LeaveVector() {
		t.Error("after an error a vector begins or ends")
	}
	d = NewDecoder(strings.NewReader("1 ; the end"))
	if _, err := d.Decode(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Decode(); err != io.EOF {
		t.Errorf("after the last form, with a comment, %v, want EOF", err)
	}
	if _, err := NewDecoder(stuck{}).Decode(); err != io.ErrNoProgress {
		t.Errorf("a reader that returns nothing gives %v, want %v", err, io.ErrNoProgress)
	}
}

// stuck is a reader that returns neither data nor an error.
type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestErrors(t *testing.T) {
	for text, want := range map[string]string{
		"[1 2":                            "1:5: the text ends where ']' was expected",
		"{:a 1\n :b":                      "2:4: the text ends where the value of a map key was expected",
		"{:a}":                            "1:4: map key :a has no value",
		"]":                               "1:1: unexpected ']'",
		"\n\n  (1 }":                      "3:6: unexpected '}'",
		`"abc`:                            `1:5: the text ends where '"' was expected`,
		`"a\qb"`:                          `1:5: unknown escape \q`,
		`"\u12x4"`:                        `1:6: \u needs four hexadecimal digits`,
		"12ab":                            `1:5: malformed number "12ab"`,
		"1/0":                             `1:4: malformed number "1/0"`,
		":":                               `1:2: malformed keyword ":"`,
		"#":                               "1:2: the text ends where a tag was expected",
		"#foo":                            "1:5: the text ends where the value of #foo was expected",
		"##Zero":                          "1:7: unknown symbolic value ##Zero",
		`\zzz`:                            `1:5: unknown character \zzz`,
		"\"\xff\"":                        "1:2: a string that is not UTF-8",
		"\x00":                            `1:2: unexpected control character "\x00"`,
		strings.Repeat("#_ ", 1<<20):      "1:1539: discarded forms nested deeper than 512",
		"[" + strings.Repeat("#_", 1<<20): "1:1026: discarded forms nested deeper than 512",
		`"` + strings.Repeat("a", 17<<20): "1:16777219: a string longer than 16 MiB",
		strings.Repeat("1", 5000):         "1:5001: a name longer than 64 KiB, or a number longer than 4 KiB",
		strings.Repeat("a", 65<<10):       "1:65538: a name longer than 64 KiB, or a number longer than 4 KiB",
		strings.Repeat("[", 600):          "1:514: collections nested deeper than 512",
		strings.Repeat("#a ", 1000):       "1:1539: tags nested deeper than 512",
		"# 1":                             "1:2: expected a tag after #, found ' '",
		"#a":                              "1:3: the text ends where the value of #a was expected",
		"{] 1}":                           "1:2: unexpected ']'",
		"{:a ]}":                          "1:5: unexpected ']'",
		`\`:                               "1:2: the text ends where a character was expected",
		`"a\`:                             "1:4: the text ends where an escape was expected",
		"a\xff":                           `1:3: "a\xff" is not UTF-8`,
		"\"a\nb\" ]":                      `ok, then 2:4: unexpected ']'`,
		"\"a\n\\n\" ]":                    `ok, then 2:5: unexpected ']'`,
		"[\"\\n\xff\"]":                   "1:7: a string that is not UTF-8",
		"[\\\n]]":                         `ok, then 2:2: unexpected ']'`,
	} {
		d := NewDecoder(strings.NewReader(text))
		_, err := d.Decode()
		if then, ok := strings.CutPrefix(want, "ok, then "); ok && err == nil {
			want = then
			_, err = d.Decode()
		}
		if err == nil || err.Error() != want {
			t.Errorf("%.20q gives %v, want %s", text, err, want)
		}
	}
}

// genValue draws any EDN value.
func genValue() *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any { return draw(t, 3) })
}

func draw(t *rapid.T, depth int) any {
	scalars := []*rapid.Generator[any]{
		rapid.Just[any](nil),
		rapid.Bool().AsAny(),
		rapid.Int64().AsAny(),
		rapid.Float64().Filter(func(f float64) bool { return !math.IsNaN(f) }).AsAny(),
		rapid.String().AsAny(),
		rapid.Map(rapid.StringMatching(`[a-z][a-z0-9?*/-]{0,8}`), func(s string) any { return Keyword(s) }),
		rapid.Map(rapid.StringMatching(`[a-z][a-z0-9-]{0,8}`).Filter(func(s string) bool { return s != "nil" && s != "true" && s != "false" }), func(s string) any { return Symbol(s) }),
		rapid.Map(rapid.Int64(), func(n int64) any { return new(big.Int).Mul(big.NewInt(n), big.NewInt(math.MaxInt64)) }),
	}
	if depth == 0 {
		return rapid.OneOf(scalars...).Draw(t, "scalar")
	}
	seq := func() []any {
		out := []any{}
		for range rapid.IntRange(0, 4).Draw(t, "length") {
			out = append(out, draw(t, depth-1))
		}
		return out
	}
	switch rapid.IntRange(0, 6).Draw(t, "kind") {
	case 0:
		return seq()
	case 1:
		return List(seq())
	case 2:
		return Set(seq())
	case 3:
		m := Map{}
		for _, key := range seq() {
			m = append(m, Entry{key, draw(t, depth-1)})
		}
		return m
	case 4:
		return Tagged{"some.Tag", draw(t, depth-1)}
	}
	return rapid.OneOf(scalars...).Draw(t, "scalar")
}

// TestRoundTrip: what is printed, compactly or pretty, reads as the same value.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := genValue().Draw(t, "value")
		for _, text := range [][]byte{Append(nil, v), Pretty(v)} {
			got, err := NewDecoder(bytes.NewReader(text)).Decode()
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			if String(got) != String(v) {
				t.Fatalf("%s reads as %s", String(v), String(got))
			}
			if !Equal(got, v) {
				t.Fatalf("%s is not equal to itself", text)
			}
		}
	})
}

func TestEqual(t *testing.T) {
	for _, pair := range [][2]string{{"[1 2]", "(1 2)"}, {"#{1 2}", "#{2 1}"}, {"{:a 1 :b 2}", "{:b 2, :a 1}"}} {
		if !Equal(decode(t, pair[0]), decode(t, pair[1])) {
			t.Errorf("%s and %s are not equal", pair[0], pair[1])
		}
	}
	for _, pair := range [][2]string{{"[1 2]", "[2 1]"}, {"1", "1.0"}, {":a", `"a"`}, {"nil", "false"}} {
		if Equal(decode(t, pair[0]), decode(t, pair[1])) {
			t.Errorf("%s and %s are equal", pair[0], pair[1])
		}
	}
}

// TestCompare has values in their order: nil, booleans, numbers by size, strings, keywords,
// symbols, everything else by its text.
func TestCompare(t *testing.T) {
	ordered := []any{
		nil, false, true, new(big.Int).Neg(new(big.Int).Lsh(big.NewInt(1), 70)), math.Inf(-1), -2.5, int64(-2), big.NewRat(-1, 2), int64(0), float32(0.5), 1, 1.5, int64(1) << 53, int64(1)<<53 + 1,
		new(big.Int).Lsh(big.NewInt(1), 70), "", "a", "b", Keyword("a"), Keyword("b"), Symbol("a"), Symbol("b"), Set{int64(1)}, List{int64(1)}, []any{int64(1)}, []any{int64(2)}, Map{},
	}
	ordered[3], ordered[4] = ordered[4], ordered[3] // -∞ is below all integers
	for i, a := range ordered {
		for j, b := range ordered {
			if got := cmp.Compare(Compare(a, b), 0); got != cmp.Compare(i, j) {
				t.Errorf("%s compared with %s is %d, want %d", String(a), String(b), got, cmp.Compare(i, j))
			}
		}
	}
	shuffled := slices.Clone(ordered)
	slices.Reverse(shuffled)
	if Sort(shuffled); String(shuffled) != String(ordered) {
		t.Errorf("the order is %s", String(shuffled))
	}
}

// TestKeywordValid: a keyword that is valid is read again as it was written, and another
// one is not.
func TestKeywordValid(t *testing.T) {
	for k, want := range map[Keyword]bool{
		"ok": true, "valid?": true, "net/timeout": true, "é": true, "1": true, "a:b": true, Keyword(strings.Repeat("a", MaxName-1)): true,
		"": false, ":a": false, "a b": false, "a,b": false, "a)": false, `a"`: false, "a\x00": false, "a\x1f": false, "\xff": false, Keyword(strings.Repeat("a", MaxName)): false,
	} {
		if k.Valid() != want {
			t.Errorf("%.20q is valid: %v, want %v", k, k.Valid(), want)
		}
		if v, err := NewDecoder(strings.NewReader(String(k))).Decode(); k != "a\x1f" && k != "a\x00" && (err == nil && v == k) != want {
			t.Errorf("%.20q is read as %.20v, %v", k, v, err)
		}
	}
}

// TestSize: the estimate while decoding and that of the values are of one size, and grow
// with what is there.
func TestSize(t *testing.T) {
	long := `"` + strings.Repeat("x", 1000) + `"`
	for _, text := range []string{"[1 nil true]", "(1 2)", "#{1 2}", "{:a [1 2], :b {}}", `#op {:a 1}`, "[" + strings.Repeat("100000 ", 1000) + "]", long, "[" + long + long + "]", "[1.5 :a \\a 12N]"} {
		d := NewDecoder(strings.NewReader(text))
		v, err := d.Decode()
		if err != nil {
			t.Fatal(err)
		}
		if decoded, size := d.Memory(), Size(v); decoded > 3*size || 3*(decoded+100) < size {
			t.Errorf("%.20s… takes %d bytes by the decoder's estimate and %d by that of its value", text, decoded, size)
		}
	}
	for small, large := range map[string]string{"[]": "[nil]", "[1]": "[100 200]", `"a"`: long, "{}": "{:a 1}", "#a 1": "#a [1 2]", "#{}": "#{1}", "()": "(1)", "nil": "1"} {
		if a, b := Size(decode(t, small)), Size(decode(t, large)); a >= b || a <= 0 {
			t.Errorf("%s takes %d bytes, %.20s %d", small, a, large, b)
		}
	}
}

func TestMarshal(t *testing.T) {
	type inner struct {
		Valid bool `json:"valid?"`
	}
	v := Marshal(struct {
		Count  int            `json:"ok-count"`
		Items  []inner        `json:"items"`
		Empty  []int          `json:"empty,omitempty"`
		ByName map[string]int `json:"by-name"`
		inner
		Skip int `json:"-"`
	}{3, []inner{{true}}, nil, map[string]int{"b": 2, "a": 1}, inner{}, 9})
	if got, want := String(v), `{:ok-count 3, :items ({:valid? true}), :by-name {"a" 1, "b" 2}}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := string(ToJSON(v)), `{"ok-count":3,"items":[{"valid?":true}],"by-name":{"a":1,"b":2}}`; got != want {
		t.Errorf("as JSON it is %s, want %s", got, want)
	}
	var none *big.Int
	var nobody *person
	for _, test := range []struct {
		v         any
		edn, json string
	}{
		{nobody, "nil", "null"},
		{&person{"n"}, ":n", `"n"`},
		{person{"n"}, ":n", `"n"`},
		{(*int)(nil), "nil", "null"},
		{[]uint64{7, math.MaxInt64, math.MaxUint64}, "(7 9223372036854775807 18446744073709551615N)", "[7,9223372036854775807,18446744073709551615]"},
		{[2]float32{0.1, 2}, "(0.1 2.0)", "[0.1,2.0]"},
		{struct {
			Named inner `json:"named"`
			*inner
			Alone bool `json:"alone,omitempty"`
		}{Named: inner{true}}, "{:named {:valid? true}}", ""},
		{struct{ Embedded }{Embedded{inner{true}}}, "{:in {:valid? true}}", ""},
		{struct {
			Embedded `json:"as"`
		}{Embedded{inner{true}}}, "{:as {:in {:valid? true}}}", ""},
		{struct{ Plain }{"x"}, "{}", ""},
		{[]any{Keyword("a"), Symbol("b"), Char('c'), big.NewRat(1, 3), Tagged{"t", "d"}, Set{}, List{int64(1)}}, "", `["a","b","c","1/3","d",[],[1]]`},
		{[]any{math.Inf(1), math.NaN(), 1e300, int64(-7), 1, none == nil}, "[##Inf ##NaN 1.0E300 -7 1 true]", `["+Inf","NaN",1.0E300,-7,1,true]`},
		{Map{{int64(1), nil}, {[]any{"a"}, false}}, `{1 nil, ["a"] false}`, `{"1":null,"[\"a\"]":false}`},
	} {
		if got := String(Marshal(test.v)); test.edn != "" && got != test.edn {
			t.Errorf("%#v is marshalled as %s, want %s", test.v, got, test.edn)
		}
		if got := string(ToJSON(Marshal(test.v))); test.json != "" && got != test.json {
			t.Errorf("%#v as JSON is %s, want %s", test.v, got, test.json)
		}
	}
}

// person has an EDN form of its own.
type person struct{ name string }

func (p person) MarshalEDN() any { return Keyword(p.name) }

// Embedded and Plain are embedded in structs.
type (
	Embedded struct {
		In any `json:"in"`
	}
	Plain string
)

// FuzzDecode: what is read can be written and read again; it takes no more memory
// than is allowed; and an error names a place in the text.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"{:index 0, :time 12, :type :invoke, :process :nemesis, :f :read, :value [1 #{2} (3) \"a\\n\"]}", "#a #b \\c ##Inf 1/2 12N", "#_ x ; y\n1", "#_#_ 1 2 3", `"\ud83d\ude00"`, `\newline \u0041`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := NewDecoder(bytes.NewReader(text))
		d.maxMemory = 1 << 20
		for {
			before := d.Memory()
			v, err := d.Decode()
			if used := d.Memory() - before; used > d.maxMemory+MaxString {
				t.Fatalf("%d bytes of memory", used)
			}
			if err == io.EOF {
				return
			}
			if err != nil {
				checkPlace(t, text, err)
				if _, again := d.Decode(); again != err {
					t.Fatalf("after %v, the next value gives %v", err, again)
				}
				return
			}
			printed := Append(nil, v)
			again, err := NewDecoder(bytes.NewReader(printed)).Decode()
			if err != nil || String(again) != string(printed) {
				t.Fatalf("%q reads as %s, which reads as %s (%v)", text, printed, String(again), err)
			}
			if Canonical(again) != Canonical(v) {
				t.Fatalf("%s is not equal to itself", printed)
			}
			if short := Brief(v, 20); utf8.ValidString(string(printed)) && utf8.RuneCountInString(short) > 20 {
				t.Fatalf("%s has more than 20 runes", short)
			}
			if _, err := FromJSON(ToJSON(v)); err != nil {
				t.Fatalf("%s is %s as JSON: %v", printed, ToJSON(v), err)
			}
		}
	})
}

func checkPlace(t interface {
	Helper()
	Fatalf(string, ...any)
}, text []byte, err error) {
	t.Helper()
	e, ok := err.(*SyntaxError)
	if !ok {
		t.Fatalf("%T: %v", err, err)
	}
	lines := bytes.Split(text, []byte{'\n'})
	if e.Line < 1 || e.Line > len(lines) || e.Column < 1 || e.Column > len(lines[e.Line-1])+2 {
		t.Fatalf("%q has no such place: %v", text, err)
	}
}

// FuzzFromJSON: what is read is the same when it is written and read again, and
// encoding/json agrees on what is JSON.
func FuzzFromJSON(f *testing.F) {
	for _, seed := range []string{`{"type": "ok", "value": [1, 2.5, null, true, "x"]}`, "[1e3, -0, 123456789012345678901234567890]", "[[[]]]", `{"a": 1,}`, "\"\\ud800\""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := FromJSON(text)
		if err != nil {
			checkPlace(t, text, err)
			return
		}
		if !json.Valid(text) {
			t.Fatalf("%q is not JSON, but reads as %s", text, String(v))
		}
		again, err := FromJSON(ToJSON(v))
		if err != nil || String(again) != String(v) {
			t.Fatalf("%q reads as %s, but once written as %s (%v)", text, String(v), String(again), err)
		}
	})
}

// TestFromJSONAgrees: encoding/json reads the same values, and refuses what
// FromJSON refuses.
func TestFromJSONAgrees(t *testing.T) {
	token := rapid.SampledFrom([]string{"{", "}", "[", "]", ",", ":", " ", "\n", "true", "false", "null", "nul", "0", "-1", "12.5e-3", "1E", "01", `"a"`, `"\u00e9\n"`, `"\ud83d\ude00"`, `"\ud800x"`, `"é"`, `"\x"`, `"`, `\`})
	rapid.Check(t, func(t *rapid.T) {
		var text []byte
		if rapid.Bool().Draw(t, "valid") {
			text = rapid.Custom(jsonText).Draw(t, "text")
		} else {
			text = []byte(strings.Join(rapid.SliceOfN(token, 0, 12).Draw(t, "tokens"), ""))
		}
		v, err := FromJSON(text)
		if valid := json.Valid(text); valid != (err == nil) {
			t.Fatalf("%q gives %v; for encoding/json its validity is %v", text, err, valid)
		}
		if err != nil {
			checkPlace(t, text, err)
			return
		}
		var want, got any
		if err := json.Unmarshal(text, &want); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(ToJSON(v), &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q reads as %s (%v)", text, String(v), err)
		}
	})
}

// jsonText draws a JSON text of some depth.
func jsonText(t *rapid.T) []byte {
	var draw func(depth int) any
	draw = func(depth int) any {
		switch rapid.IntRange(0, 5+depth).Draw(t, "kind") {
		case 0:
			return nil
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return rapid.Int64().Draw(t, "int")
		case 3:
			return rapid.Float64Range(-1e9, 1e9).Draw(t, "float")
		case 4, 5:
			return rapid.String().Draw(t, "string")
		case 6:
			m := map[string]any{}
			for range rapid.IntRange(0, 3).Draw(t, "fields") {
				m[rapid.String().Draw(t, "name")] = draw(depth - 1)
			}
			return m
		}
		seq := []any{}
		for range rapid.IntRange(0, 3).Draw(t, "elements") {
			seq = append(seq, draw(depth-1))
		}
		return seq
	}
	text, err := json.Marshal(draw(3))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func BenchmarkFromJSON(b *testing.B) {
	line := append([]byte(`{"type": "read_ok", "in_reply_to": 825, "messages": [0`), bytes.Repeat([]byte(",123"), 500)...)
	line = append(line, "]}"...)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromJSON(line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	line := []byte(`{:index 825, :time 22132448490, :type :ok, :process 2, :f :read, :value [0 1 2 4 5 6 8 10 11 12 13 14 15 16 17 19 20 21 22 24 25 26 27 28 29 30 31 32 34 35]}` + "\n")
	text := bytes.Repeat(line, 10_000)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		d := NewDecoder(bytes.NewReader(text))
		for {
			if _, err := d.Decode(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

// TestBrief: a value is printed no further than it is shown.
func TestBrief(t *testing.T) {
	long := make([]any, 1<<20)
	if got, want := Brief(Map{{Keyword("value"), long}}, 20), "{:value [nil nil ni…"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := Brief(strings.Repeat("é", 1<<20), 5), `"ééé…`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if n := testing.AllocsPerRun(10, func() { Brief(long, 20) }); n > 10 {
		t.Errorf("%v allocations for 20 runes", n)
	}
}

// TestErrorsAreShort: an error quotes the beginning of what is wrong.
func TestErrorsAreShort(t *testing.T) {
	long := strings.Repeat("9", 1<<20-1)
	for _, text := range []string{long + "x", "##" + long, `\` + long, ":" + long[:1<<19] + "\xff", "{" + long + "}", "#a" + long} {
		if _, err := NewDecoder(strings.NewReader(text)).Decode(); err == nil || len(err.Error()) > 300 {
			t.Errorf("%.20q… gives %.400v", text, err)
		}
	}
}

// TestMemory: a form is read within a bounded amount of memory, however little text
// its values need.
func TestMemory(t *testing.T) {
	for _, element := range []string{"\n", "[]", "{}", "#{}", "()", "#a[]", "1", `"a long string that is not interned, however often"`} {
		for _, test := range []struct {
			memory, form int64
			want         string
		}{{1 << 20, MaxForm, "a form whose values take more than 1 MiB"}, {MaxMemory, 1 << 20, "a form larger than 1 MiB"}} {
			d := NewDecoder(io.MultiReader(strings.NewReader("["), &repeat{text: element + " 1 "}))
			d.maxMemory, d.maxForm = test.memory, test.form
			if _, err := d.Decode(); err == nil || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("endless %s gives %v, want %s", element, err, test.want)
			}
			if test.memory == 1<<20 && d.Memory() > 5<<18 {
				t.Errorf("endless %s takes %d KiB, the limit is 1024", element, d.Memory()>>10)
			}
		}
	}
	// They are limits of one form, not of all together.
	form := "[" + strings.Repeat("[]", 20_000) + "]"
	d := NewDecoder(strings.NewReader(strings.Repeat(form, 10)))
	d.maxMemory, d.maxForm = 2<<20, 100_000
	for range 10 {
		if _, err := d.Decode(); err != nil {
			t.Fatalf("forms that are small enough: %v", err)
		}
	}
}

// repeat is an endless text.
type repeat struct {
	text string
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.text[r.at]
		r.at = (r.at + 1) % len(r.text)
	}
	return len(p), nil
}

func TestVector(t *testing.T) {
	d := NewDecoder(strings.NewReader(" [1 2] 3"))
	if !d.EnterVector() {
		t.Fatal("the vector is not entered")
	}
	var got []any
	for !d.LeaveVector() {
		v, err := d.Decode()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, v)
	}
	v, err := d.Decode()
	if err != nil || String(got) != "[1 2]" || v != int64(3) || d.EnterVector() {
		t.Errorf("got %v, then %v, %v", got, v, err)
	}
}

func TestFromJSONErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                  "1:1: the JSON text ends too early",
		"{\n  \"a\": [1, }": "2:12: found '}' where JSON does not allow it",
		"{\"a\" 1}":         "1:6: found '1' where JSON does not allow it",
		"[1 2]":             "1:4: found '2' where JSON does not allow it",
		"[tru]":             "1:5: found ']' where JSON does not allow it",
		"[\"a\nb\"]":        "1:4: found '\\n' where JSON does not allow it",
		"[é]":               "1:2: found 'é' where JSON does not allow it",
		"]":                 "1:1: found ']' where JSON does not allow it",
		"1 2":               "1:2: more text after the JSON value",
		"\"a\xffb\"":        "1:3: text that is not UTF-8",
		"1e999":             "1:6: a number out of range: 1e999",
		`{"a\q": 1}`:        "1:5: found 'q' where JSON does not allow it",
		`"` + strings.Repeat("a", MaxString+1) + `"`: "1:16777220: a string longer than 16 MiB",
		"[01]":                    "1:3: found '1' where JSON does not allow it",
		"-x":                      "1:2: found 'x' where JSON does not allow it",
		"[1.]":                    "1:4: found ']' where JSON does not allow it",
		"[1e+]":                   "1:5: found ']' where JSON does not allow it",
		"{1: 2}":                  "1:2: found '1' where JSON does not allow it",
		"{\"a\": 1 \"b\"}":        "1:9: found '\"' where JSON does not allow it",
		"\"abc":                   "1:5: the JSON text ends too early",
		"\"a\\q\"":                "1:4: found 'q' where JSON does not allow it",
		"\"\\u12\x13\x14\"":       "1:6: found '\\x13' where JSON does not allow it",
		strings.Repeat("[", 1000): "1:514: arrays and objects nested deeper than 512",
	} {
		_, err := FromJSON([]byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%.40q gives %v, want %s", text, err, want)
		}
	}
}
