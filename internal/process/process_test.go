package process

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/network"
	"glomers/internal/workload"
)

// TestMain turns the test binary into a node when it is called as one.
func TestMain(m *testing.M) {
	switch mode := os.Getenv("TEST_NODE"); mode {
	case "":
		os.Exit(m.Run())
	case "forward":
		if dest := os.Getenv("TEST_FLOOD"); dest != "" {
			floodNode(dest)
			return
		}
		if os.Getenv("TEST_CHATTER") != "" {
			chatter()
		}
		testNode(mode)
	case "family":
		familyNode()
	case "survivor":
		survivor(os.Getenv("TEST_ROLE"))
	case "runner":
		testRunner()
	default:
		testNode(mode)
	}
}

// testNode forwards: it sends a message of type ping to the node that the body
// names, and counts down.
func testNode(mode string) {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<16)
	fmt.Fprintln(os.Stderr, "hello from", mode)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var m struct {
			Src, Dest string
			Body      struct {
				Type  string
				N     int
				MsgID json.RawMessage `json:"msg_id"`
				Echo  json.RawMessage
			}
		}
		if err := json.Unmarshal(line, &m); err != nil {
			panic(err)
		}
		switch {
		case m.Body.Type == "echo":
			fmt.Fprintf(out, `{"src":"%s","dest":"%s","body":{"type":"echo_ok","in_reply_to":%s,"echo":%s}}`+"\n", m.Dest, m.Src, m.Body.MsgID, m.Body.Echo)
		case m.Body.N > 0:
			fmt.Fprintf(out, `{"src":"%s","dest":"%s","body":{"type":"ping","n":%d}}`+"\n", m.Dest, m.Src, m.Body.N-1)
		default:
			fmt.Fprintf(out, `{"src":"%s","dest":"c0","body":{"type":"done"}}`+"\n", m.Dest)
		}
		if in.Buffered() == 0 {
			out.Flush()
		}
	}
}

type discard struct{}

func (discard) Record(journal.Event) {}

type logs struct {
	mu   sync.Mutex
	text map[string]*bytes.Buffer
}

type logFile struct {
	logs *logs
	node string
}

func (l *logs) create(node string) (io.WriteCloser, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text == nil {
		l.text = map[string]*bytes.Buffer{}
	}
	l.text[node] = &bytes.Buffer{}
	return logFile{l, node}, nil
}

func (f logFile) Write(p []byte) (int, error) {
	f.logs.mu.Lock()
	defer f.logs.mu.Unlock()
	return f.logs.text[f.node].Write(p)
}

func (f logFile) Close() error { return nil }

// cluster starts nodes of the test binary.
func cluster(t testing.TB, k *kernel.Kernel, latency network.Latency, rec network.Recorder, ids ...string) (*Engine, *network.Network, *logs) {
	t.Helper()
	return clusterWith(t, Options{}, k, latency, rec, ids...)
}

// clusterWith starts nodes of the test binary, with options besides.
func clusterWith(t testing.TB, o Options, k *kernel.Kernel, latency network.Latency, rec network.Recorder, ids ...string) (*Engine, *network.Network, *logs) {
	t.Helper()
	t.Setenv("TEST_NODE", "forward")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	net := network.New(k, latency, rec)
	l := &logs{}
	o.Bin, o.Log = self, l.create
	e := New(o, func(m journal.Message) error { return net.Send(m.Src, m.Dest, m.Body) })
	t.Cleanup(e.Stop)
	for _, id := range ids {
		n, err := e.Start(id)
		if err != nil {
			t.Fatal(err)
		}
		net.Attach(id, n)
	}
	return e, net, l
}

// sink is a client that calls a function for each message.
type sink func(journal.Message)

func (s sink) Deliver(m journal.Message) { s(m) }

func ping(t testing.TB, net *network.Network, src, dest string, n int) {
	t.Helper()
	if err := net.Send(src, dest, json.RawMessage(fmt.Sprintf(`{"type":"ping","n":%d}`, n))); err != nil {
		t.Fatal(err)
	}
}

func TestMessagesTravel(t *testing.T) {
	k := kernel.New(1)
	e, net, l := cluster(t, k, network.Latency{Dist: network.Constant}, discard{}, "n0", "n1")
	net.Attach("c0", sink(func(journal.Message) { k.Stop(nil) }))
	k.At(0, func() { ping(t, net, "n1", "n0", 100) })
	if err := e.Drive(context.Background(), k); err != nil {
		t.Fatal(err)
	}
	e.Stop()
	for _, id := range []string{"n0", "n1"} {
		if got := l.text[id].String(); got != "hello from forward\n" {
			t.Errorf("the log of %s is %q", id, got)
		}
	}
}

func TestDriveEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	k := kernel.New(1)
	e, _, _ := cluster(t, k, network.Latency{Dist: network.Constant}, discard{}, "n0")
	k.At(0, cancel)
	if err := e.Drive(ctx, k); !errors.Is(err, context.Canceled) {
		t.Errorf("Drive returned %v", err)
	}
}

func TestStartFails(t *testing.T) {
	l := &logs{}
	e := New(Options{Bin: "/nowhere/node", Log: l.create}, nil)
	if _, err := e.Start("n0"); err == nil || !strings.Contains(err.Error(), "start node n0: ") {
		t.Errorf("starting a missing executable gives %v", err)
	}
}

// BenchmarkMessages measures messages a second between two nodes with many in
// flight, each through the runner: parsed, journaled, scheduled and written.
func BenchmarkMessages(b *testing.B) {
	k := kernel.New(1)
	rec := journal.NewWriter(io.Discard)
	e, net, _ := cluster(b, k, network.Latency{Dist: network.Constant}, rec, "n0", "n1")
	const inFlight = 500
	left := inFlight
	net.Attach("c0", sink(func(journal.Message) {
		if left--; left == 0 {
			k.Stop(nil)
		}
	}))
	k.At(0, func() {
		for range inFlight {
			ping(b, net, "n1", "n0", b.N/inFlight)
		}
	})
	b.ResetTimer()
	if err := e.Drive(context.Background(), k); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
}

// nobody records nothing.
type nobody struct{ discard }

// BenchmarkEcho measures echo operations a second with an unbounded rate and ten
// workers, each waiting for its answer.
func BenchmarkEcho(b *testing.B) {
	k := kernel.New(1)
	e, net, _ := cluster(b, k, network.Latency{Dist: network.Constant}, nobody{}, "n0")
	left := b.N
	for i := range 10 {
		c := workload.NewClient(k, net, fmt.Sprintf("c%d", i), "n0")
		net.Attach(c.ID(), c)
		var next func(workload.Reply, *workload.Error)
		next = func(_ workload.Reply, err *workload.Error) {
			if err != nil {
				k.Stop(err)
			}
			if left--; left <= 0 {
				k.Stop(nil)
				return
			}
			c.Call(workload.EchoRPC, edn.Map{{Key: "echo", Value: "hello"}}, time.Minute, next)
		}
		k.At(0, func() { c.Call(workload.EchoRPC, edn.Map{{Key: "echo", Value: "hello"}}, time.Minute, next) })
	}
	b.ResetTimer()
	if err := e.Drive(context.Background(), k); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
}

// delays records how long each message was under way.
type delays struct {
	sent map[int64]time.Duration
	took []time.Duration
}

func (d *delays) Record(e journal.Event) {
	if e.Message.InvolvesClient() {
		return
	}
	switch e.Kind {
	case journal.Send:
		d.sent[e.Message.ID] = e.Time
	case journal.Recv:
		d.took = append(d.took, e.Time-d.sent[e.Message.ID])
	}
}

// BenchmarkLatency reports by how much messages exceed an injected latency of
// 100 ms, with 1000 messages a second.
func BenchmarkLatency(b *testing.B) {
	for b.Loop() {
		k := kernel.New(1)
		rec := &delays{sent: map[int64]time.Duration{}}
		e, net, _ := cluster(b, k, network.Latency{Mean: 100 * time.Millisecond, Dist: network.Constant}, rec, "n0", "n1")
		net.Attach("c0", sink(func(journal.Message) {}))
		for i := range 100 {
			k.At(time.Duration(i)*time.Millisecond, func() { ping(b, net, "n1", "n0", 20) })
		}
		k.At(2*time.Second, func() { k.Stop(nil) })
		if err := e.Drive(context.Background(), k); err != nil {
			b.Fatal(err)
		}
		e.Stop()
		slices.Sort(rec.took)
		over := func(q float64) float64 {
			return float64(rec.took[int(q*float64(len(rec.took)-1))]-100*time.Millisecond) / 1e6
		}
		b.ReportMetric(over(0.5), "ms-over-p50")
		b.ReportMetric(over(0.99), "ms-over-p99")
		b.ReportMetric(float64(len(rec.took)), "messages")
	}
}
