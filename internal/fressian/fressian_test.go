package fressian

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"glomers/checkers/edn"
)

// TestDecode reads values whose bytes were taken from the format's description.
func TestDecode(t *testing.T) {
	for bytes, want := range map[string]string{
		"\xf7": "nil", "\xf5": "true", "\xf6": "false", "\xfb": "0.0", "\xfc": "1.0", "\xff": "-1", "\x00": "0", "\x3f": "63",
		"\x50\x40": "64", "\x4f\xff": "-1", "\x40\x00": "-4096", "\x5f\xff": "4095", "\x68\x10\x00": "4096", "\x67\xff\xff": "-1",
		"\x72\x01\x00\x00": "65536", "\x76\x80\x00\x00\x00": "2147483648", "\x7b\x9d\xf9\xef\x19\xe5": "1778014689765",
		"\x7e\x01\x00\x00\x00\x00\x00": "1099511627776", "\xf8\x80\x00\x00\x00\x00\x00\x00\x00": "-9223372036854775808",
		"\xfa\x40\x24\x00\x00\x00\x00\x00\x00": "10.0", "\xf9\x3f\x80\x00\x00": "1.0",
		"\xdb5": `"5"`, "\xe3\x0512345": `"12345"`, "\xe4": "[]", "\xe6\x01\x02": "[1 2]", "\xec\x02\x01\x02": "[1 2]", "\xed\x01\x02\xfd": "[1 2]", "\xee\x01": "[1]",
		"\xca\xf7\xdba": ":a", "\xca\xdba\xdbb": ":a/b", "\xc9\xf7\xdba": "a", "\xc0\xe6\xdba\x01": `{"a" 1}`, "\xc1\xe6\x01\x02": "#{1 2}",
		"\xe6\xcd\xdba\x80":                `["a" "a"]`,
		"\xe6\xef\xdbt\x01\x07\xa0\x08":    "[#t [7] #t [8]]",
		"\xc6\xd1\xff":                     "-1N",
		"\xe3\x06\xed\xa0\xbd\xed\xb8\x80": `"😀"`,
	} {
		v, err := NewDecoder(strings.NewReader(bytes)).Decode()
		if err != nil || edn.String(v) != want {
			t.Errorf("%x is %s (%v), want %s", bytes, edn.String(v), err, want)
		}
	}
}

func TestErrors(t *testing.T) {
	for bytes, want := range map[string]string{
		"\xe6\x01":    "byte 2: unexpected EOF",
		"\xe3\x3fabc": "byte 5: unexpected EOF",
		"\xe3\xf8\x7f\xff\xff\xff\xff\xff\xff\xff": "byte 10: a string longer than 16 MiB",
		"\xec\xf8\x7f\xff\xff\xff\xff\xff\xff\xff": "unexpected EOF",
		"\x85":                        "byte 1: a reference to value 5",
		"\xa1":                        "byte 1: a reference to struct 1",
		"\xcd\xe5\x80":                "byte 3: a reference to value 0",
		"\xfd":                        "byte 1: expected a value",
		"\xe5\xfd":                    "byte 2: expected a value, found the end of a list",
		"\xc0\xe5\x01":                "expected the keys and values of a map",
		"\xe3\xff":                    "expected a count, found -1",
		"\xbf":                        "byte 1: unknown code 0xbf",
		strings.Repeat("\xe5", 1<<20): "values nested deeper than 512",
	} {
		_, err := NewDecoder(strings.NewReader(bytes)).Decode()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20x gives %v, want %s", bytes, err, want)
		}
	}
	if _, err := NewDecoder(strings.NewReader("")).Decode(); err != io.EOF {
		t.Errorf("an empty text gives %v, want EOF", err)
	}
}

// TestRecorded reads the events that the real Maelstrom wrote.
func TestRecorded(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/stores/broadcast/3b/net-journal/*.fressian")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no recorded journals: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		d := NewDecoder(bytes.NewReader(text))
		for {
			v, err := d.Decode()
			if err == io.EOF {
				break
			}
			if ev, ok := v.(edn.Tagged); err != nil || !ok || ev.Tag != "ev" {
				t.Fatalf("%s: %v, %s", path, err, edn.Brief(v, 100))
			}
		}
		if d.Offset() != int64(len(text)) {
			t.Errorf("%s: %d of %d bytes were read", path, d.Offset(), len(text))
		}
	}
}

// FuzzDecode: whatever the bytes, reading them ends, within the memory that is
// allowed; what is cut off is noticed; and reading the same again gives the same.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{"\xe6\xef\xdbt\x01\x07\xa0\x08", "\xc0\xe6\xcd\xdba\x80", "\xed\x01\xfd", "\xee\xfa\x40\x24\x00\x00\x00\x00\x00\x00"} {
		f.Add([]byte(seed))
	}
	if text, err := os.ReadFile("../../testdata/stores/broadcast/3b/net-journal/0.fressian"); err == nil {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		d := NewDecoder(bytes.NewReader(text))
		again := NewDecoder(bytes.NewReader(text))
		for {
			before := d.Offset()
			v, err := d.Decode()
			if d.memory > MaxMemory+1<<10 || d.Offset() > int64(len(text)) {
				t.Fatalf("%d bytes of memory, %d bytes read of %d", d.memory, d.Offset(), len(text))
			}
			if err == io.EOF && d.Offset() != int64(len(text)) {
				t.Fatalf("the end is reported after byte %d of %d", d.Offset(), len(text))
			}
			same, sameErr := again.Decode()
			if (err == nil) != (sameErr == nil) || edn.Brief(v, 1000) != edn.Brief(same, 1000) {
				t.Fatalf("%v, %v the first time, %v, %v the second", v, err, same, sameErr)
			}
			if err != nil {
				if err != io.EOF && !errors.Is(err, io.ErrUnexpectedEOF) && !strings.HasPrefix(err.Error(), "byte ") {
					t.Fatalf("the error names no place: %v", err)
				}
				return
			}
			if d.Offset() == before {
				t.Fatal("a value of no bytes")
			}
		}
	})
}
