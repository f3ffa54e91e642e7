package cli

import (
	"bytes"
	"flag"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"glomers/internal/browsertest"
)

var screenshots = flag.Bool("screenshots", false, "take the screenshots of glomers serve for docs anew")

// most is how many bytes a screenshot may have.
const most = 200_000

// TestScreenshots takes the pictures of docs/serve.md: of a store with a few runs, in
// light and dark, wide and as on a phone.
func TestScreenshots(t *testing.T) {
	if !*screenshots {
		t.Skip("only on demand: make screenshots")
	}
	t.Chdir("../..")
	store := filepath.Join(t.TempDir(), "store")
	for _, words := range []string{
		"test 1", "test 2", "test 3a", "test 3b", "test 3c --strict --seed 2", "test 3c ./stages/3c-broadcast/broken/no-retry --seed 1", "test 3d", "test 4",
		"test 3c ./stages/3c-broadcast/alternatives/digests --seed 1", "hint 3c", "hint 3c", "explore 3d --seeds 30 --time-limit 5",
	} {
		args := append([]string{"glomers"}, strings.Fields(words)...)
		if args[1] != "hint" {
			args = append(args, "--engine", "native")
		}
		if code := Main(append(args, "--store", store), io.Discard, io.Discard); code > 1 {
			t.Fatalf("%s: exit status %d", words, code)
		}
	}
	base := serveHere(t, "--store", store)
	b := browsertest.Start(t)
	newest := func(dir string, back int) string {
		found, err := filepath.Glob(filepath.Join(store, dir, "2*"))
		if err != nil || len(found) < back {
			t.Fatalf("%s has %d runs (%v)", dir, len(found), err)
		}
		return filepath.Base(found[len(found)-back])
	}
	failed := "broadcast/" + newest("broadcast", 3)
	wide, dark, phone := browsertest.Look{Width: 1200, Height: 860}, browsertest.Look{Width: 1200, Height: 860, Dark: true}, browsertest.Look{Width: 390, Height: 780, Dark: true}
	for _, shot := range []struct {
		name, path string
		look       browsertest.Look
	}{
		{"serve-workbook", "/", wide},
		{"serve-stage", "/stages/3c", wide},
		{"serve-stage-phone", "/stages/3c", phone},
		{"serve-runs", "/runs", dark},
		{"serve-run", "/runs/" + failed, dark},
		{"serve-compare", "/compare?run=" + strings.ReplaceAll(failed+"&run=broadcast/"+newest("broadcast", 1), "+", "%2B"), wide},
		{"explore", "/explorations/" + newest("explore", 1), wide},
	} {
		p := b.Open(base+shot.path, shot.look)
		p.Wait("document.readyState === 'complete'")
		p.Text(`(document.querySelectorAll("pre, code").forEach((e) => { e.textContent = e.textContent.replaceAll(" --store ` + store + `", ""); }), "")`)
		picture, err := png.Decode(bytes.NewReader(p.Screenshot()))
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, picture); err != nil {
			t.Fatal(err)
		}
		if out.Len() > most {
			t.Errorf("the screenshot %s has %d bytes, expected at most %d", shot.name, out.Len(), most)
		}
		if err := os.WriteFile(filepath.Join("docs", "images", shot.name+".png"), out.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}
