package workload

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
)

// cluster is a cluster of nodes that answer each type of request with the same body, a
// millisecond after it was sent, or not at all. It writes down what happens.
type cluster struct {
	kernel  *kernel.Kernel
	answers map[string]string // by the node and the type of request, or by the type alone
	delay   time.Duration
	clients map[string]*Client
	opened  int
	lines   strings.Builder
}

func (c *cluster) note(format string, args ...any) {
	c.noteAt(c.kernel.Now(), fmt.Sprintf(format, args...))
}

func (c *cluster) noteAt(at time.Duration, text string) {
	fmt.Fprintf(&c.lines, "%7.3f  %s\n", at.Seconds(), text)
}

func (c *cluster) Open(node string) *Client {
	c.opened++
	client := NewClient(c.kernel, c, fmt.Sprintf("c%d", c.opened), node)
	client.OnStray = func(s Stray) { c.note("stray: %v", s) }
	c.clients[client.ID()] = client
	c.note("%s is opened, for %s", client.ID(), client.Node())
	return client
}

func (c *cluster) Close(client *Client) {
	client.Close()
	delete(c.clients, client.ID())
	c.note("%s is closed", client.ID())
}

func (c *cluster) Send(src, dest string, body json.RawMessage) error {
	c.note("%s → %s  %s", src, dest, body)
	request := journal.FieldsOf(body)
	id, _ := request.Int("msg_id")
	answer, ok := c.answers[dest+" "+request.Text("type")]
	if !ok {
		answer = c.answers[request.Text("type")]
	}
	if answer == "" {
		return nil
	}
	answer = strings.TrimSuffix(answer, "}") + fmt.Sprintf(`,"in_reply_to":%d}`, id)
	c.kernel.After(c.delay, func() {
		if client := c.clients[src]; client != nil {
			client.Deliver(journal.Message{Src: dest, Dest: src, Body: json.RawMessage(answer)})
		}
	})
	return nil
}

func (c *cluster) RecordOp(op history.Op) {
	_, text, _ := strings.Cut(edn.String(op.MarshalEDN()), ":type ")
	c.noteAt(op.Time, "{:type "+text)
}

// TestLoad runs whole loads, with their preparation and their final operations, and
// shows what the nodes get, which clients there are, and what the history says. The
// lines of the input are the bodies that nodes answer with, after the type of request
// and possibly the node; what has no line is not answered. The command load WORKLOAD has
// the arguments nodes, workers, rate, limit (of time), delay (of answers), strict, and
// restart=NODE, which is prepared once more. Times are in seconds.
func TestLoad(t *testing.T) {
	datadriven.Walk(t, "testdata/load", func(t *testing.T, path string) {
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			nodes, workers, rate := 1, 1, 100
			limit, delay := "100ms", "1ms"
			restart := ""
			for name, arg := range map[string]any{"nodes": &nodes, "workers": &workers, "rate": &rate, "limit": &limit, "delay": &delay, "restart": &restart} {
				d.MaybeScanArgs(t, name, arg)
			}
			k := kernel.New(1)
			c := &cluster{kernel: k, answers: map[string]string{}, clients: map[string]*Client{}}
			var err error
			if c.delay, err = time.ParseDuration(delay); err != nil {
				d.Fatalf(t, "%v", err)
			}
			o := Options{Concurrency: workers, MaxTxnLength: 2, MaxWritesPerKey: 16, Strict: d.HasArg("strict")}
			for i := range nodes {
				o.Nodes = append(o.Nodes, fmt.Sprintf("n%d", i))
			}
			for _, line := range strings.Split(d.Input, "\n") {
				if request, body, ok := strings.Cut(line, " {"); ok {
					c.answers[request] = "{" + body
				}
			}
			w, err := New(d.CmdArgs[0].Key, o, k)
			if err != nil {
				d.Fatalf(t, "%v", err)
			}
			pace := Pace{Rate: float64(rate)}
			if pace.TimeLimit, err = time.ParseDuration(limit); err != nil {
				d.Fatalf(t, "%v", err)
			}
			l := NewLoad(k, w, o, pace, c, c)
			l.Prepare(func(err error) {
				if err != nil {
					c.note("error: %v", err)
					return
				}
				if restart != "" {
					l.Reintroduce(restart)
				}
				c.note("the load begins")
				l.Run(func() {
					c.note("the load has ended; final operations: %v", l.HasFinal())
					l.Finish(func() { c.note("the end") })
				})
			})
			for k.Step() {
			}
			return c.lines.String()
		})
	})
}
