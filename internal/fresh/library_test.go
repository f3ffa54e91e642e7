package fresh

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLibrary does what the README says of using the checkers from another module:
// it makes such a module with the commands there, puts the code there into a main
// function, and runs it on a history that is not linearizable.
func TestLibrary(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "## Using the checkers from another module\n")
	if !found {
		t.Fatal("README.md has no section on using the checkers from another module")
	}
	section, _, _ = strings.Cut(section, "\n## ")
	blocks := regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```$").FindAllStringSubmatch(section, -1)
	if len(blocks) != 2 || blocks[0][1] != "" || blocks[1][1] != "go" {
		t.Fatalf("the section has %d blocks, expected one of commands and one of Go", len(blocks))
	}
	workbook, err := filepath.Abs(root)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	command := func(words ...string) string {
		cmd := exec.Command(words[0], words[1:]...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, out)
		}
		return string(out)
	}
	write("main.go", "package main\n\nimport (\n\t\"fmt\"\n\t\"log\"\n\n\t\"glomers/checkers\"\n\t\"glomers/checkers/history\"\n)\n\nfunc main() {\n"+blocks[1][2]+"}\n")
	write("history.jsonl", `{"type":"invoke","process":0,"f":"write","value":[1,7]}
{"type":"ok","process":0,"f":"write","value":[1,7]}
{"type":"invoke","process":1,"f":"read","value":[1,null]}
{"type":"ok","process":1,"f":"read","value":[1,8]}
`)
	command("go", "mod", "init", "example")
	for _, line := range strings.Split(strings.TrimSpace(blocks[0][2]), "\n") {
		command(strings.Fields(strings.ReplaceAll(line, "../glomers", workbook))...)
	}
	out := command("go", "run", ".")
	if !strings.HasPrefix(out, "false\n") || !strings.Contains(out, "linearizable key 1: no order") {
		t.Errorf("the program prints\n%s\nexpected the verdict false, and that key 1 is not linearizable", out)
	}
}
