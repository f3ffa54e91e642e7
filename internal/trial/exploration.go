package trial

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"glomers/internal/spec"
)

// Format is the version of an Exploration's JSON.
const Format = 1

// Exploration is a test with many seeds and what became of each of them: complete
// enough to be joined with other parts of the same exploration, wherever they ran.
type Exploration struct {
	Format  int         `json:"format"`
	Version string      `json:"glomers"`          // that ran it
	Command []string    `json:"command"`          // the words of the command that runs one of the seeds, without the seed
	Tests   []spec.Test `json:"tests"`            // that each seed must pass, as they are before they are varied
	Vary    Variation   `json:"vary"`             // what differs from seed to seed
	Medals  bool        `json:"medals,omitempty"` // it is the stage's hard mode as it is, whose seeds count for medals

	First uint64 `json:"first-seed"`
	Count uint64 `json:"seeds"`           // of all shards, from the first on
	Shard string `json:"shard,omitempty"` // such as 2/8; empty for all seeds

	Outcomes []Outcome `json:"-"` // by seed; see Encode
}

// Encode writes an exploration as JSON: an object with the entries of the exploration,
// those of details, and "outcomes", an array with a line for each seed.
func (e *Exploration) Encode(w io.Writer, details any) error {
	head, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return fmt.Errorf("write the exploration as JSON: %w", err)
	}
	more, err := json.MarshalIndent(details, "", "  ")
	if err != nil {
		return fmt.Errorf("write the exploration as JSON: %w", err)
	}
	var b bytes.Buffer
	b.Write(bytes.TrimSuffix(head, []byte("\n}")))
	b.WriteString(",")
	b.Write(bytes.TrimSuffix(bytes.TrimPrefix(more, []byte("{")), []byte("\n}")))
	b.WriteString(",\n  \"outcomes\": [")
	for i, o := range e.Outcomes {
		line, err := json.Marshal(o)
		if err != nil {
			return fmt.Errorf("write the outcome of seed %d as JSON: %w", o.Seed, err)
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n    ")
		b.Write(line)
	}
	b.WriteString("\n  ]\n}\n")
	_, err = w.Write(b.Bytes())
	return err
}

// Decode reads what Encode wrote.
func Decode(r io.Reader) (Exploration, error) {
	var e struct {
		Exploration
		Outcomes *[]Outcome `json:"outcomes"`
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return Exploration{}, err
	}
	if err := json.Unmarshal(text, &e); err != nil {
		return Exploration{}, errors.New("it is not what glomers explore --json prints, or was cut")
	}
	switch {
	case e.Format == 0 || e.Outcomes == nil || len(e.Tests) == 0:
		return Exploration{}, fmt.Errorf("it is not what glomers explore --json prints: the entries format, tests and outcomes are missing or empty")
	case e.Format != Format:
		return Exploration{}, fmt.Errorf("its format is %d, expected %d, which this version of glomers writes", e.Format, Format)
	case e.Count == 0 || e.First+(e.Count-1) < e.First:
		return Exploration{}, fmt.Errorf("its seeds, %d from %d on, are not possible", e.Count, e.First)
	}
	e.Exploration.Outcomes = *e.Outcomes
	sort.Slice(e.Exploration.Outcomes, func(i, j int) bool {
		return e.Exploration.Outcomes[i].Seed < e.Exploration.Outcomes[j].Seed
	})
	for _, o := range e.Exploration.Outcomes {
		if o.Seed-e.First >= e.Count { // wraps around for a seed before the first
			return Exploration{}, fmt.Errorf("it has an outcome of seed %d, which is not one of its seeds, %v", o.Seed, Range{e.First, e.First + (e.Count - 1), 1})
		}
	}
	return e.Exploration, nil
}

// Missing returns the seeds that have no outcome; of a shard, its own.
func (e *Exploration) Missing() []Range {
	seeds := Seeds{e.First, e.Count, 1}
	if shard, err := ParseShard(e.Shard); err == nil {
		seeds = seeds.In(shard)
	}
	var missing []Range
	place := uint64(0) // of the next seed that is expected
	gap := func(to uint64) {
		if place < to {
			missing = append(missing, Range{seeds.At(place), seeds.At(to - 1), seeds.Step})
		}
		place = to + 1
	}
	for _, o := range e.Outcomes {
		gap((o.Seed - seeds.First) / seeds.Step)
	}
	gap(seeds.Count)
	return missing
}

// Part is an exploration and where it comes from.
type Part struct {
	Name string // of its file
	Exploration
}

// Merge joins parts of an exploration, in any order, such as its shards. The result is
// the same as if all seeds, from the smallest to the largest, had been run at once.
// Parts of different tests, of different programs or made by different versions, and
// seeds that two parts have, are errors; seeds that no part has are not: see Missing.
func Merge(parts []Part) (Exploration, error) {
	parts = slices.Clone(parts)
	sort.SliceStable(parts, func(i, j int) bool { return parts[i].First < parts[j].First })
	whole := parts[0].Exploration
	whole.Shard, whole.Outcomes, whole.Tests = "", nil, slices.Clone(whole.Tests)
	last := whole.First
	owner := map[uint64]Part{}
	for _, p := range parts {
		if path, a, b := difference(parts[0].Exploration, p.Exploration); path != "" {
			return Exploration{}, fmt.Errorf("%s and %s cannot be merged: %s is %s in one and %s in the other", parts[0].Name, p.Name, path, a, b)
		}
		last = max(last, p.First+(p.Count-1))
		// The words of the command may differ, as --rate=5 and --rate 5; which of them
		// are taken does not depend on the order of the parts.
		if slices.Compare(p.Command, whole.Command) < 0 {
			whole.Command = p.Command
		}
		for _, o := range p.Outcomes {
			if other, ok := owner[o.Seed]; ok {
				return Exploration{}, fmt.Errorf("seed %d is in both %s and %s; expected each seed once", o.Seed, other.Name, p.Name)
			}
			owner[o.Seed] = p
			whole.Outcomes = append(whole.Outcomes, o)
		}
	}
	whole.Count = last - whole.First + 1
	for i := range whole.Tests {
		whole.Tests[i].Seed = whole.First
	}
	sort.Slice(whole.Outcomes, func(i, j int) bool { return whole.Outcomes[i].Seed < whole.Outcomes[j].Seed })
	return whole, nil
}

// difference returns the first entry in which the tests of two explorations differ, and
// its values; an empty path if they are the same.
func difference(a, b Exploration) (path, x, y string) {
	p, q := identity(a), identity(b)
	paths := slices.Concat(slices.Sorted(maps.Keys(p)), slices.Sorted(maps.Keys(q)))
	slices.Sort(paths)
	for _, path := range paths {
		if p[path] != q[path] {
			return path, cmp.Or(p[path], "nothing"), cmp.Or(q[path], "nothing")
		}
	}
	return "", "", ""
}

// identity is what parts of one exploration have in common, by path. A program is known
// by its hash; where it lies on each machine does not matter.
func identity(e Exploration) map[string]string {
	e.Command, e.First, e.Count, e.Shard = nil, 0, 0, ""
	e.Tests = slices.Clone(e.Tests)
	for i := range e.Tests {
		t := &e.Tests[i]
		t.Seed, t.Solution, t.Command, t.Start = 0, "", "", time.Time{}
	}
	text, err := json.Marshal(e)
	var entries any
	if err == nil {
		err = json.Unmarshal(text, &entries)
	}
	if err != nil { // a valid test has only finite numbers
		panic(fmt.Sprintf("an exploration has no JSON: %v", err))
	}
	values := map[string]string{}
	flatten("", entries, values)
	return values
}

// flatten adds the values of a JSON document by their paths.
func flatten(path string, v any, values map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			flatten(strings.TrimPrefix(path+" "+key, " "), v[key], values)
		}
	case []any:
		for i, x := range v {
			flatten(fmt.Sprintf("%s %d", path, i+1), x, values)
		}
	default:
		values[path] = fmt.Sprint(v)
	}
}
