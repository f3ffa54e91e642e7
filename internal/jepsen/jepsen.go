// Package jepsen reads what the real Maelstrom, which is a Jepsen test, leaves in
// its store beside the history: the options of the test and the messages between
// its nodes.
//
// The options are in two files. jepsen.log begins with the test map printed as EDN;
// some of its values are Java objects, which cannot be read back. test.jepsen is
// Jepsen's own binary format for the same map, without such objects. An option is
// taken from jepsen.log if it is there, since a user can look it up in that file.
package jepsen

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"strconv"
	"strings"

	"glomers/checkers/edn"
)

// The files of the options.
const (
	LogFile  = "jepsen.log"
	TestFile = "test.jepsen"
)

// Options are the options of a test, named after Maelstrom's flags. An option that
// the store does not have is zero.
type Options struct {
	Workload          string
	Nodes             []string
	Concurrency       int
	Rate              float64 // operations a second
	TimeLimit         float64 // seconds
	LatencyMS         float64 // mean latency of a message, in milliseconds
	LatencyDist       string
	Nemesis           []string // the faults, such as partition
	NemesisInterval   float64  // seconds
	Availability      *float64 // the lowest acceptable fraction of successful operations, 1 for total; nil for any
	ConsistencyModels []string
	KeyCount          int
	MaxTxnLength      int
	MaxWritesPerKey   int
	Topology          string
	Bin               string // the program of a node

	Found []Found // where each option was found, in the order above
}

// Found is where an option was found.
type Found struct {
	Option string // such as availability
	Value  string // as EDN
	Place  string // such as jepsen.log:18
}

// Place returns where an option was found, such as jepsen.log:18; "" if the store does
// not have it.
func (o *Options) Place(option string) string {
	for _, f := range o.Found {
		if f.Option == option {
			return f.Place
		}
	}
	return ""
}

// entry is a member of the test map.
type entry struct {
	value any
	place string
}

// ReadOptions reads the options of the test whose store is dir. It returns nil
// if the store has neither jepsen.log nor test.jepsen.
func ReadOptions(dir fs.FS) (*Options, error) {
	fromLog, err := readLog(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	fromTest, testErr := readTest(dir)
	switch {
	case testErr == nil:
	case len(fromLog) > 0: // a run that was killed leaves half a test.jepsen
	case errors.Is(testErr, fs.ErrNotExist) && err != nil:
		return nil, nil
	case errors.Is(testErr, fs.ErrNotExist):
		return nil, fmt.Errorf("%s has no test map: expected it after a line that ends with %q", LogFile, runningTest)
	default:
		return nil, testErr
	}
	return newOptions(func(option string) (entry, bool) {
		if e, ok := fromLog[option]; ok {
			return e, true
		}
		e, ok := fromTest[option]
		return e, ok
	})
}

// newOptions converts the members of a test map.
func newOptions(find func(option string) (entry, bool)) (*Options, error) {
	o := &Options{}
	var first error
	get := func(option, want string, set func(v any) bool) {
		e, ok := find(option)
		if !ok {
			return
		}
		if e.value != nil && !set(e.value) {
			if first == nil {
				first = fmt.Errorf("%s: :%s is %s, expected %s", e.place, option, edn.Brief(e.value, 60), want)
			}
			return
		}
		o.Found = append(o.Found, Found{option, edn.Brief(e.value, 60), e.place})
	}
	get("workload", "a keyword", setText(&o.Workload))
	get("nodes", "names", setTexts(&o.Nodes))
	get("concurrency", "a number", setInt(&o.Concurrency))
	get("rate", "a number", setFloat(&o.Rate))
	get("time-limit", "seconds", setFloat(&o.TimeLimit))
	get("latency", "a map with :mean and :dist", func(v any) bool {
		m, ok := v.(edn.Map)
		mean, _ := m.Get(edn.Keyword("mean"))
		dist, _ := m.Get(edn.Keyword("dist"))
		return ok && setFloat(&o.LatencyMS)(mean) && setText(&o.LatencyDist)(dist)
	})
	get("nemesis-interval", "seconds", setFloat(&o.NemesisInterval))
	get("availability", ":total or a number from 0 to 1", o.setAvailability)
	get("consistency-models", "a list of keywords", setTexts(&o.ConsistencyModels))
	get("key-count", "a number", setInt(&o.KeyCount))
	get("max-txn-length", "a number", setInt(&o.MaxTxnLength))
	get("max-writes-per-key", "a number", setInt(&o.MaxWritesPerKey))
	get("topology", "a keyword", setText(&o.Topology))
	get("bin", "a path", setText(&o.Bin))
	o.findNemesis(find)
	return o, first
}

// findNemesis takes the faults from the command line of the test, because the test
// map holds an object in their place.
func (o *Options) findNemesis(find func(option string) (entry, bool)) {
	e, ok := find("argv")
	var argv []string
	if !ok || !setTexts(&argv)(e.value) {
		return
	}
	for i, arg := range argv {
		value, joined := strings.CutPrefix(arg, "--nemesis=")
		switch {
		case joined:
		case arg == "--nemesis" && i+1 < len(argv):
			value = argv[i+1]
		default:
			continue
		}
		o.Nemesis = strings.FieldsFunc(value, func(r rune) bool { return r == ',' || r == ' ' })
		o.Found = append(o.Found, Found{"nemesis", value, e.place})
	}
}

func (o *Options) setAvailability(v any) bool {
	least := 1.0
	if v != edn.Keyword("total") && !setFloat(&least)(v) || !(least >= 0 && least <= 1) {
		return false
	}
	o.Availability = &least
	return true
}

func setText(p *string) func(any) bool {
	return func(v any) bool {
		switch v := v.(type) {
		case string:
			*p = v
		case edn.Keyword:
			*p = string(v)
		default:
			return false
		}
		return true
	}
}

func setTexts(p *[]string) func(any) bool {
	return func(v any) bool {
		seq, ok := v.([]any)
		if list, isList := v.(edn.List); isList {
			seq, ok = list, true
		}
		out := make([]string, len(seq))
		for i, x := range seq {
			ok = ok && setText(&out[i])(x)
		}
		*p = out
		return ok
	}
}

func setFloat(p *float64) func(any) bool {
	return func(v any) bool {
		switch v := v.(type) {
		case int64:
			*p = float64(v)
		case float64:
			*p = v
		default:
			n, err := strconv.ParseFloat(edn.Brief(v, 40), 64) // such as the ratio 1/3: not one that is used
			if err != nil {
				return false
			}
			*p = n
		}
		return !math.IsNaN(*p) && !math.IsInf(*p, 0)
	}
}

func setInt(p *int) func(any) bool {
	return func(v any) bool {
		n, ok := v.(int64)
		*p = int(n)
		return ok && n >= 0 && n <= math.MaxInt32
	}
}
