package journal_test

import (
	"bytes"
	"encoding/json"
	"fmt"

	"glomers/checkers/journal"
)

func Example() {
	var file bytes.Buffer
	w := journal.NewWriter(&file)
	gossip := journal.Message{ID: 0, Src: "n1", Dest: "n2", Body: json.RawMessage(`{"type":"gossip"}`)}
	w.Record(journal.Event{Kind: journal.Send, Time: 10, Message: gossip})
	w.Record(journal.Event{Kind: journal.Recv, Time: 25, Message: gossip})
	if err := w.Flush(); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(file.String())

	var stats journal.Stats
	err := journal.Read(&file, func(e journal.Event) error {
		stats.Add(e)
		return nil
	})
	stats.PerOp(2) // operations
	fmt.Println(stats.Events, "events,", *stats.Servers.MsgsPerOp, "messages an operation,", err)
	// Output:
	// glomers-journal 1
	// s 0 10 n1 n2 {"type":"gossip"}
	// r 0 25
	// 2 events, 0.5 messages an operation, <nil>
}
