package checkers

import (
	"strings"
	"testing"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// TestRoundedIDs: a duplicate that went through a float64 is explained.
func TestRoundedIDs(t *testing.T) {
	for id, want := range map[string]bool{
		`15270052043864158000`:   true, // beyond an int64, too
		`1527005204386415900`:    true,
		`9007199254740994`:       true, // 2^53 + 2
		`9007199254740992`:       false,
		`1527005204386415873`:    false, // no float64 is printed so
		`"15270052043864158000"`: false,
		`7`:                      false,
		`"n1-7"`:                 false,
	} {
		v, err := edn.FromJSON([]byte(id))
		if err != nil {
			t.Fatal(err)
		}
		h := &history.History{}
		for range 2 {
			h.Ops = append(h.Ops, history.Op{Type: history.Invoke, F: "generate"}, history.Op{Type: history.OK, F: "generate", Value: v})
		}
		r, err := UniqueIDs(h, Options{Workload: "unique-ids"})
		if err != nil || len(r.Findings) != 1 {
			t.Fatalf("%s: %+v, %v", id, r, err)
		}
		text := strings.Join(r.Findings[0].Details, "\n")
		if got := strings.Contains(text, id+" is a number that a float64 holds") && strings.Contains(text, "send such ids as strings"); got != want {
			t.Errorf("%s is explained: %v, want %v: %s", id, got, want, text)
		}
	}
}

// TestIDRange: the range goes from the lowest id to the highest, null left out.
func TestIDRange(t *testing.T) {
	for ids, want := range map[string]string{
		"[]":              "[nil nil]",
		"[nil]":           "[nil nil]",
		"[7]":             "[7 7]",
		`["b" nil]`:       `["b" "b"]`,
		"[3 1 2]":         "[1 3]",
		`[nil "b" "a" 9]`: `[9 "b"]`,
	} {
		v, err := edn.NewDecoder(strings.NewReader(ids)).Decode()
		if err != nil {
			t.Fatal(err)
		}
		h := &history.History{}
		for _, id := range v.([]any) {
			h.Ops = append(h.Ops, history.Op{Type: history.Invoke, F: "generate"}, history.Op{Type: history.OK, F: "generate", Value: id})
		}
		r, err := UniqueIDs(h, Options{})
		if err != nil {
			t.Fatal(err)
		}
		if got := edn.String([]any{r.Lowest, r.Highest}); got != want {
			t.Errorf("the ids %s have the range %s, want %s", ids, got, want)
		}
	}
}
