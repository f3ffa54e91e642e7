package page

import (
	"io/fs"

	"glomers/checkers"
	"glomers/checkers/history"
	"glomers/checkers/journal"
)

// Run is what the page shows.
type Run struct {
	Title   string // such as "stage 3c · Fault-Tolerant Broadcast"
	Outcome string // PASS, FAIL or UNKNOWN
	Why     string // of an unknown outcome: what is missing; may be empty
	Facts   []Fact // what was run

	Rows     []Row
	Findings []Finding
	Notes    []string // what disturbed the run, and what is missing

	Results *checkers.Results // nil if the records cannot be judged
	History *history.History
	// Messages calls its argument for every event of the journal, in order, and
	// reports whether there is a journal. nil is no journal.
	Messages func(func(journal.Event)) (bool, error)
	// Logs holds a file NODE.log for each node; nil for none.
	Logs fs.FS

	Nodes       []string // ids, where they are known
	Kafka       bool     // keys, messages and offsets are different things: Values are written "key 6 msg 3"
	Concurrency int      // workers: worker w talks to node w modulo the nodes; 0 where it is not known
}

// Fact is something about the run, such as its seed.
type Fact struct{ Name, Value string }

// Row is a check, a limit or a figure.
type Row struct {
	Name, Value, Limit string
	State              string // good, bad, unknown or figure
}

// Finding is one kind of error.
type Finding struct {
	Kind, Source, Summary string
	Examples              []Example
	More                  string // such as "and 4 more"; may be empty
}

// Example is one error with what it is about.
type Example struct {
	Text       string
	Values     []string // values or keys: what mentions them belongs to the story
	Operations []int    // indices of the operations that prove it
	Cycle      []Step   // of transactions; nil for other errors
}

// Step is an edge of a cycle: why one transaction comes before the next. The last
// leads to the first.
type Step struct {
	Operation int    // index of the transaction that it leaves
	Label     string // the transaction, such as "process 3 (n1)"
	Value     string // what the transaction did
	Kind      string // ww, wr, rw, process or realtime
	Why       string // in words
}
