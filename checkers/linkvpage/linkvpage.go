// Package linkvpage draws the operations on a key that are not linearizable, as
// HTML pages. The drawings are porcupine's
// (https://github.com/anishathalye/porcupine), an interactive timeline of all
// attempts at an order; the verdicts themselves do not depend on it.
package linkvpage

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/anishathalye/porcupine"

	"glomers/checkers"
	"glomers/checkers/edn"
)

// Page is an HTML page about one key.
type Page struct {
	Name string // a file name, such as linearizable-3.html
	key  checkers.LinKVKey
}

// Pages returns a page for each key of a result that is not linearizable.
func Pages(r *checkers.LinKVResult) []Page {
	var pages []Page
	for _, k := range r.Keys {
		if k.Valid == checkers.Invalid {
			pages = append(pages, Page{fmt.Sprintf("linearizable-%s.html", strings.Map(fileRune, edn.Brief(k.Key, 80))), k})
		}
	}
	return pages
}

// fileRune replaces a rune that some operating system does not allow in a file name.
func fileRune(r rune) rune {
	if r == '-' || r == '_' || r == '.' || unicode.IsLetter(r) || unicode.IsDigit(r) {
		return r
	}
	return '_'
}

// drawLimit bounds the search for attempts to draw. A drawing that is cut off shows
// fewer of them.
const drawLimit = 20 * time.Second

// WriteHTML searches for orders of the key's operations once more, this time
// keeping all attempts, and draws them.
func (p Page) WriteHTML(w io.Writer) error {
	var ops []porcupine.Operation
	for i := range p.key.Operations {
		o := &p.key.Operations[i]
		end := int64(math.MaxInt64)
		if o.Acknowledged() {
			end = int64(o.Completion.Index)
		}
		ops = append(ops, porcupine.Operation{ClientId: o.Invocation.Process, Input: o, Call: int64(o.Invocation.Index), Return: end})
	}
	_, info := porcupine.CheckOperationsVerbose(register, ops, drawLimit)
	return porcupine.Visualize(register, info, w)
}

// register is the model of a key: its state is the text of the value. Porcupine puts
// every operation into the order, so a compare-and-set of unknown outcome that does
// not match is let through unchanged: it never happened.
var register = porcupine.Model{
	Init: func() any { return edn.String(nil) },
	Step: func(state, input, _ any) (bool, any) {
		o := input.(*checkers.LinKVOperation)
		to := edn.Canonical(o.To)
		switch o.F {
		case "read":
			return state == to, state
		case "write":
			return true, to
		}
		if state == edn.Canonical(o.From) {
			return true, to
		}
		return !o.Acknowledged(), state
	},
	DescribeOperation: func(input, _ any) string { return input.(*checkers.LinKVOperation).String() },
	DescribeState:     func(state any) string { return state.(string) },
}
