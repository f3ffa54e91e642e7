package zstd

import (
	"bytes"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"glomers/checkers/history"
)

var reader = history.Reader{Decompressors: []history.Decompressor{Decompressor()}}

func TestRead(t *testing.T) {
	const text = "{:type :invoke, :process 1, :f :read}\n{:type :ok, :process 1, :f :read, :value [1 2]}\n"
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	z.Write([]byte(text))
	z.Close()
	ops, err := reader.Read(bytes.NewReader(b.Bytes()))
	if err != nil || len(ops) != 2 || ops[1].Line != 2 {
		t.Errorf("got %v, %v", ops, err)
	}
	if _, err := reader.Read(strings.NewReader(text)); err != nil {
		t.Errorf("plain text gives %v", err)
	}
	if _, err := reader.Read(bytes.NewReader(b.Bytes()[:b.Len()-9])); err == nil {
		t.Error("a text that is cut off is read without an error")
	}
	if _, err := reader.Read(strings.NewReader("\x28\xb5\x2f\xfdgarbage")); err == nil {
		t.Error("garbage is read without an error")
	}
}
