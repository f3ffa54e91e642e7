package tidy

import (
	"os"
	"path"
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

var (
	codeBlock   = regexp.MustCompile("(?ms)^```.*?^```$")
	heading     = regexp.MustCompile(`(?m)^#+ (.*)$`)
	anchored    = regexp.MustCompile(`\]\(([^)#\s]*)#([^)\s]+)\)`)
	notInAnchor = regexp.MustCompile(`[^\pL\pN_\- ]`)
)

// TestAnchors checks that a link into a page leads to one of its headings.
func TestAnchors(t *testing.T) {
	anchors := map[string]map[string]bool{} // by page
	links := map[string][][]string{}
	for _, pattern := range []string{"*.md", "docs/*.md", "stages/*/*.md"} {
		pages, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, page := range pages {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			prose := codeBlock.ReplaceAllString(string(text), "")
			name := filepath.ToSlash(strings.TrimPrefix(page, root+string(filepath.Separator)))
			anchors[name] = map[string]bool{}
			for _, h := range heading.FindAllStringSubmatch(prose, -1) {
				anchors[name][strings.ReplaceAll(notInAnchor.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
			}
			links[name] = anchored.FindAllStringSubmatch(prose, -1)
		}
	}
	for page, all := range links { // in any order: each failure names its page
		for _, link := range all {
			to := page
			if link[1] != "" {
				to = path.Join(path.Dir(page), link[1])
			}
			if known := anchors[to]; known != nil && !known[link[2]] {
				t.Errorf("%s links to %s#%s, and that page has no such heading", page, to, link[2])
			}
		}
	}
}
