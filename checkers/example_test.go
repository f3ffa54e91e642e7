package checkers_test

import (
	"encoding/json"
	"fmt"
	"log"
	"strings"
	"time"

	"glomers/checkers"
	"glomers/checkers/history"
)

// read returns the history in a text of JSON lines.
func read(text string) *history.History {
	ops, err := history.Read(strings.NewReader(text))
	if err != nil {
		log.Fatal(err)
	}
	h, err := history.New(ops)
	if err != nil {
		log.Fatal(err)
	}
	return h
}

// Value 1 was acknowledged, and a later read lacks it.
const lossy = `
{"index": 0, "time": 1000000, "type": "invoke", "process": 0, "f": "broadcast", "value": 1}
{"index": 1, "time": 2000000, "type": "ok", "process": 0, "f": "broadcast", "value": 1}
{"index": 2, "time": 3000000, "type": "invoke", "process": 1, "f": "read", "value": null}
{"index": 3, "time": 4000000, "type": "ok", "process": 1, "f": "read", "value": []}
`

func ExampleCheck() {
	r, err := checkers.Check(read(lossy), nil, checkers.Options{Workload: "broadcast", Nodes: []string{"n0", "n1"}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("valid:", r.Valid)
	for _, f := range r.Findings {
		fmt.Printf("%s: %s\n%s\n", f.Check, f.Summary, strings.Join(f.Details, "\n"))
	}
	// Output:
	// valid: false
	// lost: 1 of 1 value was lost
	// process 0 (n0) got an acknowledgement of 1 at 0.002 s, but the read of process 1 (n1) at 0.004 s lacks it
}

func ExampleResults() {
	r, err := checkers.Check(read(lossy), nil, checkers.Options{Workload: "broadcast"})
	if err != nil {
		log.Fatal(err)
	}
	if set, ok := r.Workload.(*checkers.SetFullResult); ok {
		fmt.Println("lost:", set.Lost)
	}
	text, err := json.Marshal(r.Stats.ByF["read"])
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(text))
	// Output:
	// lost: [1]
	// {"valid?":true,"count":1,"ok-count":1,"fail-count":0,"info-count":0}
}

func ExampleLinKV() {
	// The write of 2 had been acknowledged before the read of 1 began.
	h := read(`
{"time": 1, "type": "invoke", "process": 0, "f": "write", "value": [7, 1]}
{"time": 2, "type": "ok", "process": 0, "f": "write", "value": [7, 1]}
{"time": 3, "type": "invoke", "process": 0, "f": "write", "value": [7, 2]}
{"time": 4, "type": "ok", "process": 0, "f": "write", "value": [7, 2]}
{"time": 5, "type": "invoke", "process": 1, "f": "read", "value": [7, null]}
{"time": 6, "type": "ok", "process": 1, "f": "read", "value": [7, 1]}
`)
	r, err := checkers.LinKV(h, checkers.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, k := range r.Keys {
		fmt.Printf("key %v is linearizable: %v\n", k.Key, k.Valid)
	}
	fmt.Println(r.Findings[0].Summary)
	// Output:
	// key 7 is linearizable: false
	// key 7: no order of its 3 operations explains all answers
}

func ExampleStrict() {
	r, err := checkers.Strict(read(lossy), checkers.Options{Workload: "broadcast"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("valid:", r.Valid)
	for _, s := range r.Skipped {
		fmt.Printf("%s did not run: %s\n", s.Check, s.Reason)
	}
	// Output:
	// valid: unknown
	// no-final-read did not run: the nodes of the test are not known
	// not-everywhere did not run: no read began 10s or more after the last update
}

func ExampleQuantilesOf() {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	fmt.Println(checkers.QuantilesOf([]time.Duration{ms(30), ms(10), ms(20), ms(17980)}))
	// Output:
	// median 30 ms, 95% 17980, 99% 17980, max 17980
}
