package tidy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// notProse are the parts of a page that nobody reads from left to right: blocks of
// code and output, comments and tables.
var notProse = regexp.MustCompile("(?ms)^```.*?^```$|<!--.*?-->|^\\|[^\n]*$")

// TestWriteUps keeps every write-up long enough to explain its stage, and short enough to
// be read in one sitting. Each has a picture.
func TestWriteUps(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "stages", "*", "README.md"))
	if err != nil || len(pages) == 0 {
		t.Fatalf("found no write-ups (%v)", err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		if n := len(strings.Fields(notProse.ReplaceAllString(string(text), ""))); n < 700 || n > 1500 {
			t.Errorf("%s has %d words besides code and tables, expected 700 to 1500", page, n)
		}
		if !strings.Contains(string(text), "\n![") {
			t.Errorf("%s has no picture", page)
		}
	}
}
