package history

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"glomers/checkers/edn"
)

const sample = `{:index 0, :time 98382396, :type :info, :process :nemesis, :f :start-partition, :value :one}
{:index 1, :time 118430506, :type :invoke, :process 1, :f :broadcast, :value 0}
{:index 2, :time 136167335, :type :ok, :process 1, :f :broadcast, :value 0}
{:index 3, :time 140000000, :type :invoke, :process 0, :f :read, :value nil, :final? true, :poll-ms 1000}
{:index 4, :time 150000000, :type :fail, :process 0, :f :read, :value nil, :final? true, :poll-ms 1000, :error [:crash "x"]}
`

// TestRead: plain, compressed, tagged, in a vector: the operations are the same,
// and written again they are the same text.
func TestRead(t *testing.T) {
	for name, text := range map[string]string{
		"plain":     sample,
		"gzip":      compressed(sample),
		"tagged":    strings.ReplaceAll(sample, "{:index", "#jepsen.history.Op{:index"),
		"in vector": "[" + sample + "]",
	} {
		ops, err := Read(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var out strings.Builder
		for _, op := range ops {
			out.WriteString(edn.String(op.MarshalEDN()) + "\n")
		}
		if out.String() != sample {
			t.Errorf("%s is written again as\n%s", name, out.String())
		}
	}
}

func TestText(t *testing.T) {
	ops, err := Read(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := ops[4].Text(), "0\t:fail\t:read\tnil\t[:crash \"x\"]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := ops[0].Text(), ":nemesis\t:info\t:start-partition\t:one"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := ops[0].String(), "0.098s nemesis info start-partition :one"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := ops[4].String(), "0.150s process 0 fail read nil"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPairing(t *testing.T) {
	ops, err := Read(strings.NewReader(sample))
	if err != nil {
		t.Fatal(err)
	}
	h, err := New(ops)
	if err != nil {
		t.Fatal(err)
	}
	if h.Completion(&h.Ops[1]) != &h.Ops[2] || h.Invocation(&h.Ops[4]) != &h.Ops[3] || h.Invocation(&h.Ops[0]) != nil {
		t.Error("invocations and completions are paired wrongly")
	}
	for text, want := range map[string]string{
		"{:type :ok, :process 1, :f :read}":                                                                  "completes an operation that it never invoked",
		"{:type :invoke, :process 1, :f :read} {:type :invoke, :process 1, :f :read}":                        "invokes an operation while its operation 0 is in flight",
		"{:type :invoke, :process 1, :f :read} {:type :ok, :process 1, :f :write}":                           "invoked read at operation 0 but completes write",
		"{:type :invoke, :process 1, :f :a} {:type :ok, :process 1, :f :a} {:type :fail, :process 1, :f :a}": "never invoked",
	} {
		ops, err := Read(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(ops); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want %s", text, err, want)
		}
	}
	ops, err = Read(strings.NewReader("{:type :info, :process :nemesis, :f :x}\n {:type :ok, :process 1, :f :read}"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := New(ops); err == nil || !strings.HasPrefix(err.Error(), "2:2: operation 1 (") {
		t.Errorf("the error is %v, expected it to begin with the place of the operation", err)
	}
}

// TestStrictOnly: the official checks leave out what strict mode adds to a test, and
// nothing else.
func TestStrictOnly(t *testing.T) {
	for want, ops := range map[bool][]Op{
		true:  {{F: CommittedOffsets}, {F: "txn", Final: true}},
		false: {{F: "txn"}, {F: "read", Final: true}, {F: "poll"}},
	} {
		for _, op := range ops {
			if op.StrictOnly() != want {
				t.Errorf("%s (final: %v) is of strict mode only: %v, want %v", op.F, op.Final, !want, want)
			}
		}
	}
}

func TestReadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "1:1: the history is empty",
		"[]":                                   "1:3: the history is empty",
		"{:type :invoke}":                      "1:1: not an operation: it needs :type, :process and :f: {:type :invoke}",
		"\n {:type :maybe, :process 0, :f :x}": "2:2: :type is :maybe, expected :invoke, :ok, :fail or :info",
		"{:type :ok, :process -3, :f :x}":      "1:1: :process is -3, expected a number from 0 or :nemesis",
		"{:type :ok, :process :nemo, :f :x}":   "1:1: :process is :nemo, expected a number from 0 or :nemesis",
		"{:type :ok, :process 0, :f 3}":        "1:1: :f is 3, expected a keyword",
		"{:type :ok, :type :fail, :process 0, :f :x}":                           "1:1: the operation has more than one :type: {",
		"{:type :ok, :process 0, :f :x, :final? 1}":                             "1:1: :final? is 1, expected true or false",
		"{:type :ok, :process 0, :f :x, :time :now}":                            "1:1: :time is :now, expected nanoseconds",
		"[{:type :ok, :process 0, :f :x}":                                       "1:32: the text ends inside the vector",
		"{:type :ok, :process 0, :f :x}\n3":                                     "2:1: expected a map with an operation, found 3",
		`{"type": "ok", "process": 0}`:                                          "1:1: not an operation",
		`{"type": "ok", "process": 0, "f": ""}`:                                 `1:1: :f is :, expected a keyword`,
		`{"type": "ok", "process": 0, "f": "x"} 7`:                              "1:39: more text after the JSON value",
		"{\"type\": \"ok\", \"process\": 0, \"f\": \"x\"}\n {\"type\"":          "2:9: the JSON text ends too early",
		"{\"type\": \"ok\", \"process\": 0, \"f\": \"x\", \"value\": \"\xff\"}": "1:50: text that is not UTF-8",
		`{"type": "ok", "process": 0, "f": "x", "value": [1, 2,, 3]}`:           "1:55: found ',' where JSON does not allow it",
		`[{"type": "ok", "process": 0, "f": "x"}]`:                              "1:1: expected a line with one object",
		"\x1f\x8bgarbage":       "1:1: damaged gzip header",
		compressed(sample)[:60]: "1:5: the compressed text ends too early",
		"\x28\xb5\x2f\xfd....":  "1:1: the history is compressed with zstd",
		"{":                     "1:2: the text ends where '}' was expected",
		`{"a`:                   "1:4: the text ends where",
		"{:type :ok, :process 4294967296, :f :x}": "1:1: :process is 4294967296, expected a number from 0 or :nemesis",
	} {
		_, err := Read(strings.NewReader(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q gives %v, want %s", text, err, want)
			continue
		}
		var placed interface{ Position() (int, int) }
		if !errors.As(err, &placed) {
			t.Errorf("the error for %q has no place: %v", text, err)
		}
	}
}

func compressed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
}

// TestErrorsInFile: all errors about the contents of a file have one form.
func TestErrorsInFile(t *testing.T) {
	for text, want := range map[string]string{
		"{:type :ok}": ":1:1: not an operation",
		"\n]":         ":2:1: unexpected ']'",
		"{:type :invoke, :process 1, :f :read}\n {:type :ok, :process 2, :f :read}": ":2:2: operation 1 (0.000s process 2 ok read nil): the process completes",
	} {
		path := filepath.Join(t.TempDir(), "history.edn")
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadFile(path); err == nil || !strings.HasPrefix(err.Error(), path+want) {
			t.Errorf("%q gives %v, want FILE%s", text, err, want)
		}
	}
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.edn")
	for name, want := range map[string]string{
		missing: "open " + missing + ": no such file or directory",
		dir:     "read " + dir + ": is a directory",
	} {
		if _, err := ReadFile(name); err == nil || err.Error() != want {
			t.Errorf("%s gives %v, want %s", name, err, want)
		}
	}
	for _, test := range []struct {
		err  error
		want string
	}{
		{errors.New("it is empty"), "h.edn: it is empty"},
		{&PairingError{Op{Index: 4, F: "read"}, "it does not fit"}, "h.edn: operation 4 (0.000s process 0 invoke read nil): it does not fit"},
		{&fs.PathError{Op: "open", Path: "other.edn", Err: fs.ErrNotExist}, "h.edn: open other.edn: file does not exist"},
		{&PlaceError{3, 7, io.ErrUnexpectedEOF}, "h.edn:3:7: unexpected EOF"},
	} {
		got := InFile("h.edn", test.err)
		if got.Error() != test.want || !errors.Is(got, test.err) {
			t.Errorf("%v is reported as %v, want %s", test.err, got, test.want)
		}
	}
	if err := error(&PlaceError{1, 1, gzip.ErrHeader}); !errors.Is(err, gzip.ErrHeader) {
		t.Errorf("%v hides its cause", err)
	}
	op := Op{Index: 4, Line: 5, Column: 1}
	err := InFile("h.edn", fmt.Errorf("check broadcast: %w", &PairingError{op, "it does not fit"}))
	if want := "h.edn:5:1: check broadcast: operation 4 ("; !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got %v, want %s…", err, want)
	}
	var pairing *PairingError
	if !errors.As(err, &pairing) {
		t.Errorf("%v hides the error that it is about", err)
	}
}

// TestLimits: what is too large is an error that names the limit and the place.
func TestLimits(t *testing.T) {
	one := "{:type :ok, :process 0, :f :x, :value [1 2 3]}\n"
	r := Reader{Limits: Limits{Text: 1 << 20, Operations: 100, Memory: 1 << 20}}
	for name, test := range map[string]struct{ text, want string }{
		"operations":   {strings.Repeat(one, 101), "101:1: more than 100 operations, the limit"},
		"memory":       {strings.Repeat("{:type :ok, :process 0, :f :x, :value ["+strings.Repeat("[[]]", 2000)+"]}\n", 90), "of memory, the limit"},
		"memory, JSON": {strings.Repeat(`{"type": "ok", "process": 0, "f": "x", "value": [`+strings.Repeat("[[]],", 2000)+"0]}\n", 90), "of memory, the limit"},
		"text":         {compressed(one + strings.Repeat(" ", 2<<20)), "the text is longer than 1 MiB, the limit"},
		"errors, JSON": {strings.Repeat(`{"type": "ok", "process": 0, "f": "x", "error": [`+strings.Repeat("[[]],", 2000)+"0]}\n", 90), "of memory, the limit"},
		"fields, JSON": {strings.Repeat(`{"type": "ok", "process": 0, "f": "x", "note": [`+strings.Repeat("[[]],", 2000)+"0]}\n", 90), "of memory, the limit"},
	} {
		_, err := r.Read(strings.NewReader(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	long := `{"type": ` + strings.Repeat(" ", MaxLine+1)
	if _, err := Read(strings.NewReader(long)); err == nil || err.Error() != "1:1: a line longer than 16 MiB, the limit" {
		t.Errorf("a JSON line of more than 16 MiB: %v", err)
	}
	small := Reader{Limits: Limits{Memory: 1500, Text: 1500}}
	if _, err := small.Read(strings.NewReader(strings.Repeat("{:type :ok, :process 0, :f :x}\n", 20))); err == nil || !strings.HasSuffix(err.Error(), "operations take more than 1500 bytes of memory, the limit") {
		t.Errorf("operations without values take no memory: %v", err)
	}
	if _, err := small.Read(strings.NewReader(one + strings.Repeat(" ", 1500-len(one)))); err != nil {
		t.Errorf("a text of just the limit: %v", err)
	}
	if _, err := small.Read(strings.NewReader(one + strings.Repeat(" ", 1501-len(one)))); err == nil || !strings.HasSuffix(err.Error(), "the text is longer than 1500 bytes, the limit") {
		t.Errorf("a text of one byte more than the limit: %v", err)
	}
	if _, err := r.Read(strings.NewReader(strings.Repeat(one, 100))); err != nil {
		t.Errorf("what is within the limits gives %v", err)
	}
}

// TestProgress: a long file is reported on, up to its end.
func TestProgress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history.edn")
	text := strings.Repeat("{:type :info, :process 0, :f :x, :value [1 2 3]}\n{:type :info, :process :nemesis, :f :x, :value \""+strings.Repeat("x", 500)+"\"}\n", 10_000)
	text = strings.ReplaceAll(text, ":process 0", ":process :nemesis")
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	var all []Progress
	r := Reader{Progress: func(p Progress) { all = append(all, p) }}
	if _, err := r.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	last := all[len(all)-1]
	if want := (Progress{20_000, int64(len(text)), int64(len(text))}); len(all) != 2 || last != want {
		t.Errorf("%d reports of %d bytes, the last is %+v, want one for each 4 MiB and %+v", len(all), len(text), last, want)
	}
}

// TestClosedFile: a file that cannot be read is an error.
func TestClosedFile(t *testing.T) {
	f, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	if _, err := Read(f); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("reading a closed file gives %v", err)
	}
}

// TestDecompressors: a Reader takes further kinds of compression.
func TestDecompressors(t *testing.T) {
	const magic = "\x28\xb5\x2f\xfd"
	r := Reader{Decompressors: []Decompressor{{Name: "zstd", Magic: []byte(magic), Open: func(r io.Reader) (io.ReadCloser, error) {
		_, err := io.CopyN(io.Discard, r, 4)
		return io.NopCloser(r), err
	}}}}
	for name, text := range map[string]string{"plain": sample, "gzip": compressed(sample), "of the caller's": magic + sample} {
		if ops, err := r.Read(strings.NewReader(text)); err != nil || len(ops) != 5 {
			t.Errorf("%s: %d operations, %v", name, len(ops), err)
		}
	}
}

// TestZeroHistory: a History that New did not make works.
func TestZeroHistory(t *testing.T) {
	var empty History
	if len(empty.Ops) != 0 {
		t.Error("the zero History is not empty")
	}
	h := History{Ops: []Op{{Process: 1, F: "read"}, {Process: 2, F: "read", Type: OK}, {Process: 1, F: "read", Type: OK}}}
	if h.Completion(&h.Ops[0]) != &h.Ops[2] || h.Invocation(&h.Ops[1]) != nil {
		t.Error("invocations and completions are paired wrongly")
	}
}

// TestReadKeepsWhatCameBefore: operations before an error are returned with it.
func TestReadKeepsWhatCameBefore(t *testing.T) {
	ops, err := Read(strings.NewReader(sample[:len(sample)-20]))
	if err == nil || len(ops) != 4 {
		t.Errorf("%d operations and %v, want 4 and an error", len(ops), err)
	}
}

// TestForms: an operation may be written in several ways, as EDN and as JSON. What EDN
// has keywords for is a string in JSON.
func TestForms(t *testing.T) {
	long := strings.Repeat("x", 100<<10)
	for _, test := range []struct{ text, want string }{
		{`{"type": "ok", "process": 3, "f": "txn", "value": [["r", 1, null], ["w", 2, 3]], "time": 17}`, "{:index 0, :time 17, :type :ok, :process 3, :f :txn, :value [[:r 1 nil] [:w 2 3]]}"},
		{`{"type": "ok", "process": 3, "f": "send", "value": [["send", "8", [0, 5]]]}`, `{:index 0, :time 0, :type :ok, :process 3, :f :send, :value [[:send "8" [0 5]]]}`},
		{`{"type": "info", "process": 3, "f": "poll", "value": [["poll", {"8": [[0, 5]]}]], "error": [["r", 1]]}`, `{:index 0, :time 0, :type :info, :process 3, :f :poll, :value [[:poll {"8" [[0 5]]}]], :error [["r" 1]]}`},
		{`{"type": "info", "process": "nemesis", "f": "start-kill", "value": "n1"}`, `{:index 0, :time 0, :type :info, :process :nemesis, :f :start-kill, :value "n1"}`},
		{`{"type": "ok", "process": 3, "f": "read", "value": [["r", 1]]}`, `{:index 0, :time 0, :type :ok, :process 3, :f :read, :value [["r" 1]]}`},
		{`{"type": "ok", "process": 3, "f": "txn", "value": [[], 3, ["", 1], [4]]}`, `{:index 0, :time 0, :type :ok, :process 3, :f :txn, :value [[] 3 ["" 1] [4]]}`},
		{`{"": 1, "poll ms": 2, "poll-ms": 3, "type": "ok", "process": 3, "f": "read"}`, `{:index 0, :time 0, :type :ok, :process 3, :f :read, :value nil, "" 1, "poll ms" 2, :poll-ms 3}`},
		{"\n\r\n " + `{"type": "ok", "process": 3, "f": "read"}` + "\n\n", "{:index 0, :time 0, :type :ok, :process 3, :f :read, :value nil}"},
		{`{"type": "ok", "process": 3, "f": "read", "value": "` + long + `"}`, `{:index 0, :time 0, :type :ok, :process 3, :f :read, :value "` + long + `"}`},
		{`{:type :ok, :process 3, :f "read", :final? nil}`, "{:index 0, :time 0, :type :ok, :process 3, :f :read, :value nil}"},
		{`{:type :ok, :process 2147483648, :f :read, :final? true, :index 9}`, "{:index 0, :time 0, :type :ok, :process 2147483648, :f :read, :value nil, :final? true}"},
		{`{"note" ":1", :type :ok, :process 3, :f :read}`, `{:index 0, :time 0, :type :ok, :process 3, :f :read, :value nil, "note" ":1"}`},
		{`{:note ":1", :type :ok, :process 3, :f :read}`, `{:index 0, :time 0, :type :ok, :process 3, :f :read, :value nil, :note ":1"}`},
	} {
		ops, err := Read(strings.NewReader(test.text))
		if err != nil || len(ops) != 1 {
			t.Errorf("%.200s gives %d operations, %v", test.text, len(ops), err)
			continue
		}
		if got := edn.String(ops[0].MarshalEDN()); got != test.want {
			t.Errorf("%.200s is read as\n%.300s, want\n%.300s", test.text, got, test.want)
		}
	}
}

// TestPlaceInJSON: an error about the value of an operation names its line and column.
func TestPlaceInJSON(t *testing.T) {
	ops, err := Read(strings.NewReader("\n  " + `{"type": "ok", "process": 3, "f": "read"}`))
	if err != nil {
		t.Fatal(err)
	}
	if line, column := ops[0].Position(); line != 2 || column != 3 {
		t.Errorf("the operation is at %d:%d, want 2:3", line, column)
	}
}

// FuzzRead: what is read and written again is the same history, within the limits,
// and an error names a place.
func FuzzRead(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("[" + sample + "]"))
	f.Add([]byte(`{"type": "ok", "process": 3, "f": "txn", "value": [["r", 1, null]]}`))
	f.Add([]byte(compressed(sample)))
	if text, err := os.ReadFile("../../testdata/oracle/echo/none/history.edn.gz"); err == nil {
		f.Add(text)
	}
	limits := Limits{Text: 1 << 20, Operations: 1000, Memory: 1 << 20}
	f.Fuzz(func(t *testing.T, text []byte) {
		r := Reader{Limits: limits}
		ops, err := r.Read(bytes.NewReader(text))
		if len(ops) > limits.Operations {
			t.Fatalf("%d operations, the limit is %d", len(ops), limits.Operations)
		}
		if err != nil {
			var placed interface{ Position() (int, int) }
			if !errors.As(err, &placed) {
				t.Fatalf("the error names no place: %v", err)
			}
			if line, column := placed.Position(); line < 1 || column < 1 {
				t.Fatalf("%v is not a place", err)
			}
			return
		}
		written := appendEDN(nil, ops)
		again, err := Read(bytes.NewReader(written))
		if err != nil || !bytes.Equal(appendEDN(nil, again), written) {
			t.Fatalf("%q is written as %q, which reads as %q (%v)", text, written, appendEDN(nil, again), err)
		}
		h, err := New(ops)
		var pairing *PairingError
		if err != nil {
			if !errors.As(err, &pairing) {
				t.Fatal(err)
			}
			return
		}
		for i := range h.Ops {
			op := &h.Ops[i]
			other := h.Completion(op)
			if other != nil && (h.Invocation(other) != op || other.Process != op.Process || other.F != op.F || (other.Type == Invoke) == (op.Type == Invoke)) {
				t.Fatalf("%v is paired with %v", op, other)
			}
		}
	})
}

func appendEDN(dst []byte, ops []Op) []byte {
	for _, op := range ops {
		dst = append(edn.Append(dst, op.MarshalEDN()), '\n')
	}
	return dst
}

// TestRoundTrip: operations are the same once they were written and read, as EDN
// and, for values that it has, as JSON.
func TestRoundTrip(t *testing.T) {
	value := rapid.OneOf(rapid.Just[any](nil), rapid.Int64().AsAny(), rapid.String().AsAny(), rapid.Bool().AsAny(),
		rapid.Map(rapid.SliceOfN(rapid.OneOf(rapid.Int64().AsAny(), rapid.Just[any](nil)), 0, 5), func(v []any) any { return v }))
	rapid.Check(t, func(t *rapid.T) {
		want := make([]Op, rapid.IntRange(1, 20).Draw(t, "operations"))
		var asEDN, asJSON []byte
		for i := range want {
			want[i] = Op{
				Index: i, Time: time.Duration(rapid.Int64().Draw(t, "time")), Process: rapid.IntRange(Nemesis, 1<<31).Draw(t, "process"),
				Type: Type(rapid.IntRange(0, 3).Draw(t, "type")), F: rapid.SampledFrom([]string{"read", "add", "start-partition"}).Draw(t, "f"),
				Value: value.Draw(t, "value"), Error: value.Draw(t, "error"), Final: rapid.Bool().Draw(t, "final"),
			}
			if rapid.Bool().Draw(t, "extra") {
				want[i].Extra = edn.Map{{Key: edn.Keyword("poll-ms"), Value: value.Draw(t, "extra value")}}
			}
			asJSON = append(append(asJSON, edn.ToJSON(want[i].MarshalEDN())...), '\n')
		}
		asEDN = appendEDN(nil, want)
		for name, text := range map[string][]byte{"EDN": asEDN, "JSON": asJSON} {
			got, err := Read(bytes.NewReader(text))
			if err != nil {
				t.Fatalf("%s: %v in %s", name, err, text)
			}
			for i := range got {
				got[i].Line, got[i].Column = 0, 0
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("as %s, %s reads as %s", name, asEDN, appendEDN(nil, got))
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	text := []byte(strings.Repeat(`{:index 211, :time 2447139660, :type :ok, :process 4, :f :txn, :value [[:r 6 12] [:w 8 3] [:r 9 nil]]}`+"\n", 20_000))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Read(bytes.NewReader(text)); err != nil {
			b.Fatal(err)
		}
	}
}
