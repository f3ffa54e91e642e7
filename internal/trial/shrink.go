package trial

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"glomers/internal/spec"
	"glomers/internal/verdict"
)

// Reduction is a test that was made smaller by changing one option.
type Reduction struct {
	Option   string // as in --rate
	From, To string // its values
	Ops      int    // records of the smaller history
}

// Shrunk is the smallest test that still fails in the same way.
type Shrunk struct {
	Test    spec.Test
	Ops     int      // records of its history
	Options []Option // that differ from the original's
}

// Option is an option of a test and its value.
type Option struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Shrink makes a test that fails smaller: it leaves out faults, time, operations,
// workers, nodes and latency as long as a failure of the same kind remains. For each
// smaller test it tries so many seeds. ops is the length of the original's history.
//
// It returns the smallest test that it knows, with the error of the context if that
// ended the search. report is called for each reduction.
func Shrink(ctx context.Context, original Test, ops int, kind string, tries int, report func(Reduction)) (s Shrunk, err error) {
	s = Shrunk{Test: original.Spec, Ops: ops}
	defer func() { s.Options = changed(original.Spec, s.Test) }()
	for again := true; again; {
		again = false
		for _, d := range dimensions {
			r, found, err := s.reduce(ctx, d, original, kind, tries)
			if err != nil {
				return s, err
			}
			if found {
				again = true
				report(r)
			}
		}
	}
	return s, nil
}

// reduce makes one option as small as the failure allows.
func (s *Shrunk) reduce(ctx context.Context, d dimension, original Test, kind string, tries int) (Reduction, bool, error) {
	for _, candidate := range d.smaller(s.Test) {
		o, found, err := stillFails(ctx, original, candidate, kind, tries)
		if err != nil {
			return Reduction{}, false, err
		}
		if found && o.Ops <= s.Ops {
			r := Reduction{d.option, d.value(s.Test), d.value(candidate), o.Ops}
			candidate.Seed = o.Seed
			s.Test, s.Ops = candidate, o.Ops
			return r, true, nil
		}
	}
	return Reduction{}, false, nil
}

// changed returns the options in which a smaller test differs from the original.
func changed(original, smaller spec.Test) []Option {
	var out []Option
	for _, d := range dimensions {
		v := d.value(smaller)
		switch {
		case v == d.value(original):
		case d.option == "node-count" && !numbered(smaller.Nodes): // the count would number them
			out = append(out, Option{"nodes", strings.Join(smaller.Nodes, ",")})
		default:
			out = append(out, Option{d.option, v})
		}
	}
	return out
}

// numbered reports whether nodes have the ids that --node-count gives them.
func numbered(nodes []string) bool {
	for i, id := range nodes {
		if id != "n"+strconv.Itoa(i) {
			return false
		}
	}
	return true
}

// stillFails looks for a seed with which a test fails in the same way.
func stillFails(ctx context.Context, original Test, candidate spec.Test, kind string, tries int) (Outcome, bool, error) {
	if verdict.Validate(&candidate) != nil {
		return Outcome{}, false, nil
	}
	t := original
	t.Spec, t.Question.Check = candidate, candidate.CheckOptions()
	for try := range tries {
		seed := candidate.Seed
		if try > 0 {
			seed = uint64(try - 1)
		}
		o, err := Run(ctx, t, seed)
		if err != nil {
			return o, false, err
		}
		if slices.Contains(o.Failures, kind) {
			return o, true, nil
		}
	}
	return Outcome{}, false, nil
}

// dimension is an option that can be made smaller.
type dimension struct {
	option  string
	value   func(spec.Test) string
	smaller func(spec.Test) []spec.Test // the next smaller tests, the smallest first
}

func with(t spec.Test, change func(*spec.Test)) spec.Test {
	t.Nemesis = slices.Clone(t.Nemesis)
	change(&t)
	return t
}

// whole is a dimension that is a whole number.
func whole(option string, get func(*spec.Test) int, set func(*spec.Test, int)) dimension {
	return dimension{option,
		func(t spec.Test) string { return strconv.Itoa(get(&t)) },
		func(t spec.Test) (out []spec.Test) {
			for _, n := range smallerNumbers(get(&t), 1) {
				out = append(out, with(t, func(t *spec.Test) { set(t, n) }))
			}
			return out
		}}
}

// dimensions are tried in this order, again and again until none helps.
var dimensions = []dimension{
	{"nemesis", func(t spec.Test) string { return strings.Join(t.Nemesis, ",") }, func(t spec.Test) (out []spec.Test) {
		for i := range t.Nemesis {
			out = append(out, with(t, func(t *spec.Test) { t.Nemesis = slices.Delete(t.Nemesis, i, i+1) }))
		}
		return out
	}},
	whole("time-limit", func(t *spec.Test) int { return int(t.TimeLimit) }, func(t *spec.Test, n int) { t.TimeLimit = float64(n) }),
	whole("rate", func(t *spec.Test) int { return int(t.Rate) }, func(t *spec.Test, n int) { t.Rate = float64(n) }),
	whole("node-count", func(t *spec.Test) int { return len(t.Nodes) }, func(t *spec.Test, n int) {
		perNode := t.Concurrency / len(t.Nodes)
		t.Nodes, t.Concurrency = t.Nodes[:n], max(perNode, 1)*n
	}),
	whole("concurrency", func(t *spec.Test) int { return t.Concurrency }, func(t *spec.Test, n int) { t.Concurrency = n }),
	{"latency", func(t spec.Test) string { return strconv.FormatFloat(t.LatencyMS, 'f', -1, 64) }, func(t spec.Test) []spec.Test {
		if t.LatencyMS == 0 {
			return nil
		}
		return []spec.Test{with(t, func(t *spec.Test) { t.LatencyMS = 0 })}
	}},
	{"max-txn-length", func(t spec.Test) string { return strconv.Itoa(t.MaxTxnLength) }, func(t spec.Test) (out []spec.Test) {
		if !strings.HasPrefix(t.Workload, "txn-") {
			return nil
		}
		for _, n := range smallerNumbers(t.MaxTxnLength, 1) {
			out = append(out, with(t, func(t *spec.Test) { t.MaxTxnLength = n }))
		}
		return out
	}},
}

// smallerNumbers are some of the numbers from least to below n, the smallest
// first.
func smallerNumbers(n, least int) []int {
	var out []int
	for _, m := range []int{least, n / 8, n / 4, n / 2, 3 * n / 4, n - 1} {
		if m >= least && m < n && !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}
