package history

import (
	"bytes"
	"compress/gzip"
	"os"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

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
	var gz, zs bytes.Buffer
	g := gzip.NewWriter(&gz)
	g.Write([]byte(sample))
	g.Close()
	z, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	z.Write([]byte(sample))
	z.Close()
	for name, text := range map[string]string{
		"plain":     sample,
		"gzip":      gz.String(),
		"zstd":      zs.String(),
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
}

func TestReadErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "1:1: the history is empty",
		"{:type :invoke}":                      "1:1: not an operation: it needs :type, :process and :f: {:type :invoke}",
		"\n {:type :maybe, :process 0, :f :x}": "2:2: :type is :maybe, expected :invoke, :ok, :fail or :info",
		"{:type :ok, :process -3, :f :x}":      "1:1: :process is -3, expected a number from 0 or :nemesis",
		"{:type :ok, :process 0, :f 3}":        "1:1: :f is 3, expected a keyword",
		"{:type :ok, :process 0, :f :x, :time :now}":                  "1:1: :time is :now, expected nanoseconds",
		"[{:type :ok, :process 0, :f :x}":                             "the text ends inside the vector",
		`{"type": "ok", "process": 0}`:                                "1:1: not an operation",
		"{\"type\": \"ok\", \"process\": 0, \"f\": \"x\"}\n{\"type\"": "2:1: unexpected EOF",
		"\x1f\x8bgarbage":                                             "damaged gzip header",
	} {
		if _, err := Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %s", text, err, want)
		}
	}
}

// TestReadKeepsWhatCameBefore: operations before an error are returned with it.
func TestReadKeepsWhatCameBefore(t *testing.T) {
	ops, err := Read(strings.NewReader(sample[:len(sample)-20]))
	if err == nil || len(ops) != 4 {
		t.Errorf("%d operations and %v, want 4 and an error", len(ops), err)
	}
}

func TestJSON(t *testing.T) {
	ops, err := Read(strings.NewReader(`{"type": "ok", "process": 3, "f": "txn", "value": [["r", 1, null], ["w", 2, 3]], "time": 17}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := edn.String(ops[0].MarshalEDN()), "{:index 0, :time 17, :type :ok, :process 3, :f :txn, :value [[:r 1 nil] [:w 2 3]]}"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(`{"type": "ok", "process": 3, "f": "txn", "value": [["r", 1, null]]}`))
	if text, err := os.ReadFile("../../testdata/oracle/echo/none/history.edn.gz"); err == nil {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		ops, err := Read(bytes.NewReader(text))
		if err == nil {
			New(ops)
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
