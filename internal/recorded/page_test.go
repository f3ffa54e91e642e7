package recorded

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"glomers/checkers/history"
	"glomers/internal/report/page"
)

// findings judges a recorded history, also strictly, and returns what its page says is
// wrong.
func findings(t *testing.T, dir string) (*history.History, []page.Finding) {
	t.Helper()
	run, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	q, from, err := run.Question()
	if err != nil {
		t.Fatal(err)
	}
	q.Check.Strict = true
	judged, err := run.Judge(q, from, nil)
	if err != nil {
		t.Fatal(err)
	}
	return judged.Records.History, judged.page().Findings
}

// TestKafkaValues checks that the page follows messages of kafka with their keys.
func TestKafkaValues(t *testing.T) {
	_, found := findings(t, filepath.Join("..", "..", "testdata", "oracle", "kafka", "dupmsg"))
	for _, f := range found {
		if f.Kind != "duplicate" {
			continue
		}
		for _, e := range f.Examples {
			key, rest, ok := strings.Cut(strings.TrimPrefix(e.Text, "key "), ": message ")
			message, _, cut := strings.Cut(rest, " is at the offsets")
			if want := []string{"key " + strings.Trim(key, `"`) + " msg " + message}; !ok || !cut || !slices.Equal(e.Values, want) {
				t.Errorf("the page follows %q for %q, expected %q", e.Values, e.Text, want)
			}
		}
		return
	}
	t.Errorf("found %+v, expected a finding duplicate", found)
}

// TestExamplesLinked checks that every example of a finding, not only the first, names
// the operations that prove it, each example its own.
func TestExamplesLinked(t *testing.T) {
	for _, c := range []struct{ run, kind string }{
		{"unique-ids/dup", "duplicated"},
		{"g-counter/forget", "final-reads"},
		{"lin-kv/cache", "linearizable"},
		{"echo/wrong", "echo"},
		{"broadcast/forget", "lost"},
		{"broadcast/dupread", "duplicates"}, // of strict mode
		{"kafka/dupmsg", "duplicate"},
		{"txn-rw-register/g1a", "G1a"},
	} {
		t.Run(c.run, func(t *testing.T) {
			h, found := findings(t, filepath.Join("..", "..", "testdata", "oracle", filepath.FromSlash(c.run)))
			i := slices.IndexFunc(found, func(f page.Finding) bool { return f.Kind == c.kind })
			if i < 0 {
				t.Fatalf("found %+v, expected a finding %s", found, c.kind)
			}
			if len(found[i].Examples) < 2 {
				t.Fatalf("%s has %d examples, expected several", c.kind, len(found[i].Examples))
			}
			for _, f := range found {
				for _, e := range f.Examples {
					if len(e.Operations) == 0 {
						t.Errorf("%s: no operation proves %q", f.Kind, e.Text)
					}
					for _, at := range e.Operations {
						if at < 0 || at >= len(h.Ops) || !h.Ops[at].Client() {
							t.Errorf("%s: record %d, which is to prove %q, is no client's", f.Kind, at, e.Text)
						}
					}
				}
				if len(f.Examples) < 2 {
					continue
				}
				if a, b := f.Examples[0], f.Examples[1]; slices.Equal(a.Operations, b.Operations) && slices.Equal(a.Values, b.Values) {
					t.Errorf("%s: the operations %v and the values %v are those of two examples", f.Kind, a.Operations, a.Values)
				}
			}
		})
	}
}
