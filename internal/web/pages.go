package web

import (
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"glomers/checkers"
)

// functions are what the pages call.
var functions = template.FuncMap{
	"figure":  checkers.Figure,
	"verdict": verdictText,
	"mark":    mark,
	"size":    sizeText,
	"moment":  func(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05") },
	"iso":     func(t time.Time) string { return t.Format(time.RFC3339) },
	"join":    strings.Join,
	"seconds": func(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) },
	"dict":    dict,
	"short":   short,
}

// dict makes the arguments of a template that takes several.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: %d arguments, expected pairs", len(pairs))
	}
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		key, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: the key %v is no string", pairs[i])
		}
		m[key] = pairs[i+1]
	}
	return m, nil
}

// short is the end of a long path.
func short(s string) string {
	s = strings.TrimPrefix(s, "./")
	if parts := strings.Split(s, "/"); len(parts) > 3 {
		return "…/" + strings.Join(parts[len(parts)-3:], "/")
	}
	return s
}

// verdictText is an outcome in a word.
func verdictText(outcome string) string {
	switch outcome {
	case pass, fail, unknown:
		return strings.ToUpper(outcome)
	}
	return "no verdict"
}

// mark is an outcome as a sign, so that colour is never needed to tell it.
func mark(outcome string) string {
	switch outcome {
	case pass:
		return "✓"
	case fail:
		return "✗"
	}
	return "?"
}

func sizeText(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 1000_000:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1000_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(n)/1e9)
}

// source is a program of the book.
type source struct{ Name, Path string }

// sources lists the programs of a stage: the starter, the reference, the alternatives
// and the wrong ones.
func (b *book) sources(dir string) []source {
	var out []source
	for _, pattern := range []string{"starter/main.go", "main.go", "alternatives/*/*.go", "broken/*/*.go"} {
		names, err := fs.Glob(b.stages, dir+"/"+pattern)
		if err != nil {
			return nil // only for a bad pattern
		}
		for _, name := range names {
			label := strings.TrimPrefix(path.Dir(name), dir)
			if label = strings.TrimPrefix(label, "/"); label == "" {
				label = "reference"
			}
			out = append(out, source{label, "stages/" + name})
		}
	}
	return out
}

func (s *server) docs(w http.ResponseWriter, _ *http.Request) error {
	type entry struct{ Name, Title string }
	var entries []entry
	for _, name := range s.book.pageNames() {
		p, err := s.book.render("docs/" + name)
		if err != nil {
			return err
		}
		entries = append(entries, entry{strings.TrimSuffix(name, ".md"), p.Title})
	}
	return s.show(w, "docs.html", struct {
		frame
		Entries []entry
	}{s.frame("Docs", "docs"), entries})
}

func (s *server) doc(w http.ResponseWriter, r *http.Request) error {
	p, err := s.book.render("docs/" + r.PathValue("name") + ".md")
	if err != nil {
		return notFound(err)
	}
	return s.show(w, "doc.html", struct {
		frame
		Page page
	}{s.frame(p.Title, "docs"), p})
}

// source shows a file of the project that is built in.
func (s *server) source(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("path")
	text, err := s.book.read(name)
	if err != nil {
		return notFound(err)
	}
	if kind, ok := pictureTypes[path.Ext(name)]; ok {
		w.Header().Set("Content-Security-Policy", picturePolicy)
		w.Header().Set("Content-Type", kind)
		w.Write(text)
		return nil
	}
	return s.show(w, "source.html", struct {
		frame
		Name, Text string
	}{s.frame(name, "stages"), name, string(text)})
}

// assetTypes are the files that the pages use.
var assetTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

func (s *server) asset(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("name")
	text, err := files.ReadFile("assets/" + name)
	if err != nil {
		return notFound(err)
	}
	if path.Ext(name) == ".svg" {
		w.Header().Set("Content-Security-Policy", picturePolicy)
	}
	w.Header().Set("Content-Type", assetTypes[path.Ext(name)])
	w.Write(text)
	return nil
}
