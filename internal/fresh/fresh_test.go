// Package fresh keeps what the docs quote up to date: the output of commands, in
// blocks of the kind console, and code, in blocks of the kind go.
//
// A block of the kind console holds commands, each behind a "$ ", and what they
// print on standard output. They are run in the order of the page, in the root of
// the project, with a store of the page's own. TestOutput compares what they print;
// "make docs" puts it into the page.
//
// A comment such as
//
//	<!-- picture: glomers test 3c --seed 1 && glomers replay --svg stages/3c-broadcast/run.svg -->
//
// tells how a picture is made, in the same store. The picture that a command writes
// is compared, or made again, too.
package fresh

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"glomers/internal/cli"
	"glomers/internal/compare"
	"glomers/internal/sim/native/overlay"
	"glomers/stages"
)

var update = flag.Bool("update", false, "write what the commands print into the pages")

const root = "../.."

// pages are the Markdown files of the project, from the root.
func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, pattern := range []string{"*.md", "docs/*.md", "stages/*/*.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range found {
			rel, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, filepath.ToSlash(rel))
		}
	}
	return all
}

var block = regexp.MustCompile("(?ms)^```(\\S+)\n(.*?)^```$")

var (
	picture = regexp.MustCompile(`(?m)^<!-- picture: ([^\n]*) -->$`)
	part    = regexp.MustCompile(block.String() + "|" + picture.String())
)

// TestCode checks that every block of Go in a write-up is a part of the stage's
// code: a run of lines of one of its files, whatever their indentation. A line
// with … alone stands for lines that are left out.
func TestCode(t *testing.T) {
	for _, page := range pages(t) {
		if !strings.HasPrefix(page, "stages/") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		var sources []string
		for _, pattern := range []string{"*.go", "*/*/*.go", "starter/*.go"} {
			files, err := filepath.Glob(filepath.Join(root, filepath.Dir(page), pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				source, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				sources = append(sources, flat(string(source)))
			}
		}
		for _, b := range block.FindAllStringSubmatch(string(text), -1) {
			if b[1] == "go" && !slices.ContainsFunc(sources, func(source string) bool { return quotes(source, b[2]) }) {
				t.Errorf("%s quotes code that no file of the stage has:\n%s", page, b[2])
			}
		}
	}
}

// flat removes the indentation of every line.
func flat(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(lines, "\n")
}

func quotes(source, quote string) bool {
	for _, part := range strings.Split(flat(strings.TrimSpace(quote)), "\n…\n") {
		_, after, found := strings.Cut(source, strings.TrimSpace(part))
		if !found {
			return false
		}
		source = after
	}
	return true
}

var program = regexp.MustCompile("(?ms)^```(\\w+) (\\w+)\n(#!/usr/bin/env (\\w+)\n.*?)^```$")

// TestPrograms runs the programs that pages show in other languages: a block of the
// kind "python 3b" is a solution of stage 3b.
func TestPrograms(t *testing.T) {
	for _, page := range pages(t) {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range program.FindAllStringSubmatch(string(text), -1) {
			stage, source, interpreter := m[2], m[3], m[4]
			t.Run(stage+"_"+m[1], func(t *testing.T) {
				if _, err := exec.LookPath(interpreter); err != nil {
					t.Skipf("%s is not installed: the program in %s was not run", interpreter, page)
				}
				bin := filepath.Join(t.TempDir(), "node")
				if err := os.WriteFile(bin, []byte(source), 0o777); err != nil {
					t.Fatal(err)
				}
				var out bytes.Buffer
				args := []string{"glomers", "test", stage, "--bin", bin, "--time-limit", "1", "--recovery", "1", "--rate", "20", "--store", t.TempDir()}
				if code := cli.Main(args, &out, &out); code != 0 {
					t.Errorf("the program in %s does not pass stage %s: exit status %d\n%s", page, stage, code, &out)
				}
			})
		}
	}
}

// TestParts checks that a picture's comment ends with its line: what follows it is
// a part of its own.
func TestParts(t *testing.T) {
	page := "<!-- picture: glomers list -->\n\n```console\n$ glomers list\n```\n\n<!-- picture: glomers hint 1 -->\n"
	if parts := part.FindAllString(page, -1); len(parts) != 3 {
		t.Errorf("a page of a picture, a block and a picture has the parts %q", parts)
	}
}

// TestPaths checks that the files which pages name are there.
func TestPaths(t *testing.T) {
	named := regexp.MustCompile(`\./(stages/[\w./-]*\w)|\]\(([^)#:\s]+)[)#]`)
	for _, page := range pages(t) {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			path := filepath.Join(root, m[1])
			if m[2] != "" {
				path = filepath.Join(root, filepath.Dir(page), m[2])
			}
			if _, err := os.Stat(path); err != nil {
				t.Errorf("%s names %s, which does not exist", page, m[1]+m[2])
			}
		}
	}
}

// writtenWith names the toolchain whose output the pages show: a simulated program
// is the same only if the same compiler made it.
var writtenWith = filepath.Join("testdata", "go-version")

// TestOutput runs the commands in the pages.
func TestOutput(t *testing.T) {
	if !*update && os.Getenv("GLOMERS_LONG") == "" {
		t.Skip("takes minutes: set GLOMERS_LONG=1, or run make test-all")
	}
	if err := overlay.Supported(runtime.GOOS, runtime.GOARCH); err != nil {
		t.Skipf("the pages show native simulation: %v", err)
	}
	if *update {
		if err := os.WriteFile(writtenWith, []byte(runtime.Version()+"\n"), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if version, err := os.ReadFile(writtenWith); err != nil || strings.TrimSpace(string(version)) != runtime.Version() {
		t.Skipf("the pages were written with %s (%v), this is %s: another compiler makes other programs", bytes.TrimSpace(version), err, runtime.Version())
	}
	t.Setenv("NO_COLOR", "1")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	files := pages(t)
	t.Chdir(root)
	for _, page := range files {
		t.Run(strings.ReplaceAll(page, "/", "_"), func(t *testing.T) { checkPage(t, here, page) })
	}
}

func checkPage(t *testing.T, here, page string) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(t.TempDir(), "store")
	fresh := part.ReplaceAllStringFunc(string(text), func(b string) string {
		if m := picture.FindStringSubmatch(b); m != nil {
			draw(t, store, m[1])
			return b
		}
		m := block.FindStringSubmatch(b)
		if m[1] != "console" {
			return b
		}
		return "```console\n" + run(t, store, m[2]) + "```"
	})
	if fresh == string(text) {
		return
	}
	if !*update {
		t.Errorf("%s shows output that is not what the commands print now; run make docs and look at the difference\n%s", page, difference(string(text), fresh))
		return
	}
	if err := os.WriteFile(page, []byte(fresh), 0o666); err != nil {
		t.Fatal(err)
	}
}

// run runs the commands of a block and returns the block with what they print.
func run(t *testing.T, store, text string) string {
	var out strings.Builder
	for _, line := range strings.Split(text, "\n") {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		out.WriteString(line + "\n")
		words := strings.Fields(command)
		if words[0] != "glomers" {
			t.Errorf("cannot run %q: only glomers is run", command)
			continue
		}
		var stdout, stderr bytes.Buffer
		code := cli.Main(inStore(words, store), &stdout, &stderr)
		if code > 1 {
			t.Errorf("%s: exit status %d\n%s", command, code, stderr.String())
		}
		out.WriteString(steady(stdout.String(), store))
	}
	return out.String()
}

// draw runs the commands that make a picture.
func draw(t *testing.T, store, commands string) {
	for _, command := range strings.Split(commands, " && ") {
		words := strings.Fields(command)
		if words[1] == "compare" && !*update {
			continue // minutes of work, and the same for the same code: TestTables notices a change
		}
		drawn := map[string]string{} // where it is drawn now → its place
		for i, word := range words {
			if i > 0 && !*update && slices.Contains([]string{"--svg", "--traffic", "--plot"}, words[i-1]) {
				words[i] = filepath.Join(t.TempDir(), filepath.Base(word))
				drawn[words[i]] = word
			}
		}
		var stdout, stderr bytes.Buffer
		if code := cli.Main(inStore(words, store), &stdout, &stderr); code > 1 {
			t.Errorf("%s: exit status %d\n%s", command, code, &stderr)
		}
		for now, place := range drawn {
			is, err := os.ReadFile(now)
			if err != nil {
				t.Error(err)
			}
			if was, err := os.ReadFile(place); err != nil || !bytes.Equal(is, was) {
				t.Errorf("%s is not what %q draws now (%v); run make docs", place, command, err)
			}
		}
	}
}

// inStore makes a command use a store of its own instead of ./store.
func inStore(words []string, store string) []string {
	words = slices.Clone(words)
	latest := filepath.Join(store, "latest")
	for i, word := range words {
		if rest, ok := strings.CutPrefix(word, "store/"); ok {
			words[i] = filepath.Join(store, rest)
		}
	}
	switch words[1] {
	case "test", "shrink", "explore", "list", "hint":
		return slices.Insert(words, 2, "--store", store)
	case "replay":
		if len(words) == 2 || strings.HasPrefix(words[2], "-") {
			return slices.Insert(words, 2, latest)
		}
	}
	return words
}

var moment = regexp.MustCompile(`\d{8}T\d{6}\.\d{3}[+-]\d{4}`)

// steady takes out of an output what is different each time: the place and the
// time of the run.
func steady(text, store string) string {
	text = strings.ReplaceAll(text, store, "store")
	text = strings.ReplaceAll(text, " --store store", "")
	text = moment.ReplaceAllString(text, "…")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.Join(lines, "\n")
}

// difference lists the lines that only one of two texts has.
func difference(old, now string) string {
	var out []string
	was, is := strings.Split(old, "\n"), strings.Split(now, "\n")
	for _, line := range was {
		if !slices.Contains(is, line) {
			out = append(out, "- "+line)
		}
	}
	for _, line := range is {
		if !slices.Contains(was, line) {
			out = append(out, "+ "+line)
		}
	}
	return strings.Join(out[:min(len(out), 40)], "\n")
}

// TestTables checks that the comparison of designs in each write-up is one of the
// code as it is now.
func TestTables(t *testing.T) {
	for _, s := range stages.All() {
		dir := filepath.Join(root, "stages", s.Dir)
		designs, err := compare.Find(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(designs) == 1 {
			continue // nothing to compare
		}
		page, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		if sum, err := compare.SumIn(page); err != nil || sum != compare.Sum(designs) {
			t.Errorf("the table in stages/%s/README.md is older than the code of its designs (%v): run make compare-%s", s.Dir, err, s.ID)
		}
	}
}
