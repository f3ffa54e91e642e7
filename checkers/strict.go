package checkers

import (
	"cmp"
	"fmt"
	"time"

	"glomers/checkers/history"
)

// StrictResult holds the errors that strict mode finds and the official checks cannot
// see.
type StrictResult struct {
	Valid   Validity       `json:"valid?"` // Unknown if nothing is wrong but some check could not run
	Errors  []Finding      `json:"errors"`
	Skipped []SkippedCheck `json:"skipped,omitempty"`

	Delivery *DeliveryResult `json:"delivery,omitempty"` // broadcast with a journal only; set by the caller that reads the journal, nil from Strict
}

// SkippedCheck is a check of strict mode that could not run on a history.
type SkippedCheck struct {
	Check  string `json:"check"`  // the name of its findings
	Reason string `json:"reason"` // what the history or the options lack
}

// settleDefault is Maelstrom's own recovery time before final reads.
const settleDefault = 10 * time.Second

// Strict looks for errors that the official checks of a workload cannot see.
// docs/strict.md explains why each one proves an error. Most checks need final
// operations on every node, at least Options.Settle after the last update; a check
// that lacks what it needs is listed as skipped. It finds nothing more for echo,
// unique-ids and lin-kv, whose official checks are complete.
//
// Sound: each finding is an error under the weakest model that the options ask for.
// Incomplete: docs/strict.md says what each check can miss.
func Strict(h *history.History, o Options) (*StrictResult, error) {
	w, err := workloadNamed(o.Workload)
	if err != nil {
		return nil, err
	}
	if err := w.accepts(h); err != nil {
		return nil, err
	}
	s := &strict{h: h, o: o, names: namesOf(o), settle: cmp.Or(o.Settle, settleDefault)}
	if w.strict != nil {
		if err := w.strict(s); err != nil {
			return nil, err
		}
	}
	r := &StrictResult{Valid: Valid, Errors: s.findings, Skipped: s.skipped}
	switch {
	case len(r.Errors) > 0:
		r.Valid = Invalid
	case len(r.Skipped) > 0:
		r.Valid = Unknown
	}
	return r, nil
}

type strict struct {
	names
	h        *history.History
	o        Options
	settle   time.Duration
	findings []Finding
	skipped  []SkippedCheck
}

// report adds a finding if there is evidence. The summary begins with the number of
// examples.
func (s *strict) report(check, one, many string, e evidence) {
	if n := len(e.details); n > 0 {
		s.findings = append(s.findings, e.finding(check, count(n, one, many)))
	}
}

// skip records that checks could not run, and why.
func (s *strict) skip(reason string, checks ...string) {
	for _, c := range checks {
		s.skipped = append(s.skipped, SkippedCheck{c, reason})
	}
}

const nodesUnknown = "the nodes of the test are not known"

func (s *strict) tooEarly() string {
	return fmt.Sprintf("no read began %v or more after the last update", s.settle)
}

// settled returns the time from which a read must show every update: Options.Settle
// after the last one completed.
func (s *strict) settled(update func(*history.Op) bool) time.Duration {
	last := time.Duration(-1)
	for i := range s.h.Ops {
		if op := &s.h.Ops[i]; op.Client() && update(op) {
			last = max(last, op.Time)
		}
	}
	if last < 0 {
		return 0
	}
	return last + s.settle
}

// finalReads returns the last successful read of each replica among the reads that
// began after every update had settled, and whether any read began after that.
func (s *strict) finalReads(update string) (reads map[string]*history.Op, tried bool) {
	from := s.settled(func(op *history.Op) bool { return op.F == update })
	reads = map[string]*history.Op{}
	for i := range s.h.Ops {
		op := &s.h.Ops[i]
		if !op.Client() || op.F != "read" {
			continue
		}
		if op.Type == history.Invoke {
			tried = tried || op.Time >= from
		} else if op.Type == history.OK && s.h.Invocation(op).Time >= from {
			reads[s.replica(op)] = op
		}
	}
	return reads, tried
}

// everyNodeRead reports nodes without a final read.
func (s *strict) everyNodeRead(reads map[string]*history.Op, tried bool) {
	switch {
	case !s.known():
		s.skip(nodesUnknown, "no-final-read")
		return
	case !tried:
		s.skip(s.tooEarly(), "no-final-read")
		return
	}
	var missing evidence
	for _, n := range s.nodes {
		if reads["node "+n] == nil {
			missing.add(fmt.Sprintf("node %s answered no read after the last update", n), nil, s.lastUnanswered(n))
		}
	}
	s.report("no-final-read", "node has no final read", "nodes have no final read", missing)
}

// lastUnanswered returns the completion of the last read of a node that did not
// succeed; nil if there is none.
func (s *strict) lastUnanswered(node string) *history.Op {
	for i := len(s.h.Ops) - 1; i >= 0; i-- {
		op := &s.h.Ops[i]
		if op.Client() && op.F == "read" && (op.Type == history.Fail || op.Type == history.Info) && s.node(op.Process) == node {
			return op
		}
	}
	return nil
}
