package tidy

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"glomers/checkers"
	"glomers/checkers/edn"
	"glomers/checkers/history"
)

var historyBlock = regexp.MustCompile("(?ms)^```history (\\S+)\n(.*?)^```$")

// TestConcepts checks the histories in docs/concepts.md and in the write-ups: each
// is judged as the page says. Transactions that stand together run at the same time,
// those of one process one after the other, and "then" waits for all before it.
func TestConcepts(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "concepts.md"))
	if err != nil {
		t.Fatal(err)
	}
	blocks := historyBlock.FindAllStringSubmatch(string(text), -1)
	if len(blocks) < 10 {
		t.Fatalf("docs/concepts.md has %d histories, expected at least 10", len(blocks))
	}
	writeUps, err := filepath.Glob(filepath.Join(root, "stages", "*", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range writeUps {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		blocks = append(blocks, historyBlock.FindAllStringSubmatch(string(text), -1)...)
	}
	for _, block := range blocks {
		workload, lines := block[1], strings.Split(strings.TrimSpace(block[2]), "\n")
		t.Run(strings.ReplaceAll(lines[len(lines)-1], " ", "_"), func(t *testing.T) {
			c := &conceptHistory{workload: workload}
			for _, line := range lines {
				c.line(t, line)
			}
			if c.claims == 0 {
				t.Errorf("the history claims nothing:\n%s", block[2])
			}
		})
	}
}

// conceptHistory reads one block, line by line.
type conceptHistory struct {
	workload string
	ops      []history.Op
	pending  []history.Op // completions of what runs now
	claims   int
}

var anomalyClaim = regexp.MustCompile(`^(\S+) rules out (.+)$`)

func (c *conceptHistory) line(t *testing.T, line string) {
	t.Helper()
	process, txn, isTxn := strings.Cut(line, ": ")
	claim := anomalyClaim.FindStringSubmatch(line)
	switch {
	case line == "then":
		c.finish()
	case isTxn && strings.HasPrefix(process, "p"):
		c.begin(t, process, txn)
	case line == "not linearizable":
		if r := c.check(t, nil); r.Valid != checkers.Invalid {
			t.Errorf("%s, but the check says %v", line, r.Valid)
		}
	case claim != nil:
		for _, model := range strings.Split(claim[2], ", ") {
			r := c.check(t, []string{model})
			named := slices.ContainsFunc(r.Findings, func(f checkers.Finding) bool { return f.Check == claim[1] })
			if r.Valid != checkers.Invalid || !named {
				t.Errorf("%s: under %s the check says %v, with the findings %v", line, model, r.Valid, r.Findings)
			}
		}
	case strings.HasPrefix(line, "allowed by "):
		for _, model := range strings.Split(strings.TrimPrefix(line, "allowed by "), ", ") {
			if r := c.check(t, []string{model}); r.Valid != checkers.Valid {
				t.Errorf("%s: under %s the check says %v, with the findings %v", line, model, r.Valid, r.Findings)
			}
		}
	default:
		t.Fatalf("cannot read the line %q", line)
	}
}

// begin invokes a transaction such as "append x 1, read y [1]" or, on registers,
// "write x 1, read y 1", or an operation of lin-kv such as "write x 1".
func (c *conceptHistory) begin(t *testing.T, process, txn string) {
	t.Helper()
	var p int
	if _, err := fmt.Sscanf(process, "p%d", &p); err != nil {
		t.Fatalf("%q is not a process", process)
	}
	txn, failed := strings.CutSuffix(txn, " fails")
	var asked, answered []any
	f := "txn"
	for _, part := range strings.Split(txn, ", ") {
		words := strings.SplitN(part, " ", 3)
		value, err := edn.NewDecoder(strings.NewReader(words[2])).Decode()
		if err != nil {
			t.Fatalf("%q: %v", part, err)
		}
		name, before := edn.Keyword(words[0]), value
		switch words[0] {
		case "read":
			name, before = "r", nil
		case "write":
			name = "w"
		}
		if c.workload == "lin-kv" {
			f = words[0]
			asked, answered = []any{edn.Keyword(words[1]), before}, []any{edn.Keyword(words[1]), value}
			continue
		}
		asked = append(asked, []any{name, edn.Keyword(words[1]), before})
		answered = append(answered, []any{name, edn.Keyword(words[1]), value})
	}
	if slices.ContainsFunc(c.pending, func(op history.Op) bool { return op.Process == p }) {
		c.finish()
	}
	invoke := history.Op{Type: history.Invoke, Process: p, F: f, Value: asked}
	done := history.Op{Type: history.OK, Process: p, F: f, Value: answered}
	if failed {
		done.Type = history.Fail
	}
	c.record(invoke)
	c.pending = append(c.pending, done)
}

func (c *conceptHistory) record(op history.Op) {
	op.Index, op.Time = len(c.ops), time.Duration(len(c.ops))*time.Millisecond
	c.ops = append(c.ops, op)
}

func (c *conceptHistory) finish() {
	for _, op := range c.pending {
		c.record(op)
	}
	c.pending = nil
}

func (c *conceptHistory) check(t *testing.T, models []string) *checkers.Results {
	t.Helper()
	c.claims++
	c.finish()
	h, err := history.New(slices.Clone(c.ops))
	if err != nil {
		t.Fatal(err)
	}
	r, err := checkers.Check(h, nil, checkers.Options{Workload: c.workload, ConsistencyModels: models})
	if err != nil {
		t.Fatal(err)
	}
	return r
}
