package checkers

import (
	"bytes"
	"testing"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// FuzzCheck gives histories that no workload wrote to every checker: they may
// find what they like, or an error, but not panic.
func FuzzCheck(f *testing.F) {
	workloads := Workloads()
	for i, name := range workloads {
		runs := map[string]string{
			"kafka":           `[[:send 1 [0 1]] [:poll {1 [[0 1]]}]]`,
			"txn-rw-register": `[[:r 1 nil] [:w 1 2]]`,
			"txn-list-append": `[[:r 1 [1 2]] [:append 1 3]]`,
			"lin-kv":          `[0 [1 2]]`,
			"echo":            `{:echo "a"}`,
		}
		value, ok := runs[name]
		if !ok {
			value = "[1 2]"
		}
		for _, fn := range []string{"read", "broadcast", "add", "txn", "poll", "assign", "cas", "committed-offsets", "generate"} {
			f.Add(uint8(i), []byte(`{:index 0 :type :invoke :process 0 :time 1 :f :`+fn+` :value `+value+`}
{:index 1 :type :ok :process 0 :time 2 :f :`+fn+` :value `+value+` :final? true}
{:index 2 :type :invoke :process 1 :time 3 :f :txn :value nil}`))
		}
	}
	f.Fuzz(func(t *testing.T, workload uint8, text []byte) {
		ops, err := history.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		h, err := history.New(ops)
		if err != nil {
			return
		}
		r, err := Check(h, nil, Options{Workload: workloads[int(workload)%len(workloads)], Strict: true, Nodes: []string{"n0", "n1"}, Concurrency: 2})
		if err != nil {
			return
		}
		if len(edn.Pretty(edn.Marshal(*r))) == 0 {
			t.Error("no results")
		}
	})
}
