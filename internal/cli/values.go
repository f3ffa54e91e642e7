package cli

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"glomers/checkers"
	"glomers/internal/trial"
)

// value is a flag whose text is parsed by a function.
type value struct {
	text, kind string
	set        func(string) error

	choices []string // if it is one or, in a list, some of these
	list    bool
}

func (v *value) String() string { return v.text }
func (v *value) Type() string   { return v.kind }
func (v *value) Set(s string) error {
	if err := v.set(s); err != nil {
		return err
	}
	v.text = s
	return nil
}

// A valueError says what is wrong with the value of a flag. Its text continues
// "--flag ".
type valueError string

func (e valueError) Error() string { return string(e) }

func valueErrorf(format string, args ...any) error { return valueError(fmt.Sprintf(format, args...)) }

// wholeVar defines a flag that is a whole number, for a field that is a float.
func wholeVar(flags *pflag.FlagSet, p *float64, name string, def int, usage string) {
	*p = float64(def)
	flags.Var(&value{text: strconv.Itoa(def), kind: "int", set: func(s string) error {
		n, err := strconv.ParseInt(s, 0, 64)
		*p = float64(n)
		return err
	}}, name, usage)
}

// shardVar defines a flag that is a shard of seeds.
func shardVar(flags *pflag.FlagSet, p *trial.Shard) {
	flags.Var(&value{text: "", kind: "shard", set: func(s string) error {
		var err error
		if *p, err = trial.ParseShard(s); err != nil {
			return valueError(err.Error())
		}
		return nil
	}}, "shard", "run one of several parts that the seeds are divided in, such as 2/8, the second of eight")
}

// availabilityVar defines a flag that is a fraction; nil for no expectation.
func availabilityVar(flags *pflag.FlagSet, p **float64, usage string) {
	flags.Var(&value{text: "", kind: "fraction", set: func(s string) error {
		if s == "" {
			*p = nil
			return nil
		}
		least := 1.0
		if s != "total" {
			var err error
			if least, err = strconv.ParseFloat(s, 64); err != nil || !(least >= 0 && least <= 1) {
				return valueErrorf("is %q, expected total or a number between 0 and 1", s)
			}
		}
		*p = &least
		return nil
	}}, "availability", usage)
}

// modelsVar defines a flag that is a list of consistency models.
func modelsVar(flags *pflag.FlagSet, p *[]string, def, usage string) {
	*p = splitList(def)
	flags.Var(&value{text: def, kind: "models", set: func(s string) error {
		models := splitList(s)
		if len(models) == 0 {
			return valueErrorf("is empty, expected at least one model")
		}
		if err := checkers.ValidateModels(models); err != nil {
			return valueErrorf("is %q: %v", s, err)
		}
		*p = models
		return nil
	}}, "consistency-models", usage)
}

// choicesVar defines a flag that is a list of some of the choices.
func choicesVar(flags *pflag.FlagSet, p *[]string, name string, choices []string, usage string) {
	flags.Var(&value{text: "", kind: "list", set: func(s string) error {
		list := splitList(s)
		for _, word := range list {
			if !slices.Contains(choices, word) {
				return valueErrorf("has %q, expected some of %s%s", word, strings.Join(choices, ", "), didYouMean(word, choices))
			}
		}
		*p = list
		return nil
	}, choices: choices, list: true}, name, usage)
}

// choiceVar defines a flag that is one of the choices.
func choiceVar(flags *pflag.FlagSet, p *string, name, shorthand, def string, choices []string, usage string) {
	*p = def
	flags.VarP(&value{text: def, kind: "name", set: func(s string) error {
		if !slices.Contains(choices, s) {
			return valueErrorf("is %q, expected one of %s%s", s, strings.Join(choices, ", "), didYouMean(s, choices))
		}
		*p = s
		return nil
	}, choices: choices}, name, shorthand, usage)
}

// seedVar defines the flag --seed; *given says whether it was used.
func seedVar(flags *pflag.FlagSet, p *uint64, given *bool, usage string) {
	*p = rand.Uint64N(1_000_000_000) // short enough to type
	flags.Var(&value{text: "", kind: "number", set: func(s string) error {
		seed, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return valueErrorf("is %q, expected a whole number from 0 to 18446744073709551615", s)
		}
		*p, *given = seed, true
		return nil
	}}, "seed", usage)
}

func splitList(s string) []string {
	var out []string
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// The most nodes and workers of a test.
const (
	maxNodes       = 1000
	maxConcurrency = 10_000
)

var concurrencyForm = regexp.MustCompile(`^(\d+)(n?)$`)

// parseConcurrency reads a number of workers, such as 10 or 2n.
func parseConcurrency(s string, nodes int) (int, error) {
	m := concurrencyForm.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("--concurrency is %q, expected a number, optionally followed by n (as 2n) to multiply it by the number of nodes", s)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n > maxConcurrency {
		return 0, fmt.Errorf("--concurrency is %q, expected at most %d", s, maxConcurrency)
	}
	if m[2] == "n" {
		n *= nodes
	}
	return n, nil
}

// flagError rewords an error of the flag package, which speaks of Go's types, for users of
// the command.
func flagError(flags *pflag.FlagSet, err error) error {
	var unknown *pflag.NotExistError
	var invalid *pflag.InvalidValueError
	var valueless *pflag.ValueRequiredError
	var syntax *pflag.InvalidSyntaxError
	switch {
	case errors.As(err, &valueless):
		return fmt.Errorf("--%s needs a value after it", valueless.GetFlag().Name)
	case errors.As(err, &syntax):
		return fmt.Errorf("%q is not an option", syntax.GetSpecifiedFlag())
	case errors.As(err, &unknown):
		var names []string
		flags.VisitAll(func(f *pflag.Flag) {
			if !f.Hidden {
				names = append(names, f.Name)
			}
		})
		text := "unknown flag --" + unknown.GetSpecifiedName()
		if unknown.GetSpecifiedShortnames() != "" {
			text = "unknown flag -" + unknown.GetSpecifiedName()
		}
		if near := nearest(unknown.GetSpecifiedName(), names); near != "" {
			text += "; did you mean --" + near + "?"
		}
		return &unknownFlagError{text}
	case errors.As(err, &invalid):
		var reason valueError
		flag := invalid.GetFlag()
		if errors.As(err, &reason) {
			return fmt.Errorf("--%s %s", flag.Name, string(reason))
		}
		want := map[string]string{
			"int": "a whole number", "uint64": "a whole number from 0", "float64": "a number", "bool": "true or false",
			"duration": "a time such as 50µs or 1ms",
		}[flag.Value.Type()]
		return fmt.Errorf("--%s is %q, expected %s", flag.Name, invalid.GetValue(), want)
	}
	return err
}

// unknownFlagError is a flag that a command does not have.
type unknownFlagError struct{ text string }

func (e *unknownFlagError) Error() string { return e.text }

func didYouMean(word string, choices []string) string {
	if near := nearest(word, choices); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

// nearest returns the choice most similar to a word, "" if none is similar: one in which
// at most a third of the letters differ, or which begins with the word.
func nearest(word string, choices []string) string {
	best, least := "", 1+max(1, len(word)/3)
	for _, c := range choices {
		d := distance(word, c)
		if len(word) > 2 && strings.HasPrefix(c, word) {
			d = min(d, 1)
		}
		if d < least {
			best, least = c, d
		}
	}
	return best
}

// distance is how many letters must be inserted, left out, replaced or swapped with their
// neighbour to make one word of the other (the optimal string alignment distance).
func distance(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			replaced := d[i-1][j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			d[i][j] = min(replaced, d[i-1][j]+1, d[i][j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}
