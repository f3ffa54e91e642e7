package journal

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParse(t *testing.T) {
	m, err := Parse([]byte(` {"id": 7, "dest": "n2", "body": {"type": "x", "n": [1]}, "src": "n\u0031"} `))
	if err != nil || m.Src != "n1" || m.Dest != "n2" || string(m.Body) != `{"type": "x", "n": [1]}` {
		t.Errorf("got %+v, %v", m, err)
	}
	m.ID = 3
	if got, want := m.String(), `{"id":3,"src":"n1","dest":"n2","body":{"type": "x", "n": [1]}}`; got != want {
		t.Errorf("a node reads %s, want %s", got, want)
	}
}

func TestParseErrors(t *testing.T) {
	for line, want := range map[string]string{
		"hello":        `it is not JSON: byte 1 is 'h', expected a value`,
		"":             `it is not JSON: it ends after 0 bytes, expected a JSON object`,
		"3":            `it is 3, expected a JSON object`,
		`["a"]`:        `it is an array, expected a JSON object`,
		`{"src": "a"`:  `it is not JSON: it ends after 11 bytes, expected a comma or }`,
		`{'src': 'a'}`: `it is not JSON: byte 2 is '\'', expected a name in double quotes`,
		`{"src": "a", "dest": "b", "body": {"type": "x", "v": NaN}}`:  "NaN or Infinity, which JSON does not have",
		`{"src": "a", "dest": "b", "body": {"type": "x", "v": None}}`: "a value of Python, expected true, false or null",
		`{"src": "a", "dest": "b", "body": {"type": "x",}}`:           `byte 48 is '}', expected a name in double quotes`,
		`{"src": "a", "dest": "b", "body": {}}{}`:                     "one line holds one message",
		`{"src": 1, "dest": "b", "body": {}}`:                         `its "src" is 1, expected a string`,
		`{"src": "a", "dest": null, "body": {}}`:                      `its "dest" is null, expected a string`,
		`{"dest": "b", "body": {}}`:                                   `it has no "src"`,
		`{"src": "a", "body": {}}`:                                    `it has no "dest"`,
		`{"src": "a", "dest": "b"}`:                                   `it has no "body"`,
		`{"src":"a","dest":"b","body":[]}`:                            `its "body" is an array, expected an object`,
		`{"src":"a","dest":"b","body":null}`:                          `its "body" is null, expected an object`,
		`{"src":"a","dest":"b","body":{},"id":null}`:                  `its "id" is null, expected an integer`,
		`{"src":"a","dest":"b","body":{},"id":1.0}`:                   `its "id" is 1.0, expected an integer`,
		`{"src":"a","dest":"b","body":{},"time":1}`:                   `it has the field "time", expected only`,
		`{"Src":"a","DEST":"b","BODY":{"Type":"x"}}`:                  "it has the field \"Src\", expected \"src\": names are matched exactly (in Go, give the struct field the tag `json:\"src\"`)",
		`{"src":"a","Dest":"b","body":{}}`:                            `it has the field "Dest", expected "dest"`,
		"{\"src\":\"\xff\",\"dest\":\"b\"}":                           "it is not UTF-8",
		"{\"src\":\"a\tb\"}":                                          "expected no control character",
		"{\"src\":\"\\u12\x133\"}":                                    "four hexadecimal digits",
	} {
		_, err := Parse([]byte(line))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want %s", line, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "Go value") || strings.Contains(err.Error(), "invalid character")) {
			t.Errorf("%s gives an error in the words of encoding/json: %v", line, err)
		}
	}
}

// compareScanner: the scanner accepts what encoding/json accepts.
func compareScanner(t *testing.T, text []byte) {
	t.Helper()
	s := scanner{text: text}
	s.space()
	err := s.value(0)
	s.space()
	if valid := err == nil && s.at == len(text); valid != json.Valid(text) {
		t.Fatalf("%q: the scanner says %v at %d, encoding/json says valid %v", text, err, s.at, json.Valid(text))
	}
}

// TestScanner compares the scanner with encoding/json on texts with one byte more, less
// or other than in a valid one.
func TestScanner(t *testing.T) {
	bytes := []byte(" \t\r\n\v{}[]:,\"\\/'019-+.eEaAfFgGubnrtls\x00\x1f\x7f")
	for _, text := range []string{
		`{"a":1,"b":[]}`, ` [ 1 , { } , "" ] `, `[-0,10.50,2E5,3e-7,4E+8]`, `"\u00e9\b\f\n\r\t\"\\\/ é"`, `[true,false,null]`, `{"a":{"b":[[0]]}}`, `"\uABCD\uabcf"`, `-12`,
	} {
		compareScanner(t, []byte(text))
		for i := range len(text) + 1 {
			if i < len(text) {
				compareScanner(t, []byte(text[:i]+text[i+1:]))
			}
			for _, b := range bytes {
				compareScanner(t, []byte(text[:i]+string(b)+text[i:]))
				if i < len(text) {
					compareScanner(t, []byte(text[:i]+string(b)+text[i+1:]))
				}
			}
		}
	}
	for _, nest := range [][2]string{{"[", "]"}, {`{"a":`, "}"}} {
		for depth, want := range map[int]bool{maxDepth + 1: true, maxDepth + 2: false} {
			text := strings.Repeat(nest[0], depth-1) + "0" + strings.Repeat(nest[1], depth-1)
			s := scanner{text: []byte(text)}
			if err := s.value(0); (err == nil) != want {
				t.Errorf("%d times %s around a value: %v", depth-1, nest[0], err)
			}
		}
	}
}

// FuzzParse compares the scanner with encoding/json: both accept the same texts.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"src":"n1","dest":"c1","body":{"type":"x","msgs":{"8":[[0,1.5e-3]],"9":null}}}`, `{}`, `{"a":[1,-0,2E5,"\ud800\n"]} `, `[`, `01`, "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) || len(text) > 1000 { // encoding/json replaces other bytes, and nests deeper
			return
		}
		compareScanner(t, text)
		_, _ = Parse(text) // does not panic
	})
}
