package web

import (
	"bytes"
	"html/template"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"

	"glomers/docs"
	"glomers/stages"
)

// book renders the pages that are built into the command. Raw HTML in them is left
// out, and a link to what is not built in becomes plain text.
type book struct {
	docs, stages fs.FS
	markdown     goldmark.Markdown
}

func newBook() *book {
	b := &book{docs: docs.Files(), stages: stages.Files()}
	b.markdown = goldmark.New(
		goldmark.WithExtensions(extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute)), extension.Linkify),
		goldmark.WithParserOptions(parser.WithAutoHeadingID(), parser.WithASTTransformers(util.Prioritized(links{b}, 100))),
	)
	return b
}

// page is a page of the book.
type page struct {
	Title string
	HTML  template.HTML
}

// pageKey is where the transformer finds the path of the page that it transforms.
var pageKey = parser.NewContextKey()

// render renders the page at a path of the project, such as docs/concepts.md.
func (b *book) render(name string) (page, error) {
	source, err := b.read(name)
	if err != nil {
		return page{}, err
	}
	ctx := parser.NewContext()
	ctx.Set(pageKey, name)
	var out bytes.Buffer
	if err := b.markdown.Convert(source, &out, parser.WithContext(ctx)); err != nil {
		return page{}, err
	}
	p := page{Title: name, HTML: template.HTML(out.String())} // goldmark escapes, and leaves out raw HTML
	if first, _, _ := strings.Cut(string(source), "\n"); strings.HasPrefix(first, "# ") {
		p.Title = strings.TrimSpace(first[2:])
	}
	return p, nil
}

// read returns a file of the project that is built in.
func (b *book) read(name string) ([]byte, error) {
	if rest, ok := strings.CutPrefix(name, "docs/"); ok {
		return fs.ReadFile(b.docs, rest)
	}
	if rest, ok := strings.CutPrefix(name, "stages/"); ok {
		return fs.ReadFile(b.stages, rest)
	}
	return nil, fs.ErrNotExist
}

// pageNames returns the pages of docs in the order of their names.
func (b *book) pageNames() []string {
	names, err := fs.Glob(b.docs, "*.md")
	if err != nil {
		return nil // only for a bad pattern
	}
	return names
}

// isFile reports whether a file of the project is built in.
func (b *book) isFile(name string) bool {
	text, err := b.read(name)
	return err == nil && len(text) > 0
}

// address returns the address at which the server shows a file of the project; false
// if it does not.
func (b *book) address(name string) (string, bool) {
	if dir, ok := strings.CutPrefix(name, "stages/"); ok {
		dir = strings.TrimSuffix(dir, "/README.md")
		if s, err := stages.Find(dir); err == nil {
			return "/stages/" + s.ID, true
		}
	}
	if page, ok := strings.CutPrefix(name, "docs/"); ok && strings.HasSuffix(page, ".md") && b.isFile(name) {
		return "/docs/" + strings.TrimSuffix(page, ".md"), true
	}
	if b.isFile(name) {
		return "/source/" + name, true
	}
	return "", false
}

// links rewrites the links of a page to addresses of the server.
type links struct{ book *book }

// Transform is called by goldmark for each page.
func (l links) Transform(doc *ast.Document, reader text.Reader, pc parser.Context) {
	name, _ := pc.Get(pageKey).(string)
	var gone []ast.Node                                                     // links to what is not here
	ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // its error is that of the function, which has none
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Link:
			to, ok := l.resolve(name, string(n.Destination))
			if !ok {
				gone = append(gone, n)
				break
			}
			n.Destination = []byte(to)
			if !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "#") {
				n.SetAttributeString("rel", "noreferrer")
			}
		case *ast.Image:
			to, ok := l.resolve(name, string(n.Destination))
			if !ok || !strings.HasPrefix(to, "/") { // nothing is fetched from elsewhere
				gone = append(gone, n)
				break
			}
			n.Destination = []byte(to)
			n.SetAttributeString("loading", "lazy")
		}
		return ast.WalkContinue, nil
	})
	for _, n := range gone { // its text stays
		parent := n.Parent()
		for child := n.FirstChild(); child != nil; {
			next := child.NextSibling()
			parent.InsertBefore(parent, n, child)
			child = next
		}
		parent.RemoveChild(parent, n)
	}
}

// resolve returns the address for a link in a page.
func (l links) resolve(page, to string) (string, bool) {
	u, err := url.Parse(to)
	switch {
	case err != nil:
		return "", false
	case u.Scheme == "http" || u.Scheme == "https":
		return to, true
	case u.Scheme != "" || u.Host != "":
		return "", false
	case u.Path == "":
		return to, true // within the page
	}
	address, ok := l.book.address(path.Join(path.Dir(page), u.Path))
	if u.Fragment != "" {
		address += "#" + u.EscapedFragment()
	}
	return address, ok
}
