package page

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// nodeLog is the log of a node, or its beginning and its end.
type nodeLog struct {
	Node string `json:"node"`
	Head string `json:"head"`
	Tail string `json:"tail"`
	Cut  int64  `json:"cut"` // bytes between them
}

// readLogs reads what fits of the logs of all nodes.
func readLogs(dir fs.FS) ([]nodeLog, error) {
	if dir == nil {
		return nil, nil
	}
	entries, err := fs.ReadDir(dir, ".")
	if err != nil {
		return nil, fmt.Errorf("read the logs of the nodes: %w", err)
	}
	var files []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.HasSuffix(e.Name(), ".log") {
			files = append(files, e.Name())
		}
	}
	if len(files) > mostNames {
		files = files[:mostNames]
	}
	var logs []nodeLog
	for _, name := range files {
		l, err := readLog(dir, name, min(mostLog, mostLogs/int64(len(files))))
		if err != nil {
			return nil, fmt.Errorf("read the log %s: %w", name, err)
		}
		logs = append(logs, l)
	}
	slices.SortStableFunc(logs, func(a, b nodeLog) int {
		return cmp.Or(cmp.Compare(len(a.Node), len(b.Node)), cmp.Compare(a.Node, b.Node))
	})
	return logs, nil
}

// readLog reads at most so many bytes of a log: half from its beginning, half from
// its end.
func readLog(dir fs.FS, name string, most int64) (nodeLog, error) {
	l := nodeLog{Node: strings.TrimSuffix(name, ".log")}
	f, err := dir.Open(name)
	if err != nil {
		return l, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return l, err
	}
	size := info.Size()
	from, seekable := f.(io.ReaderAt)
	if size <= most || !seekable {
		text, err := io.ReadAll(io.LimitReader(f, most))
		l.Head, l.Cut = valid(text), max(0, size-most)
		return l, err
	}
	head, tail := make([]byte, most/2), make([]byte, most/2)
	if _, err := from.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return l, err
	}
	if _, err := from.ReadAt(tail, size-most/2); err != nil && !errors.Is(err, io.EOF) {
		return l, err
	}
	l.Head, l.Tail = valid(head), valid(tail)
	if i := strings.LastIndexByte(l.Head, '\n'); i >= 0 { // whole lines, where there are any
		l.Head = l.Head[:i+1]
	}
	if i := strings.IndexByte(l.Tail, '\n'); i >= 0 {
		l.Tail = l.Tail[i+1:]
	}
	l.Cut = size - int64(len(l.Head)) - int64(len(l.Tail))
	return l, nil
}

func valid(text []byte) string { return strings.ToValidUTF8(string(text), "\uFFFD") }

func logBlock(logs []nodeLog) (*block, error) {
	b := newBlock()
	if logs == nil {
		logs = []nodeLog{}
	}
	text, err := json.Marshal(logs)
	if err != nil {
		return nil, err
	}
	_, err = b.Write(text)
	return b, err
}
