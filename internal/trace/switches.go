package trace

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"glomers/checkers/brief"
	"glomers/checkers/journal"
)

// Step is something that a goroutine of a node did.
type Step struct {
	At        time.Duration
	Goroutine int
	Does      string // "gives way in main.f (main.go:12)", "goes on" or "prints TEXT"
}

const (
	givesWay = "gives way"
	goesOn   = "goes on"
	prints   = "prints "
)

// ReadSteps reads the steps of a node from its log, whose lines begin with the time in
// seconds. Those of steps go on with a mark, and others are left out.
func ReadSteps(log io.Reader, mark string) ([]Step, error) {
	var steps []Step
	in := bufio.NewScanner(log)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		at, rest, _ := strings.Cut(strings.TrimSpace(in.Text()), " ")
		rest, marked := strings.CutPrefix(rest, mark)
		number, does, _ := strings.Cut(rest, " ")
		goroutine, err := strconv.Atoi(number)
		seconds, badTime := strconv.ParseFloat(at, 64)
		if !marked || err != nil || badTime != nil {
			continue
		}
		steps = append(steps, Step{time.Duration(seconds * float64(time.Second)), goroutine, does})
	}
	return steps, in.Err()
}

// Switches finds in the steps of nodes where a goroutine gave way and others did
// something before it went on.
type Switches struct {
	names    names
	requests map[exchange]json.RawMessage
}

// NewSwitches returns the switches of a run that have to do with the subject.
func NewSwitches(s Subject) *Switches {
	return &Switches{names: namesOf(s.About), requests: map[exchange]json.RawMessage{}}
}

// Add takes the next event of the journal.
func (s *Switches) Add(e journal.Event) {
	m := &e.Message
	if e.Kind != journal.Send {
		return
	}
	if h := headerOf(m.Body); h.hasID && !h.answersSome {
		s.requests[exchange{m.Src, m.Dest, h.msgID}] = m.Body
	}
}

// change is a goroutine that gave way, and what happened until it had printed its next
// line.
type change struct {
	steps    []Step // from "gives way" on; only those that are shown
	relevant bool
}

// Lines describes the switches of a node. If some have to do with the subject, it leaves
// out the others.
func (s *Switches) Lines(node string, steps []Step) []string {
	var changes []change
	found := false
	for i, step := range steps {
		if !strings.HasPrefix(step.Does, givesWay) {
			continue
		}
		if c, ok := s.change(steps[i:]); ok {
			changes = append(changes, c)
			found = found || c.relevant
		}
	}
	var out []string
	for _, c := range changes {
		if found && !c.relevant {
			continue
		}
		for _, step := range c.steps {
			indent := ""
			if step.Goroutine != c.steps[0].Goroutine {
				indent = "    "
			}
			out = append(out, fmt.Sprintf("%11s  %-4s %sgoroutine %d %s", seconds(step.At), node, indent, step.Goroutine, s.words(step)))
		}
	}
	return out
}

// change reads the switch that steps begin with: what others did before the goroutine
// went on, and what it and those of them that had not printed anything print next. It
// is none if no other goroutine did anything.
func (s *Switches) change(steps []Step) (change, bool) {
	first := steps[0]
	on := slices.IndexFunc(steps, func(x Step) bool { return x.Goroutine == first.Goroutine && x.Does == goesOn })
	if on < 0 {
		return change{}, false
	}
	c := change{steps: []Step{first}}
	silent := map[int]bool{first.Goroutine: true} // goroutines that have not printed yet
	take := func(x Step) {
		c.steps = append(c.steps, x)
		c.relevant = c.relevant || s.mentions(x)
	}
	for _, x := range steps[1:on] {
		switch _, known := silent[x.Goroutine]; {
		case strings.HasPrefix(x.Does, prints):
			silent[x.Goroutine] = false
			take(x)
		case strings.HasPrefix(x.Does, givesWay) && !known:
			silent[x.Goroutine] = true
			take(x)
		}
	}
	if len(c.steps) == 1 {
		return c, false
	}
	c.steps = append(c.steps, steps[on])
	for _, x := range steps[on:] {
		if x.At > first.At+soon {
			break
		}
		if strings.HasPrefix(x.Does, prints) && silent[x.Goroutine] {
			silent[x.Goroutine] = false
			take(x)
		}
	}
	return c, true
}

// soon is how long after a switch what is printed may have to do with it.
const soon = 10 * time.Millisecond

// request returns the body of a printed message, and that of the request that it
// answers; nil for what is none.
func (s *Switches) request(step Step) (body, request json.RawMessage) {
	m, err := journal.Parse([]byte(strings.TrimPrefix(step.Does, prints)))
	if err != nil {
		return nil, nil
	}
	if h := headerOf(m.Body); h.answersSome {
		request = s.requests[exchange{m.Dest, m.Src, h.inReplyTo}]
	}
	return m.Body, request
}

// mentions reports whether a step has to do with the subject: what was printed, or the
// request that it answers.
func (s *Switches) mentions(step Step) bool {
	body, request := s.request(step)
	return len(s.names.list) > 0 && (body != nil && s.names.inText(body) > 0 || request != nil && s.names.inText(request) > 0)
}

// words are what a step is, for people.
func (s *Switches) words(step Step) string {
	text, printed := strings.CutPrefix(step.Does, prints)
	if !printed {
		return step.Does
	}
	body, request := s.request(step)
	switch {
	case request != nil:
		return fmt.Sprintf("answers %s with %s", brief.JSON(request, 100), brief.JSON(body, 100))
	case body != nil:
		return "sends " + brief.JSON(body, 160)
	}
	return prints + brief.Text(text, 160)
}
