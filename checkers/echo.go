package checkers

import (
	"fmt"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// EchoResult lists the operations whose answer was not an echo.
type EchoResult struct {
	Verdict
	Errors []EchoError `json:"errors"`
}

// EchoError is a request whose answer did not echo the value sent.
type EchoError struct {
	Sent     any // the value
	Received any // the body of the answer; nil if there was none
}

// MarshalEDN returns the vector that Maelstrom shows.
func (e EchoError) MarshalEDN() any {
	return []any{"Expected a message with :echo", e.Sent, "But received", e.Received}
}

// Echo checks that every answer echoes the value that was sent.
//
// Sound and complete for operations that were answered. A request without an answer
// counts as an error, too, as in Maelstrom, though its message may have been lost.
func Echo(h *history.History, o Options) (*EchoResult, error) {
	r := &EchoResult{}
	who := namesOf(o)
	requests := 0
	var wrong evidence
	for i := range h.Ops {
		invoke := &h.Ops[i]
		if invoke.Type != history.Invoke || !invoke.Client() {
			continue
		}
		requests++
		var answer, echo any
		done := h.Completion(invoke)
		if done != nil {
			answer = done.Value
			if body, ok := answer.(edn.Map); ok {
				if echo, ok = body.Get(edn.Keyword("echo")); !ok {
					echo, _ = body.Get("echo") // from JSON
				}
			}
		}
		if !edn.Equal(invoke.Value, echo) {
			r.Errors = append(r.Errors, EchoError{invoke.Value, answer})
			wrong.add(fmt.Sprintf("at %.3f s %s sent %s and got %s",
				invoke.Time.Seconds(), who.process(invoke.Process), edn.Brief(invoke.Value, shown), answerText(done)), nil, invoke, done)
		}
	}
	r.Summary = count(len(wrong.details), "wrong answer", "wrong answers")
	switch {
	case len(wrong.details) > 0:
		r.Valid = Invalid
		r.Findings = []Finding{wrong.finding("echo", count(len(wrong.details), "answer was", "answers were")+" not the echo of what was sent")}
	case requests > 0:
		r.Valid = Valid
	}
	return r, nil
}

// answerText describes what a client got.
func answerText(done *history.Op) string {
	switch {
	case done == nil:
		return "no answer"
	case done.Type != history.OK && done.Error != nil:
		name, text := errorText(done.Error)
		if text != "" {
			name += ": " + text
		}
		return "no echo: " + name
	}
	return edn.Brief(done.Value, shown)
}
