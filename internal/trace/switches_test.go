package trace

import (
	"strings"
	"testing"

	"glomers/checkers/journal"
)

// log is that of a node in which one goroutine gives way to another that answers, and
// then to none.
const log = `   0.000100 Received {c1 n0 {}}
   0.000100 glomers: goroutine 7 gives way in main.(*server).put (main.go:80)
   0.000100 glomers: goroutine 9 gives way in main.(*server).end (main.go:70)
   0.000100 glomers: goroutine 9 goes on
   0.000100 glomers: goroutine 9 prints {"src":"n0","dest":"c2","body":{"type":"send_ok","offset":6,"in_reply_to":4}}
   0.000100 glomers: goroutine 7 goes on
   0.000100 glomers: goroutine 7 prints {"src":"n0","dest":"c1","body":{"type":"send_ok","offset":6,"in_reply_to":3}}
   0.000200 glomers: goroutine 11 gives way in main.(*server).poll (main.go:90)
   0.000200 glomers: goroutine 12 prints {"src":"n0","dest":"n1","body":{"type":"hint"}}
   0.000200 glomers: goroutine 11 goes on
   0.000300 glomers: goroutine 13 gives way in main.main (main.go:20)
`

func TestSwitches(t *testing.T) {
	steps, err := ReadSteps(strings.NewReader(log), "glomers: goroutine ")
	if err != nil || len(steps) != 10 {
		t.Fatalf("%d steps, %v", len(steps), err)
	}
	lines := func(about ...any) string {
		s := NewSwitches(Subject{About: about})
		for i, body := range []string{`{"type":"send","key":"601","msg":8,"msg_id":3}`, `{"type":"send","key":"601","msg":7,"msg_id":4}`} {
			s.Add(journal.Event{Kind: journal.Send, Message: journal.Message{Src: []string{"c1", "c2"}[i], Dest: "n0", Body: []byte(body)}})
		}
		return strings.Join(s.Lines("n0", steps), "\n")
	}
	about601 := `   0.000100  n0   goroutine 7 gives way in main.(*server).put (main.go:80)
   0.000100  n0       goroutine 9 gives way in main.(*server).end (main.go:70)
   0.000100  n0       goroutine 9 answers {"type":"send","key":"601","msg":7,"msg_id":4} with {"type":"send_ok","offset":6,"in_reply_to":4}
   0.000100  n0   goroutine 7 goes on
   0.000100  n0   goroutine 7 answers {"type":"send","key":"601","msg":8,"msg_id":3} with {"type":"send_ok","offset":6,"in_reply_to":3}`
	if got := lines("601"); got != about601 {
		t.Errorf("about the key 601:\n%s\nexpected\n%s", got, about601)
	}
	all := about601 + `
   0.000200  n0   goroutine 11 gives way in main.(*server).poll (main.go:90)
   0.000200  n0       goroutine 12 sends {"type":"hint"}
   0.000200  n0   goroutine 11 goes on`
	for _, about := range [][]any{nil, {"nothing that occurs"}} {
		if got := lines(about...); got != all {
			t.Errorf("about %v:\n%s\nexpected\n%s", about, got, all)
		}
	}
}
