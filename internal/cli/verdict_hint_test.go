package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"glomers/checkers"
	"glomers/internal/nodeio"
	"glomers/internal/runner"
	"glomers/internal/verdict"
	"glomers/stages"
)

// TestHintForSilence checks that the hint for an operation that never succeeded says
// what came back instead of a good answer.
func TestHintForSilence(t *testing.T) {
	stage, err := stages.Find("3c")
	if err != nil {
		t.Fatal(err)
	}
	silent := verdict.Finding{Kind: "stats", Details: []string{"10 × broadcast info: net-timeout"}}
	refused := verdict.Finding{Kind: "stats", Details: []string{"95 × broadcast fail: not-supported: broadcast is still to do", "1 × broadcast info: net-timeout"}}
	misshapen := verdict.Finding{Kind: "stats", Details: []string{`49 × read fail: malformed-rpc-response: reply of n0 to read: "messages" is null, expected a list`}}
	for _, c := range []struct {
		name    string
		finding verdict.Finding
		strays  int
		want    string
	}{
		{"no answer", silent, 0, "ever answered"},
		{"an answer to nothing", silent, 3, "in_reply_to"},
		{"an answer of another shape", misshapen, 0, "not in the shape"},
		{"an error", refused, 0, "Is there a handler for its type"},
	} {
		lost := verdict.Finding{Kind: "lost"} // follows from the other
		r := &report{stage: &stage, Verdict: &verdict.Verdict{Findings: []verdict.Finding{lost, c.finding}, Strays: runner.Strays{Count: c.strays}}}
		if hint := r.hint(); !strings.Contains(hint, c.want) {
			t.Errorf("%s: the hint is %q, expected one that says %q", c.name, hint, c.want)
		}
	}
}

// TestHintForSilentNode checks that the hint is about a node that stopped answering, not
// about what the others could not get from it.
func TestHintForSilentNode(t *testing.T) {
	stage, err := stages.Find("3c")
	if err != nil {
		t.Fatal(err)
	}
	silent := []checkers.Silence{{Node: "n0", Requests: 6}}
	for i := range 4 {
		silent = append(silent, checkers.Silence{Node: fmt.Sprint("n", i+1), Last: 2 * time.Second, Requests: 4})
	}
	r := &report{stage: &stage, Verdict: &verdict.Verdict{Outcome: verdict.Fail, Findings: []verdict.Finding{{Kind: "lost"}}, Silent: silent}}
	if hint, want := r.hint(), "stopped answering"; !strings.Contains(hint, want) {
		t.Errorf("the hint is %q, expected one that says %q", hint, want)
	}
	r.Findings[0].Kind = "duplicates" // those have another reason
	if hint, without := r.hint(), "stopped answering"; strings.Contains(hint, without) {
		t.Errorf("the hint is %q, expected one about duplicates", hint)
	}
	if remarks, want := strings.Join(r.remarks(), "\n"), "stopped answering: n0 before its first answer (6 requests timed out), "+
		"n1 after 2.000 s (4 requests timed out), n2 after 2.000 s (4 requests timed out) and 2 more nodes"; remarks != want {
		t.Errorf("the remarks are %q, expected %q", remarks, want)
	}
}

// TestCrashHint checks that a crash of a common kind comes with what to do about it.
func TestCrashHint(t *testing.T) {
	for _, c := range []struct {
		err  nodeio.Error
		want string
	}{
		{nodeio.Error{Stderr: []string{"Received …", `2026/01/01 No handler for {"src":"n3","dest":"n4","body":{"type":"gossip_ok"}}`}}, "needs a handler"},
		{nodeio.Error{Crash: []string{"fatal error: concurrent map writes", "", "goroutine 7 [running]:"}}, "sync.Mutex"},
		{nodeio.Error{Crash: []string{"fatal error: stack overflow"}}, "calls itself without end"},
		{nodeio.Error{Crash: []string{"panic: assignment to entry in nil map"}}, "make("},
		{nodeio.Error{Crash: []string{"panic: open /logs/node.log: no such file or directory"}}, "os.MkdirAll"},
		{nodeio.Error{Stderr: []string{"2026/01/01 open /logs/node.log: No such file or directory"}}, "os.MkdirAll"}, // Go for wasip1 writes it so
		{nodeio.Error{Stderr: []string{"KeyError: 'massage'"}}, ""},
	} {
		if got := crashHint(&c.err); got == "" != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%q: the hint is %q, expected one that says %q", append(c.err.Crash, c.err.Stderr...), got, c.want)
		}
	}
}
