package trial

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"glomers/internal/spec"
)

// TestShards checks that the shards of some seeds are disjoint, complete, and of nearly
// the same size, whatever their number.
func TestShards(t *testing.T) {
	for _, all := range []Seeds{{0, 10, 1}, {7, 100, 1}, {math.MaxUint64 - 11, 12, 1}, {3, 1, 1}, {5, 9, 4}} {
		for of := uint64(1); of <= 15; of++ {
			times := map[uint64]int{}
			for number := uint64(1); number <= of; number++ {
				part := all.In(Shard{number, of})
				if least := all.Count / of; part.Count != least && part.Count != least+1 {
					t.Errorf("shard %d/%d of %+v has %d seeds", number, of, all, part.Count)
				}
				for place := range part.Count {
					times[part.At(place)]++
				}
			}
			for place := range all.Count {
				if n := times[all.At(place)]; n != 1 {
					t.Errorf("seed %d of %+v is in %d of %d shards", all.At(place), all, n, of)
				}
			}
			if uint64(len(times)) != all.Count {
				t.Errorf("%d shards of %+v have %d seeds", of, all, len(times))
			}
		}
	}
}

func TestParseShard(t *testing.T) {
	for text, ok := range map[string]bool{"1/1": true, "2/8": true, "8/8": true, "0/8": false, "9/8": false, "5/99999999999999999999": false, "2": false, "2/": false, "/8": false, "a/8": false, "-1/8": false, "1/8/2": false} {
		s, err := ParseShard(text)
		if (err == nil) != ok || ok && s.String() != text {
			t.Errorf("%q is read as %v, %v", text, s, err)
		}
	}
}

// part is a shard of an exploration in which every third seed fails.
func part(t *testing.T, first, count uint64, shard string) Exploration {
	t.Helper()
	e := Exploration{
		Format: Format, Version: "v1", Command: []string{"test", "3c"}, First: first, Count: count, Shard: shard,
		Tests: []spec.Test{{Workload: "broadcast", Nodes: []string{"n0"}, Load: spec.Load{Rate: 10}, Seed: first}},
		Vary:  Variation{MostCPUCost: spec.Duration(time.Millisecond)},
	}
	seeds := Seeds{first, count, 1}
	if shard != "" {
		s, err := ParseShard(shard)
		if err != nil {
			t.Fatal(err)
		}
		seeds = seeds.In(s)
	}
	for place := range seeds.Count {
		o := outcome(seeds.At(place))
		if o.Seed%3 == 0 {
			o = outcome(o.Seed, "lost")
		}
		e.Outcomes = append(e.Outcomes, o)
	}
	return e
}

func encoded(t *testing.T, e Exploration) string {
	t.Helper()
	var b bytes.Buffer
	if err := e.Encode(&b, struct {
		Runs int `json:"runs"`
	}{len(e.Outcomes)}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestMerge checks that parts, written and read again, in any order, are the same as
// all seeds at once, to the byte.
func TestMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, count := range []uint64{1, 5, 30} {
		for of := uint64(1); of <= min(count, 9); of++ {
			var parts []Part
			for number := uint64(1); number <= of; number++ {
				name := fmt.Sprintf("%d.json", number)
				e, err := Decode(strings.NewReader(encoded(t, part(t, 100, count, fmt.Sprintf("%d/%d", number, of)))))
				if err != nil {
					t.Fatal(err)
				}
				parts = append(parts, Part{name, e})
			}
			r.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
			got, err := Merge(parts)
			if err != nil {
				t.Fatal(err)
			}
			if lines := strings.Count(encoded(t, got), "\n    {\"seed\":"); uint64(lines) != count {
				t.Errorf("%d of %d outcomes have a line of their own", lines, count)
			}
			if got, want := encoded(t, got), encoded(t, part(t, 100, count, "")); got != want {
				t.Errorf("%d shards of %d seeds are merged to\n%s\nexpected\n%s", of, count, got, want)
			}
		}
	}
	// Ranges that follow each other make one, too. The parts stay as they are.
	parts := func() []Part { return []Part{{"b", part(t, 110, 5, "")}, {"a", part(t, 100, 10, "")}} }
	given := parts()
	given[1].Tests[0].Seed = 3
	got, err := Merge(given)
	if err != nil || encoded(t, got) != encoded(t, part(t, 100, 15, "")) {
		t.Errorf("two ranges are merged to %+v, %v", got, err)
	}
	if given[1].Tests[0].Seed = 100; !reflect.DeepEqual(given, parts()) {
		t.Errorf("Merge changes the parts to %+v", given)
	}
}

func TestMergeRefuses(t *testing.T) {
	for want, change := range map[string]func(*Exploration){
		"seed 1 is in both a.json and b.json":                                                     func(e *Exploration) { *e = part(t, 1, 1, "") },
		"tests 1 rate is 10 in one and 20 in the other":                                           func(e *Exploration) { e.Tests[0].Rate = 20 },
		"glomers is v1 in one and v2 in the other":                                                func(e *Exploration) { e.Version = "v2" },
		"tests 1 program is nothing in one and abc in the other":                                  func(e *Exploration) { e.Tests[0].Program = "abc" },
		"vary most-cpu-cost is 1ms in one and nothing in the other":                               func(e *Exploration) { e.Vary = Variation{} },
		"tests 1 nodes 2 is nothing in one and n1 in the other":                                   func(e *Exploration) { e.Tests[0].Nodes = []string{"n0", "n1"} },
		"tests 1 nodes 2 is nothing in one and n2 in the other":                                   func(e *Exploration) { e.Tests[0].Nodes, e.Tests[0].Rate = []string{"n0", "n2"}, 20 },
		"a.json and b.json cannot be merged: medals is nothing in one and true in the other":      func(e *Exploration) { e.Medals = true },
		"a.json and b.json cannot be merged: tests 2 concurrency is nothing in one and 0 in the ": func(e *Exploration) { e.Tests = append(e.Tests, e.Tests[0]) },
	} {
		b := part(t, 10, 10, "")
		change(&b)
		if _, err := Merge([]Part{{"a.json", part(t, 0, 10, "")}, {"b.json", b}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, expected %q", err, want)
		}
	}
	// Where the program lies, and how its command is written, does not matter.
	b := part(t, 10, 10, "")
	b.Tests[0].Solution, b.Tests[0].Start, b.Command = "./elsewhere", time.Now(), []string{"test", "3c", "--json"}
	later := part(t, 20, 10, "")
	later.Command = []string{"test", "3c", "--json", "--strict"}
	first := part(t, 0, 10, "")
	first.Command, later.Command = later.Command, first.Command
	for _, parts := range [][]Part{{{"a", part(t, 0, 10, "")}, {"b", b}}, {{"b", b}, {"a", part(t, 0, 10, "")}}, {{"a", first}, {"b", b}, {"c", later}}} {
		if got, err := Merge(parts); err != nil || !slices.Equal(got.Command, []string{"test", "3c"}) {
			t.Errorf("merged with the command %q, %v", got.Command, err)
		}
	}
}

func TestMissing(t *testing.T) {
	without := func(e Exploration, seeds ...uint64) *Exploration {
		e.Outcomes = slices.DeleteFunc(e.Outcomes, func(o Outcome) bool { return slices.Contains(seeds, o.Seed) })
		return &e
	}
	for _, c := range []struct {
		e    *Exploration
		want string
	}{
		{without(part(t, 0, 10, "")), "[]"},
		{without(part(t, 0, 10, ""), 0, 1, 5, 9), "[0 to 1 5 9]"},
		{without(part(t, 0, 3, ""), 0, 1, 2), "[0 to 2]"},
		{without(part(t, 0, 10, "2/3")), "[]"},
		{without(part(t, 0, 100, "2/10"), 11, 21, 51, 91), "[11 to 21 in steps of 10 51 91]"},
		{without(part(t, math.MaxUint64-4, 5, ""), math.MaxUint64), "[18446744073709551615]"},
	} {
		missing, count := c.e.Missing(), uint64(0)
		for _, r := range missing {
			count += r.Count()
		}
		if all := uint64(len(part(t, c.e.First, c.e.Count, c.e.Shard).Outcomes)); count != all-uint64(len(c.e.Outcomes)) {
			t.Errorf("%v are %d seeds, expected those of %d that are missing", missing, count, all)
		}
		if got := fmt.Sprint(missing); got != c.want {
			t.Errorf("%d seeds from %d on, shard %q: %s are missing, expected %s", c.e.Count, c.e.First, c.e.Shard, got, c.want)
		}
	}
	shards := []Part{{"1", part(t, 0, 10, "1/3")}, {"3", part(t, 0, 10, "3/3")}}
	if e, err := Merge(shards); err != nil || fmt.Sprint(e.Missing()) != "[1 4 7]" {
		t.Errorf("without the second of three shards %v are missing, %v", e.Missing(), err)
	}
}

func TestDecodeRefuses(t *testing.T) {
	whole := encoded(t, part(t, 0, 3, ""))
	for text, want := range map[string]string{
		"":                   "it is not what glomers explore --json prints, or was cut",
		whole[:len(whole)/2]: "or was cut",
		`{"runs": 3}`:        "the entries format, tests and outcomes are missing or empty",
		strings.Replace(whole, `"format": 1`, `"format": 9`, 1):                            "its format is 9, expected 1",
		strings.Replace(whole, `"seeds": 3`, `"seeds": 0`, 1):                              "its seeds, 0 from 0 on, are not possible",
		strings.Replace(whole, `"format": 1`, `"version": 1`, 1):                           "the entries format, tests and outcomes are missing or empty",
		strings.Replace(whole, `"tests"`, `"exams"`, 1):                                    "the entries format, tests and outcomes are missing or empty",
		strings.Replace(whole, `"outcomes"`, `"results"`, 1):                               "the entries format, tests and outcomes are missing or empty",
		strings.Replace(whole, `"first-seed": 0`, `"first-seed": 18446744073709551614`, 1): "its seeds, 3 from 18446744073709551614 on, are not possible",
		strings.Replace(encoded(t, part(t, 5, 3, "")), `"seeds": 3`, `"seeds": 2`, 1):      "it has an outcome of seed 7, which is not one of its seeds, 5 to 6",
		strings.Replace(whole, `"first-seed": 0`, `"first-seed": 1`, 1):                    "it has an outcome of seed 0",
	} {
		if _, err := Decode(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("the error is %v, expected %q", err, want)
		}
	}
}

// TestFiniteFigures checks that a figure which is not a number does not get into an
// outcome, and so not into JSON, which has no word for it.
func TestFiniteFigures(t *testing.T) {
	got := finite([]Figure{{"a", "", 1}, {"b", "", math.NaN()}, {"c", "", math.Inf(1)}, {"d", "", math.Inf(-1)}, {"e", "", 0}})
	if want := []Figure{{"a", "", 1}, {"e", "", 0}}; !reflect.DeepEqual(got, want) {
		t.Errorf("of the figures %v are left, expected %v", got, want)
	}
}

// TestDecode: the seeds may be the last ones there are, and outcomes are sorted.
func TestDecode(t *testing.T) {
	want := part(t, math.MaxUint64-2, 3, "")
	shuffled := want
	shuffled.Outcomes = []Outcome{want.Outcomes[1], want.Outcomes[2], want.Outcomes[0]}
	if got, err := Decode(strings.NewReader(encoded(t, shuffled))); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("decoded as %+v, %v", got, err)
	}
}

// broken is a file that cannot be read or written.
type broken struct{}

func (broken) Read([]byte) (int, error)  { return 0, errors.New("broken") }
func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestBrokenFiles(t *testing.T) {
	e := part(t, 0, 3, "")
	if err := e.Encode(broken{}, struct{}{}); err == nil || err.Error() != "broken" {
		t.Errorf("the error of writing is %v", err)
	}
	if _, err := Decode(broken{}); err == nil || err.Error() != "broken" {
		t.Errorf("the error of reading is %v", err)
	}
}
