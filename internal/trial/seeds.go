package trial

import (
	"fmt"
	"strconv"
	"strings"
)

// Seeds are the seeds of an exploration: First, First+Step, and so on, Count of them.
// The last one must not exceed the largest uint64.
type Seeds struct {
	First, Count, Step uint64
}

// At returns the seed at a place below Count.
func (s Seeds) At(place uint64) uint64 { return s.First + place*s.Step }

// In returns the seeds of a shard, which takes every s.Count-th seed. The shards of
// some seeds are disjoint, together they are all of them, and their sizes differ by
// one at most. Those beyond the number of seeds are empty.
func (s Seeds) In(shard Shard) Seeds {
	at, n := shard.Number-1, shard.Of
	out := Seeds{First: s.First + at*s.Step, Count: s.Count / n, Step: n * s.Step}
	if at < s.Count%n {
		out.Count++
	}
	return out
}

// Shard is one of several parts that seeds are divided in.
type Shard struct {
	Number, Of uint64 // the first one has number 1; zero for seeds that are not divided
}

// ParseShard reads a shard such as 2/8.
func ParseShard(text string) (Shard, error) {
	number, of, _ := strings.Cut(text, "/")
	var s Shard
	var err error
	if s.Number, err = strconv.ParseUint(number, 10, 64); err == nil {
		s.Of, err = strconv.ParseUint(of, 10, 64)
	}
	if err != nil || s.Number < 1 || s.Number > s.Of {
		return Shard{}, fmt.Errorf("is %q, expected the number of a shard, from 1 on, and how many there are, such as 2/8", text)
	}
	return s, nil
}

func (s Shard) String() string { return fmt.Sprintf("%d/%d", s.Number, s.Of) }

// Range is the seeds First, First+Step, and so on to Last.
type Range struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	Step  uint64 `json:"step"`
}

// Count returns how many seeds there are.
func (r Range) Count() uint64 { return (r.Last-r.First)/r.Step + 1 }

func (r Range) String() string {
	switch {
	case r.First == r.Last:
		return strconv.FormatUint(r.First, 10)
	case r.Step == 1:
		return fmt.Sprintf("%d to %d", r.First, r.Last)
	}
	return fmt.Sprintf("%d to %d in steps of %d", r.First, r.Last, r.Step)
}
