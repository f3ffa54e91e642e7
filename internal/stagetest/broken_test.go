package stagetest

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"glomers/internal/cli"
	"glomers/stages"
)

var (
	brokenSeeds = flag.Int("broken-seeds", 0, "run every wrong solution with this many seeds and count those that catch it")
	engine      = flag.String("broken-engine", "sim", "with -broken-seeds: the engine that runs them")
	update      = flag.Bool("update", false, "with -broken-seeds: write the counts into the comments of the solutions")
)

// broken is a wrong solution and what its first comment says of it:
//
//	// Caught by: lost, in 39 of 100 seeds
//	// Command: glomers test 3c ./stages/3c-broadcast/broken/one-ack-for-all --seed 4
//
// The seeds are 0, 1, 2, … with the other options of the command. Where the
// comment has no count, none has been taken yet, and every seed is expected to catch it.
type broken struct {
	stage   stages.Stage
	name    string // of its directory
	path    string // of its main.go
	finding string // the first that the comment names
	caught  int
	of      int      // seeds that were counted; 0 if none were
	options []string // of the command, without the seed
}

var (
	caughtBy   = regexp.MustCompile(`(?m)^// Caught by: (.+?)(?:, in (\d+) of (\d+) seeds)?$`)
	command    = regexp.MustCompile(`(?m)^// Command: glomers test (.+) --seed \d+$`)
	scriptLine = `(?m)^(?:\[\w+\] )?! glomers (?:test|explore) %s \$STAGE/broken/%s .*--seed \d+.*\n((?:.+\n?)*)`
)

// wrongSolutions reads the comments of all wrong solutions.
func wrongSolutions(t *testing.T) []broken {
	t.Helper()
	var all []broken
	for _, s := range stages.All() {
		paths, err := filepath.Glob(filepath.Join(workbook(t), "stages", s.Dir, "broken", "*", "main.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			b, err := readBroken(s, path)
			if err != nil {
				t.Error(err)
				continue
			}
			all = append(all, b)
		}
	}
	return all
}

func readBroken(s stages.Stage, path string) (broken, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return broken{}, err
	}
	b := broken{stage: s, name: filepath.Base(filepath.Dir(path)), path: path}
	comment, _, _ := strings.Cut(string(text), "\npackage main\n")
	by := caughtBy.FindStringSubmatch(comment)
	if by == nil {
		return b, fmt.Errorf("%s: the first comment lacks the line \"Caught by: FINDING\"", path)
	}
	b.finding, _, _ = strings.Cut(by[1], ",")
	b.finding, _, _ = strings.Cut(b.finding, " (")
	if by[2] != "" {
		if b.caught, err = strconv.Atoi(by[2]); err != nil {
			return b, fmt.Errorf("%s: %w", path, err)
		}
		if b.of, err = strconv.Atoi(by[3]); err != nil {
			return b, fmt.Errorf("%s: %w", path, err)
		}
	}
	line := command.FindStringSubmatch(comment)
	if line == nil {
		return b, fmt.Errorf("%s: the first comment lacks the line \"Command: glomers test … --seed N\"", path)
	}
	words := strings.Fields(line[1])
	want := []string{s.ID, "./" + filepath.ToSlash(filepath.Join("stages", s.Dir, "broken", b.name))}
	if len(words) < 2 || !slices.Equal(words[:2], want) {
		return b, fmt.Errorf("%s: the command tests %q, expected %q", path, words, want)
	}
	b.options = words[2:]
	return b, nil
}

// TestBrokenComments checks that every wrong solution says what catches it and in
// how many seeds, and that its stage's script has it caught by that.
func TestBrokenComments(t *testing.T) {
	for _, b := range wrongSolutions(t) {
		if b.of != 0 && (b.caught < 1 || b.caught > b.of || b.of < 10) {
			t.Errorf("%s: caught in %d of %d seeds, expected at least 10 seeds and one that catches it", b.path, b.caught, b.of)
		}
		script := filepath.Join(workbook(t), "stages", b.stage.Dir, "testdata", "broken.txtar")
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(fmt.Sprintf(scriptLine, b.stage.ID, regexp.QuoteMeta(b.name))).FindStringSubmatch(string(text))
		if m == nil {
			t.Errorf("%s does not run broken/%s with a fixed seed", script, b.name)
		} else if !strings.Contains(m[1], b.finding) {
			t.Errorf("%s: broken/%s is caught by %q, which the script does not expect:\n%s", script, b.name, b.finding, m[1])
		}
	}
}

// TestBrokenSeeds counts the seeds that catch each wrong solution, and compares with
// the count in its comment if there are as many seeds. Without a count, all must.
func TestBrokenSeeds(t *testing.T) {
	if *brokenSeeds == 0 {
		t.Skip("takes minutes: make broken")
	}
	all := wrongSolutions(t)
	t.Chdir(workbook(t))
	for _, b := range all {
		t.Run(b.stage.ID+"_"+b.name, func(t *testing.T) {
			seeds := *brokenSeeds
			if b.of != 0 && !*update {
				seeds = min(seeds, b.of)
			}
			caught, kinds := explore(t, b, seeds)
			t.Logf("caught in %d of %d seeds: %s", caught, seeds, kinds)
			switch {
			case *update:
				b.rewrite(t, caught, seeds)
			case b.of == 0 && caught != seeds:
				t.Errorf("caught in %d of %d seeds, expected every one: make broken UPDATE=1", caught, seeds)
			case b.of != 0 && (seeds == b.of && caught != b.caught || b.caught == b.of && caught != seeds):
				t.Errorf("caught in %d of %d seeds, the comment says %d of %d: make broken UPDATE=1", caught, seeds, b.caught, b.of)
			}
		})
	}
}

// explore runs a wrong solution and returns how many seeds fail, and how.
func explore(t *testing.T, b broken, seeds int) (failed int, kinds string) {
	t.Helper()
	args := []string{"glomers", "explore", b.stage.ID, "./" + filepath.ToSlash(filepath.Join("stages", b.stage.Dir, "broken", b.name))}
	args = append(args, b.options...)
	var stdout, stderr bytes.Buffer
	cli.Main(append(args, "--engine", *engine, "--seed", "0", "--seeds", strconv.Itoa(seeds), "--json"), &stdout, &stderr)
	var result struct {
		Runs     int `json:"runs"`
		Passed   int `json:"passed"`
		Failures []struct {
			Kind  string `json:"kind"`
			Count int    `json:"count"`
			Seed  uint64 `json:"seed"`
		} `json:"failures"`
	}
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil || result.Runs != seeds {
		t.Fatalf("%s: %d runs of %d (%v)\n%s", strings.Join(args, " "), result.Runs, seeds, err, &stderr)
	}
	for _, f := range result.Failures {
		kinds += fmt.Sprintf("%s in %d (first %d) ", f.Kind, f.Count, f.Seed)
	}
	return result.Runs - result.Passed, kinds
}

// rewrite puts the counts into the solution's comment.
func (b broken) rewrite(t *testing.T, caught, seeds int) {
	t.Helper()
	text, err := os.ReadFile(b.path)
	if err != nil {
		t.Fatal(err)
	}
	text = caughtBy.ReplaceAll(text, fmt.Appendf(nil, "// Caught by: ${1}, in %d of %d seeds", caught, seeds))
	if err := os.WriteFile(b.path, text, 0o666); err != nil {
		t.Fatal(err)
	}
}
