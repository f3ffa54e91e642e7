package recorded_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"glomers/internal/browsertest"
)

var screenshots = flag.String("screenshots", "", "write the pictures of docs/report.md into this `directory`")

// mostBytes is how large a picture in the docs may be.
const mostBytes = 200_000

// TestScreenshots takes the pictures that docs/report.md shows.
func TestScreenshots(t *testing.T) {
	if *screenshots == "" {
		t.Skip("-screenshots names no directory: make screenshots does")
	}
	lost, _ := written(t, filepath.Join("testdata", "lost"))
	transactions, _ := written(t, cycle(t))
	b := browsertest.Start(t)
	for _, s := range []struct {
		name, path string
		look       browsertest.Look
		prepare    string
	}{
		{"report.png", lost, browsertest.Look{Width: 1200, Height: 860}, `document.getElementById("time").scrollIntoView()`},
		{"report-value.png", lost, browsertest.Look{Width: 1200, Height: 620, Dark: true}, `document.querySelector("button[data-finding]").click()`},
		{"report-cycle.png", transactions, browsertest.Look{Width: 1200, Height: 420}, `document.getElementById("wrong").scrollIntoView()`},
	} {
		p := b.Open(browsertest.File(t, s.path), s.look)
		p.Wait(ready)
		p.Text(s.prepare)
		p.Text(`new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 300))))`) // until all is drawn
		png := p.Screenshot()
		if len(png) > mostBytes {
			t.Errorf("%s has %d bytes, expected at most %d", s.name, len(png), mostBytes)
		}
		if err := os.WriteFile(filepath.Join(*screenshots, s.name), png, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
