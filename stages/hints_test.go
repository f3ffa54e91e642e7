package stages_test

import (
	"strings"
	"testing"

	"glomers/stages"
)

// TestHints checks that every stage has hints on the way to its design, and that
// a verdict leads to a hint but never to the design.
func TestHints(t *testing.T) {
	for _, s := range stages.All() {
		hints := s.Hints()
		if len(hints) < 4 {
			t.Errorf("stage %s has %d hints, expected at least 4", s.ID, len(hints))
			continue
		}
		seen := map[string]bool{}
		for i, h := range hints {
			if len(h.Text) < 40 || seen[h.Text] || !strings.ContainsAny(h.Text[len(h.Text)-1:], ".?") {
				t.Errorf("stage %s, hint %d: %q is too short, not a sentence or there twice", s.ID, i+1, h.Text)
			}
			seen[h.Text] = true
			for _, check := range h.For {
				number, text := s.HintFor(check)
				if text == "" || number >= len(hints) {
					t.Errorf("stage %s: %s leads to hint %d of %d", s.ID, check, number, len(hints))
				}
			}
		}
		if last := hints[len(hints)-1]; len(last.For) > 0 {
			t.Errorf("stage %s: the design answers %v; a failed verdict must not give it away", s.ID, last.For)
		}
		for _, c := range s.Criteria {
			if _, text := s.HintFor(c.Title); text == "" {
				t.Errorf("stage %s has no hint for the limit on %s", s.ID, c.Title)
			}
		}
		for _, check := range []string{"stats", "availability"} {
			if _, text := s.HintFor("unheard-of", check); text == "" {
				t.Errorf("stage %s has no hint for %s", s.ID, check)
			}
		}
	}
}
