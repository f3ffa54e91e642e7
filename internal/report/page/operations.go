package page

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// operations are the operations of clients, and the faults.
type operations struct {
	fs     names
	list   []operation
	texts  *block
	faults []Fault
	left   int
	last   time.Duration
}

// operation is an invocation with its completion.
type operation struct {
	index, done       int // of the invocation and, if there is one, of the completion
	process, f        int
	begins, took      time.Duration
	outcome           int // of the completion, as in history.Type; Invoke for none
	invoked, answered int // bytes of their texts
}

// Fault is a time during which the nemesis disturbed the run.
type Fault struct {
	Name string              `json:"name"` // such as partition
	Text string              `json:"text"` // such as :majorities-ring
	From float64             `json:"from"` // milliseconds since the start of the run
	To   float64             `json:"to"`   // -1 if it never ended
	Cut  map[string][]string `json:"cut"`  // of a partition: node → whom it does not hear
}

func newOperations(h *history.History) *operations {
	o := &operations{texts: newBlock(), faults: faultsOf(h)}
	for i := range h.Ops {
		op := &h.Ops[i]
		o.last = max(o.last, op.Time)
		if !op.Client() || op.Type != history.Invoke {
			continue
		}
		if len(o.list) == mostOps {
			o.left++
			continue
		}
		p := operation{index: i, process: op.Process, f: o.fs.of(op.F), begins: op.Time}
		p.invoked = o.text(op.Value, nil)
		if done := h.Completion(op); done != nil {
			p.done, p.took, p.outcome = done.Index, done.Time-op.Time, int(done.Type)
			p.answered = o.text(done.Value, done.Error)
		}
		o.list = append(o.list, p)
	}
	return o
}

// text writes a value and returns how long its text is.
func (o *operations) text(value, err any) int {
	text := edn.Brief(value, mostValue)
	if err != nil {
		text += " " + edn.Brief(err, mostValue)
	}
	text = strings.ToValidUTF8(text, "\uFFFD") + "\n" // so that two values next to each other are two
	o.texts.Write([]byte(text))                       // into memory
	return len(text)
}

// encode appends the columns of all operations.
func (o *operations) encode(c *columns) {
	column := func(value func(p *operation) int64) {
		for i := range o.list {
			c.number(uint64(value(&o.list[i])))
		}
	}
	last := 0
	column(func(p *operation) int64 {
		d := p.index - last
		last = p.index
		return int64(d)
	})
	column(func(p *operation) int64 { return int64(max(0, p.done-p.index)) })
	column(func(p *operation) int64 { return int64(max(0, p.begins)) })
	column(func(p *operation) int64 { return int64(max(0, p.took)) })
	column(func(p *operation) int64 { return int64(p.outcome) })
	column(func(p *operation) int64 { return int64(p.process) })
	column(func(p *operation) int64 { return int64(p.f) })
	column(func(p *operation) int64 { return int64(p.invoked) })
	column(func(p *operation) int64 { return int64(p.answered) })
}

// faultsOf returns the faults of the nemesis, and the times at which the runner itself
// made no progress.
func faultsOf(h *history.History) []Fault {
	faults := []Fault{}
	for _, f := range h.Faults() {
		fault := Fault{Name: f.Name, From: ms(f.Starts[0].Time), To: -1}
		var texts []string
		for _, op := range f.Starts {
			if cut := isolated(op.Value); cut != nil {
				fault.Cut = cut
			} else {
				texts = append(texts, edn.Brief(op.Value, mostValue))
			}
		}
		fault.Text = strings.Join(texts, " ")
		if f.Stop != nil {
			fault.To = ms(f.Stop.Time)
		}
		faults = append(faults, fault)
	}
	for i := range h.Ops {
		if op := &h.Ops[i]; !op.Client() && op.F == history.RunnerStall {
			faults = append(faults, Fault{Name: op.F, Text: edn.Brief(op.Value, mostValue) + " ms", From: ms(op.Time), To: ms(op.Time)})
		}
	}
	slices.SortStableFunc(faults, func(a, b Fault) int { return cmp.Compare(a.From, b.From) })
	return faults
}

// isolated reads [:isolated {"n0" #{"n1"}}]: whom each node does not hear.
func isolated(v any) map[string][]string {
	parts, _ := v.([]any)
	if len(parts) != 2 || parts[0] != edn.Keyword("isolated") {
		return nil
	}
	m, _ := parts[1].(edn.Map)
	cut := map[string][]string{}
	for _, e := range m {
		node, _ := e.Key.(string)
		from, _ := e.Value.(edn.Set)
		for _, f := range from {
			if id, ok := f.(string); ok {
				cut[node] = append(cut[node], id)
			}
		}
	}
	return cut
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
