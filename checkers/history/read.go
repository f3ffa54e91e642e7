package history

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/klauspost/compress/zstd"

	"glomers/checkers/edn"
)

// MaxLine is the longest line of a JSON history, in bytes.
const MaxLine = 64 << 20

// ReadFile reads a history from a file; see Read.
func ReadFile(path string) (*History, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ops, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	h, err := New(ops)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return h, nil
}

// Read reads operations: EDN maps one after the other or in one vector, as
// Jepsen writes them, or JSON objects with the same keys, one a line. Either may
// be compressed with gzip or zstd. The text is not kept in memory.
//
// Errors begin with the line and column where the text is wrong. The
// operations read before the error are returned with it.
func Read(r io.Reader) ([]Op, error) {
	br := bufio.NewReaderSize(r, 64<<10)
	magic, _ := br.Peek(4)
	switch {
	case bytes.HasPrefix(magic, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf(" damaged gzip header: %w", err)
		}
		return readText(z)
	case bytes.Equal(magic, []byte{0x28, 0xb5, 0x2f, 0xfd}):
		z, err := zstd.NewReader(br)
		if err != nil {
			return nil, fmt.Errorf(" damaged zstd header: %w", err)
		}
		defer z.Close()
		return readText(z)
	}
	return readText(br)
}

func readText(r io.Reader) ([]Op, error) {
	br := bufio.NewReaderSize(r, 256<<10)
	if isJSON(br) {
		return readJSON(br)
	}
	return readEDN(br)
}

// isJSON looks at the first object: its first key is a string followed by a
// colon in JSON, a keyword in EDN.
func isJSON(br *bufio.Reader) bool {
	head, _ := br.Peek(512)
	head = bytes.TrimLeft(head, " \t\r\n[")
	if len(head) == 0 || head[0] != '{' {
		return false
	}
	head = bytes.TrimLeft(head[1:], " \t\r\n")
	if len(head) == 0 || head[0] != '"' {
		return false
	}
	end := bytes.IndexByte(head[1:], '"')
	if end < 0 {
		return false
	}
	return bytes.HasPrefix(bytes.TrimLeft(head[end+2:], " \t"), []byte(":"))
}

// blockOps is how many operations are read into one block: a slice that grows with
// a long history would be copied again and again.
const blockOps = 4096

func readEDN(r io.Reader) ([]Op, error) {
	var blocks [][]Op
	block := make([]Op, 0, 64)
	err := eachEDN(r, func(op Op) {
		if block = append(block, op); len(block) == blockOps {
			blocks = append(blocks, block)
			block = make([]Op, 0, blockOps)
		}
	})
	return slices.Concat(append(blocks, block)...), err
}

// eachEDN calls f for each operation up to the first error.
func eachEDN(r io.Reader, f func(Op)) error {
	d := edn.NewDecoder(r)
	c, err := d.Peek()
	if err == io.EOF {
		return fmt.Errorf("1:1: the history is empty: expected operations such as {:index 0, :type :invoke, …}")
	}
	count := 0
	inVector := err == nil && c == '['
	if inVector {
		d.Open()
	}
	for {
		if inVector && d.Close() {
			inVector = false
		}
		if _, err := d.More(); err != nil {
			return err
		}
		line, column := d.Position()
		v, err := d.Decode()
		switch {
		case err == io.EOF && inVector:
			return fmt.Errorf("%d:%d: the text ends inside the vector of operations", line, column)
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		op, err := fromEDN(v, count)
		if err != nil {
			return fmt.Errorf("%d:%d: %w", line, column, err)
		}
		op.Line, op.Column = int32(line), int32(column)
		f(op)
		count++
	}
}

func readJSON(br *bufio.Reader) ([]Op, error) {
	var ops []Op
	lines := bufio.NewScanner(br)
	lines.Buffer(make([]byte, 64<<10), MaxLine)
	n := 0
	for lines.Scan() {
		n++
		text := bytes.TrimSpace(lines.Bytes())
		if len(text) == 0 {
			continue
		}
		v, err := edn.FromJSON(text)
		if err == nil {
			var op Op
			op, err = fromJSON(v, len(ops))
			op.Line, op.Column = int32(n), 1
			ops = append(ops, op)
		}
		if err != nil {
			return ops[:max(len(ops)-1, 0)], fmt.Errorf("%d:1: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return ops, fmt.Errorf("%d:1: a line longer than %d MiB, or unreadable: %w", n+1, MaxLine>>20, err)
	}
	return ops, nil
}

// fromJSON gives the map of a JSON line the keywords that its EDN form has.
func fromJSON(v any, index int) (Op, error) {
	m, ok := v.(edn.Map)
	if !ok {
		return Op{}, fmt.Errorf("expected an object with an operation, found %s", edn.Brief(v, shown))
	}
	for i := range m {
		name := edn.Keyword(fmt.Sprint(m[i].Key))
		m[i].Key = name
		if s, ok := m[i].Value.(string); ok && (name == "type" || name == "f" || name == "process") {
			m[i].Value = edn.Keyword(s)
		}
	}
	if f, _ := m.Get(edn.Keyword("f")); isTxn(f) {
		for i := range m {
			if m[i].Key == edn.Keyword("value") {
				keywordMops(m[i].Value)
			}
		}
	}
	return fromEDN(m, index)
}

func isTxn(f any) bool {
	switch fmt.Sprint(f) {
	case "txn", "send", "poll":
		return true
	}
	return false
}

// keywordMops turns [["r", 1, null]] into [[:r 1 nil]].
func keywordMops(v any) {
	seq, _ := v.([]any)
	for _, mop := range seq {
		if parts, ok := mop.([]any); ok && len(parts) > 0 {
			if s, ok := parts[0].(string); ok {
				parts[0] = edn.Keyword(s)
			}
		}
	}
}

// shown is how many runes of a wrong value an error quotes.
const shown = 80

func fromEDN(v any, index int) (Op, error) {
	if t, ok := v.(edn.Tagged); ok {
		v = t.Value // #jepsen.history.Op{…}
	}
	m, ok := v.(edn.Map)
	if !ok {
		return Op{}, fmt.Errorf("expected a map with an operation, found %s", edn.Brief(v, shown))
	}
	op := Op{Index: index}
	var hasType, hasProcess, hasF bool
	for _, e := range m {
		key, _ := e.Key.(edn.Keyword)
		switch key {
		case "index":
		case "time":
			n, ok := e.Value.(int64)
			if !ok {
				return op, fieldError(m, "time", "nanoseconds", e.Value)
			}
			op.Time = time.Duration(n)
		case "type":
			hasType = true
			if err := op.Type.parse(e.Value); err != nil {
				return op, fieldError(m, "type", ":invoke, :ok, :fail or :info", e.Value)
			}
		case "process":
			hasProcess = true
			switch p := e.Value.(type) {
			case int64:
				if p < 0 || p > 1<<31 {
					return op, fieldError(m, "process", "a number from 0 or :nemesis", e.Value)
				}
				op.Process = int(p)
			case edn.Keyword:
				op.Process = Nemesis
			default:
				return op, fieldError(m, "process", "a number from 0 or :nemesis", e.Value)
			}
		case "f":
			hasF = true
			switch f := e.Value.(type) {
			case edn.Keyword:
				op.F = string(f)
			case string:
				op.F = f
			default:
				return op, fieldError(m, "f", "a keyword", e.Value)
			}
		case "value":
			op.Value = e.Value
		case "error":
			op.Error = e.Value
		case "final?":
			op.Final = e.Value == true
		default:
			op.Extra = append(op.Extra, e)
		}
	}
	if !hasType || !hasProcess || !hasF {
		return op, fmt.Errorf("not an operation: it needs :type, :process and :f: %s", edn.Brief(m, shown))
	}
	return op, nil
}

func fieldError(m edn.Map, field, want string, found any) error {
	return fmt.Errorf(":%s is %s, expected %s, in %s", field, edn.Brief(found, shown), want, edn.Brief(m, shown))
}

func (t *Type) parse(v any) error {
	for i, name := range typeNames {
		if v == name {
			*t = Type(i)
			return nil
		}
	}
	return fmt.Errorf("unknown type %v", v)
}
