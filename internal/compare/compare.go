// Package compare sets designs of a stage side by side: the reference solution,
// the alternatives that people tried, and a learner's own. It knows where designs
// are and how their figures become a table; running them is up to the caller.
package compare

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Design is a program that solves a stage in a way of its own.
type Design struct {
	Name  string // reference, or the name of its directory
	Title string // the first sentence of its package comment
	Dir   string
	Lines int    // of code: neither blank nor only a comment
	sum   []byte // of its tokens
}

// Reference is the name of the design in the stage's own directory.
const Reference = "reference"

// Find returns the designs in a stage's directory: the reference first, then the
// alternatives by name.
func Find(stageDir string) ([]Design, error) {
	dirs, err := filepath.Glob(filepath.Join(stageDir, "alternatives", "*"))
	if err != nil {
		return nil, err
	}
	reference, err := Read(stageDir)
	if err != nil {
		return nil, err
	}
	reference.Name = Reference
	designs := []Design{reference}
	for _, dir := range dirs {
		d, err := Read(dir)
		if err != nil {
			return nil, err
		}
		designs = append(designs, d)
	}
	return designs, nil
}

// Read returns the design in a directory.
func Read(dir string) (Design, error) {
	d := Design{Name: filepath.Base(dir), Dir: dir}
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return d, err
	}
	sum := sha256.New()
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return d, err
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, source, parser.ParseComments|parser.PackageClauseOnly)
		if err != nil {
			return d, fmt.Errorf("read the design in %s: %w", dir, err)
		}
		if title := firstSentence(syntax.Doc); title != "" && d.Title == "" {
			d.Title = title
		}
		fmt.Fprintf(sum, "file %q\n", filepath.Base(file))
		d.Lines += readTokens(source, sum)
	}
	if d.Lines == 0 {
		return d, fmt.Errorf("%s holds no Go program", dir)
	}
	d.sum = sum.Sum(nil)
	return d, nil
}

func firstSentence(doc *ast.CommentGroup) string {
	text := strings.Join(strings.Fields(doc.Text()), " ")
	if i := strings.Index(text, ". "); i >= 0 {
		return text[:i]
	}
	return strings.TrimSuffix(text, ".")
}

// readTokens writes the tokens of a program to w and returns the number of lines on which
// one begins. Comments are left out, but for those that the go command and the compiler
// read, such as //go:embed.
func readTokens(source []byte, w io.Writer) (lines int) {
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, scanner.ScanComments)
	last := 0 // line
	for {
		pos, tok, text := s.Scan()
		switch {
		case tok == token.EOF:
			return lines
		case tok == token.COMMENT && !strings.HasPrefix(text, "//go:"):
			continue
		}
		added := tok == token.SEMICOLON && text != ";" // by the scanner, where a line ends
		if added {
			text = ";"
		}
		fmt.Fprintf(w, "%s %q\n", tok, text)
		if line := file.Line(pos); line > last && !added && tok != token.COMMENT {
			lines, last = lines+1, line
		}
	}
}

// Sum identifies some designs: their code without its comments, and what a table says
// of them beside the figures. So a table can be told from one of older code.
func Sum(designs []Design) string {
	sum := sha256.New()
	for _, d := range designs {
		fmt.Fprintf(sum, "%q %q %d\n", d.Name, d.Title, d.Lines)
		sum.Write(d.sum)
	}
	return hex.EncodeToString(sum.Sum(nil))[:16]
}

// The lines around the table in a page. The first one holds the Sum of the designs
// that were measured.
const (
	beginPrefix = "<!-- compare"
	end         = "<!-- end of compare -->"
)

// WriteTable replaces the table in a page. It returns an error for a page that has
// no place for one.
func WriteTable(page []byte, sum, table string) ([]byte, error) {
	from, to, err := place(page)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Write(page[:from])
	fmt.Fprintf(&b, "%s %s -->\n%s%s", beginPrefix, sum, table, end)
	b.Write(page[to:])
	return b.Bytes(), nil
}

// SumIn returns the Sum of the designs whose table a page holds.
func SumIn(page []byte) (string, error) {
	from, _, err := place(page)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(page[from:]), "\n")
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(line, beginPrefix), "-->")), nil
}

func place(page []byte) (from, to int, err error) {
	from = bytes.Index(page, []byte(beginPrefix))
	to = bytes.Index(page, []byte(end))
	if from < 0 || to < from {
		return 0, 0, fmt.Errorf("the page has no place for a table: expected the lines %q and %q", beginPrefix+" -->", end)
	}
	return from, to + len(end), nil
}
