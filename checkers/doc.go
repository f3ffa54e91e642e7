// Package checkers judges recorded histories as the checkers of Jepsen, Maelstrom and
// Elle do, and explains its verdicts.
//
// A history is a sequence of operations that clients invoked and saw completed
// (package history reads them from EDN or JSON lines). Check runs everything that
// a workload is judged by:
//
//	h, err := history.ReadFile("store/latest/history.edn")
//	…
//	r, err := checkers.Check(h, nil, checkers.Options{Workload: "broadcast"})
//	…
//	fmt.Println(r.Valid)
//	for _, f := range r.Findings {
//		fmt.Println(f.Check, f.Summary)
//	}
//
// Nothing here reads a clock, starts a goroutine, draws a random number or prints.
// The same history gives the same results on every machine: searches are bounded by
// counting their steps.
//
// # Verdicts
//
// A verdict is Valid, Invalid or Unknown. Invalid means that the history proves an
// error, Valid that no check found one, Unknown that the question is open: the
// history is empty, it ends too early, or a search used up its budget. Unknown is
// the zero value, so that a result that was never filled in is not taken for a pass.
// A function that returns an error returns no result.
//
// A check is sound if every history that it calls Invalid has an error, and complete
// if it calls every history with an error Invalid. Every check here is sound for what
// it claims:
//
//	check            Invalid means                                          what it can miss
//	StatsOf          no operation of some kind succeeded                    everything else
//	Availability     too few operations succeeded                           nothing
//	Echo             an answer is not the echo of its request, or is        nothing
//	                 missing, even if the network lost it
//	UniqueIDs        an id was generated twice                              nothing
//	SetFull          a known element is missing from all later reads        elements that one node lacks, duplicates, inventions
//	Counter          a final read is not a possible sum                     reads before the end, nodes without a final read
//	Kafka            answers of the nodes contradict each other             messages that one node lacks, forgotten commits
//	RWRegister       an anomaly that a consistency model forbids            most of what happens to versions of unknown order
//	ListAppend       an anomaly that a consistency model forbids            dependencies among appends that nobody read
//	LinKV            the operations on a key have no linearization          nothing
//	Strict           an error that the checks above cannot see              see docs/strict.md
//
// Sound "for what it claims" has two conditions for RWRegister and ListAppend. They
// assume that written values are unique; a history that repeats one is Unknown. And
// Options.SequentialKeys and LinearizableKeys are assumptions of the caller; where a
// history contradicts them, cyclic-versions is reported.
//
// # Operations
//
// These are the operations of each workload, their values when they are invoked and when
// they complete as ok, in EDN. One that completes as fail or info keeps the value of its
// invocation.
//
//	workload         operation  invoked with                  answered with
//	echo             echo       any value                     a map whose field :echo is that value
//	unique-ids       generate   nil                           the id, any value
//	broadcast        broadcast  the element, any value        the same
//	                 read       nil                           the elements: a vector, list or set; nil for none
//	g-set            add        the element, any value        the same
//	                 read       nil                           as of broadcast
//	g-counter        add        an integer from 0 on          the same
//	                 read       nil                           an integer; only reads that are Final are judged
//	pn-counter       add        an integer                    the same
//	                 read       nil                           as of g-counter
//	kafka            send       [[:send key message]]         [[:send key [offset message]]]
//	                 poll       [[:poll]]                     [[:poll {key [[offset message] …]}]]
//	                 txn        several of both               several of both
//	                 assign     a vector of keys              the same
//	                 crash      nil                           never
//	lin-kv           read       [key nil]                     [key value]
//	                 write      [key value]                   the same
//	                 cas        [key [from to]]               the same
//	txn-rw-register  txn        [[:r key nil] [:w key value]] with values in place of nil
//	txn-list-append  txn        [[:r key nil]                 with vectors of the elements in place of nil
//	                             [:append key element]]
//
// A value of another shape is a *ShapeError. Values, keys and messages of any kind are
// compared exactly: 1, 1.0 and "1" are three values.
//
// # Results
//
// Results.Workload holds the result of the workload's own check, a type for each:
//
//	if set, ok := r.Workload.(*checkers.SetFullResult); ok && set.StableLatencies != nil {
//		fmt.Println(set.StableLatencies.Median)
//	}
//
// Durations are time.Duration, quantiles follow one definition (see Quantile), and
// edn.Marshal or encoding/json turn Results into the keys, units and nesting of
// Maelstrom's results.edn.
//
// Each check is also a function of its own, such as LinKV, for histories of other
// tests. It ignores operations that it does not know, and returns a *ShapeError for a
// value that does not have the shape in the table above. Of Options it uses what concerns
// it, and Nodes and Concurrency to name nodes in its findings.
//
// # Packages
//
//   - edn: extensible data notation, the format of histories and results
//   - history: operations, their pairing, reading and writing; history/zstd reads
//     compressed ones
//   - journal: messages, and the statistics of the network
//   - linkvpage: HTML timelines of keys that are not linearizable
package checkers
