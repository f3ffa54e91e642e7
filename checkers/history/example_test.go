package history_test

import (
	"fmt"
	"os"
	"strings"

	"glomers/checkers/history"
)

func Example() {
	h, err := history.ReadFile("../../testdata/oracle/broadcast/none/history.edn.gz")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		if op.Type != history.Invoke || op.F != "broadcast" {
			continue
		}
		if done := h.Completion(op); done != nil && done.Type == history.OK {
			fmt.Printf("broadcasting %v took %s\n", op.Value, done.Time-op.Time)
			break
		}
	}
	// Output: broadcasting 0 took 17.736829ms
}

// Operations can come from anywhere: here they are made by hand.
func ExampleNew() {
	_, err := history.New([]history.Op{
		{Process: 0, Type: history.Invoke, F: "read"},
		{Process: 1, Type: history.OK, F: "read", Value: []any{int64(1)}},
	})
	fmt.Println(err)
	// Output: operation 1 (0.000s process 1 ok read [1]): the process completes an operation that it never invoked
}

func ExampleReader() {
	r := history.Reader{Limits: history.Limits{Operations: 1}}
	_, err := r.Read(strings.NewReader("{:type :invoke, :process 0, :f :read}\n{:type :ok, :process 0, :f :read, :value [1]}"))
	fmt.Println(err)
	// Output: 2:1: more than 1 operations, the limit
}

func ExampleInFile() {
	_, err := history.Read(strings.NewReader("{:type :ok}"))
	fmt.Println(history.InFile("history.edn", err))
	// Output: history.edn:1:1: not an operation: it needs :type, :process and :f: {:type :ok}
}
