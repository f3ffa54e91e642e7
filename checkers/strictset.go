package checkers

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// set checks broadcast and g-set: every acknowledged value in the final read of
// every node, no value twice in a read, none that nobody sent.
func (s *strict) set(add string) error {
	attempted := map[any]bool{}
	var known []*history.Op // acknowledgements
	var duplicates, invented evidence
	for i := range s.h.Ops {
		op := &s.h.Ops[i]
		switch {
		case !op.Client():
		case op.F == add && op.Type == history.Invoke:
			attempted[mapKey(op.Value)] = true
		case op.F == add && op.Type == history.OK:
			known = append(known, op)
		case op.F == "read" && op.Type == history.OK:
			values, ok := sequence(op.Value)
			if !ok {
				return &ShapeError{*op, setShape}
			}
			times := map[any]int{}
			for _, v := range values {
				key := mapKey(v)
				if times[key]++; times[key] == 2 {
					duplicates.add(fmt.Sprintf("the read of %s has %s more than once", s.names.op(op), edn.Brief(v, shown)), v, op)
				}
				if !attempted[key] {
					invented.add(fmt.Sprintf("the read of %s has %s, which nobody had sent", s.names.op(op), edn.Brief(v, shown)), v, op)
				}
			}
		}
	}
	reads, tried := s.finalReads(add)
	s.everyNodeRead(reads, tried)
	if len(reads) == 0 {
		s.skip(s.tooEarly(), "not-everywhere")
	}
	s.notEverywhere(known, reads)
	s.report("duplicates", "value came more than once in a read", "values came more than once in a read", duplicates)
	s.report("invented", "value was read that nobody had sent", "values were read that nobody had sent", invented)
	return nil
}

// notEverywhere reports acknowledged values that the final read of some node
// lacks.
func (s *strict) notEverywhere(known []*history.Op, reads map[string]*history.Op) {
	nodes := slices.Sorted(maps.Keys(reads))
	present := map[string]map[any]bool{}
	for _, node := range nodes {
		present[node] = map[any]bool{}
		values, _ := sequence(reads[node].Value)
		for _, v := range values {
			present[node][mapKey(v)] = true
		}
	}
	var missing evidence
	for _, add := range known {
		var lacking []string
		var proof []*history.Op
		for _, node := range nodes {
			if !present[node][mapKey(add.Value)] {
				lacking = append(lacking, node)
				proof = append(proof, reads[node])
			}
		}
		if len(lacking) == 0 {
			continue
		}
		text := fmt.Sprintf("%s was acknowledged to %s, and the final read of %s at %.3f s lacks it",
			edn.Brief(add.Value, shown), s.names.op(add), lacking[0], proof[0].Time.Seconds())
		if others := lacking[1:]; len(others) > 0 {
			text += ", as do those of " + strings.Join(others, ", ")
		}
		missing.add(text, add.Value, proof...)
	}
	s.report("not-everywhere", "acknowledged value is missing from the final read of some node", "acknowledged values are missing from the final read of some node", missing)
}

// counter checks the counters: every node has a final read, and no read lies outside the
// sums possible by the time it completed.
func (s *strict) counter() error {
	low, high := int64(0), int64(0) // the sums of the negative and the positive additions that were attempted
	var outside evidence
	for i := range s.h.Ops {
		op := &s.h.Ops[i]
		switch {
		case !op.Client():
		case op.F == "add" && op.Type == history.Invoke:
			delta, ok := op.Value.(int64)
			if !ok {
				return &ShapeError{*op, "an integer, the number that was added"}
			}
			low, high = low+min(delta, 0), high+max(delta, 0)
		case op.F == "read" && op.Type == history.OK:
			value, ok := op.Value.(int64)
			if !ok {
				return &ShapeError{*op, "an integer, the value of the counter"}
			}
			if value < low || value > high {
				outside.add(fmt.Sprintf("%s read %d at %.3f s, when the sum was somewhere from %d to %d", s.process(op.Process), value, op.Time.Seconds(), low, high), nil, op)
			}
		}
	}
	s.everyNodeRead(s.finalReads("add"))
	s.report("outside", "read is outside the sums of what was added", "reads are outside the sums of what was added", outside)
	return nil
}
