package sim

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/network"
	"glomers/internal/nodeio"
)

const ms = time.Millisecond

// script is a program whose guests are functions.
type script struct {
	boot  func(g *scripted)
	kills int
}

// scripted is a guest that calls a function for each step.
type scripted struct {
	Boot
	step   func(Step) (Wait, error)
	script *script
	disk   map[string]string
}

type scriptMachine struct {
	script *script
	disk   map[string]string
}

func (s *script) Machine(string) (Machine, error) {
	return &scriptMachine{s, map[string]string{}}, nil
}

func (m *scriptMachine) Boot(_ context.Context, b Boot) (Guest, error) {
	g := &scripted{Boot: b, script: m.script, disk: m.disk}
	m.script.boot(g)
	return g, nil
}

func (m *scriptMachine) Files() iter.Seq2[string, io.Reader] {
	return func(yield func(string, io.Reader) bool) {
		for _, path := range slices.Sorted(maps.Keys(m.disk)) {
			if !yield(path, strings.NewReader(m.disk[path])) {
				return
			}
		}
	}
}

func (*scriptMachine) Close() error { return nil }

func (g *scripted) Resume(s Step) (Wait, error) { return g.step(s) }

func (g *scripted) Kill() { g.script.kills++ }

// print prints a line on stdout.
func (g *scripted) print(at time.Duration, line string) error {
	return g.Output(Output{Stdout, at, []byte(line + "\n")})
}

// cluster is an engine with one node, n0, and what came of it.
type cluster struct {
	*Engine
	kernel   *kernel.Kernel
	endpoint network.Endpoint
	log      bytes.Buffer
	files    map[string]*bytes.Buffer
	warnings []string
	sent     []string // the time and the type of each message
}

type noClose struct{ io.Writer }

func (noClose) Close() error { return nil }

func newCluster(t *testing.T, cost CPUCost, boot func(*scripted)) *cluster {
	t.Helper()
	c := &cluster{kernel: kernel.New(1), files: map[string]*bytes.Buffer{}}
	c.Engine = New(Options{
		Program: &script{boot: boot}, CPUCost: cost,
		Log: func(string) (io.WriteCloser, error) { return noClose{&c.log}, nil },
		File: func(_, path string) (io.WriteCloser, error) {
			c.files[path] = &bytes.Buffer{}
			return noClose{c.files[path]}, nil
		},
		Warn: func(node, text string) { c.warnings = append(c.warnings, node+" "+text) },
	}, func(m journal.Message) error {
		if m.Dest == "nobody" {
			return errors.New("there is no such node")
		}
		var body struct{ Type string }
		if err := json.Unmarshal(m.Body, &body); err != nil {
			return err
		}
		c.sent = append(c.sent, fmt.Sprint(c.kernel.Now(), " ", body.Type))
		return nil
	})
	var err error
	if c.endpoint, err = c.Start("n0"); err != nil {
		t.Fatal(err)
	}
	return c
}

// drive runs the cluster until a time.
func (c *cluster) drive(until time.Duration) error {
	c.kernel.At(until, func() { c.kernel.Stop(nil) })
	err := c.Drive(context.Background(), c.kernel)
	c.Stop()
	return err
}

// deliver sends a message to the node at a time.
func (c *cluster) deliver(at time.Duration, typ string) {
	c.kernel.At(at, func() {
		c.endpoint.Deliver(journal.Message{Src: "c0", Dest: "n0", Body: []byte(`{"type":"` + typ + `"}`)})
	})
}

// recorder is a guest that records when it is resumed and with what, and waits
// for input and for the deadlines in turn.
func recorder(steps *[]string, deadlines ...time.Duration) func(*scripted) {
	return func(g *scripted) {
		g.step = func(s Step) (Wait, error) {
			*steps = append(*steps, fmt.Sprint(s.Now, " ", strings.Count(string(s.Input), "\n")))
			w := Wait{Deadline: Never, Input: true, Clock: s.Now}
			if len(deadlines) > 0 {
				w.Deadline, deadlines = deadlines[0], deadlines[1:]
			}
			return w, nil
		}
	}
}

func equal(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func fails(t *testing.T, err error, text string) {
	t.Helper()
	var node *nodeio.Error
	if !errors.As(err, &node) || node.Node != "n0" || !strings.Contains(err.Error(), text) {
		t.Errorf("got the error %v, want one of node n0 with %q", err, text)
	}
}

func TestMessagesWaitForCPU(t *testing.T) {
	var steps []string
	c := newCluster(t, Constant(10*ms), recorder(&steps))
	c.deliver(0, "a")
	c.deliver(0, "b")
	c.deliver(5*ms, "c")
	c.deliver(100*ms, "d")
	if err := c.drive(time.Second); err != nil {
		t.Fatal(err)
	}
	equal(t, "steps", steps, "0s 0", "10ms 1", "20ms 1", "30ms 1", "110ms 1")
}

func TestCPUCostIsDrawnFromTheSeed(t *testing.T) {
	run := func() []string {
		var steps []string
		c := newCluster(t, CPUCost{ms, 3 * ms}, recorder(&steps))
		for i := range 20 {
			c.deliver(time.Duration(i)*10*ms, "a")
		}
		if err := c.drive(time.Second); err != nil {
			t.Fatal(err)
		}
		return steps[1:]
	}
	steps, costs := run(), map[time.Duration]bool{}
	for i, s := range steps {
		at, err := time.ParseDuration(strings.Fields(s)[0])
		if err != nil {
			t.Fatal(err)
		}
		cost := at - time.Duration(i)*10*ms
		if cost < ms || cost > 3*ms {
			t.Errorf("message %d cost %v, want 1ms to 3ms", i, cost)
		}
		costs[cost] = true
	}
	if len(costs) < 10 {
		t.Errorf("20 messages have %d different costs", len(costs))
	}
	equal(t, "a second run with the same seed", run(), steps...)
}

func TestDeadlines(t *testing.T) {
	var steps []string
	// The message moves the deadline from 50 ms to 80 ms.
	c := newCluster(t, Constant(0), recorder(&steps, 50*ms, 80*ms, Never))
	c.deliver(20*ms, "a")
	if err := c.drive(time.Second); err != nil {
		t.Fatal(err)
	}
	equal(t, "steps", steps, "0s 0", "20ms 1", "80ms 0")
}

func TestPauseHoldsMessagesAndTimers(t *testing.T) {
	var steps []string
	c := newCluster(t, Constant(ms), recorder(&steps, 50*ms, Never))
	c.kernel.At(10*ms, func() { c.Pause("n0") })
	c.deliver(20*ms, "a")
	c.kernel.At(100*ms, func() { c.Resume("n0") })
	if err := c.drive(time.Second); err != nil {
		t.Fatal(err)
	}
	equal(t, "steps", steps, "0s 0", "100ms 0", "101ms 1")
}

func TestKillAndRestart(t *testing.T) {
	var steps []string
	pids, draws := map[int]bool{}, map[uint64]bool{}
	c := newCluster(t, Constant(ms), func(g *scripted) {
		recorder(&steps)(g)
		pids[g.PID], draws[g.Random.Uint64()] = true, true
		g.disk["/tmp/lives"] += "x"
	})
	c.deliver(10*ms, "lost with the node's memory")
	c.kernel.At(10*ms+1, func() { c.Kill("n0") })
	c.deliver(20*ms, "sent to a dead node")
	c.kernel.At(30*ms, func() {
		var err error
		if c.endpoint, err = c.Restart("n0"); err != nil {
			t.Error(err)
		}
	})
	c.deliver(40*ms, "a")
	if err := c.drive(time.Second); err != nil {
		t.Fatal(err)
	}
	equal(t, "steps", steps, "0s 0", "30ms 0", "41ms 1")
	if len(pids) != 2 || len(draws) != 2 {
		t.Errorf("two lives have the process ids %v and the random numbers %v", pids, draws)
	}
	if c.files["/tmp/lives"].String() != "xx" {
		t.Errorf("the file of both lives is %q", c.files["/tmp/lives"])
	}
}

func TestSkew(t *testing.T) {
	var skews []string
	c := newCluster(t, Constant(0), func(g *scripted) {
		g.step = func(s Step) (Wait, error) {
			skews = append(skews, s.Skew.String())
			return Wait{Deadline: Never, Input: true, Clock: s.Now}, nil
		}
	})
	c.kernel.At(10*ms, func() { c.Skew("n0", -time.Minute) })
	c.deliver(20*ms, "a")
	if err := c.drive(time.Second); err != nil {
		t.Fatal(err)
	}
	equal(t, "skews", skews, "0s", "-1m0s")
	if c.Skew("n7", 0) == nil || c.Pause("n7") == nil || c.Resume("n7") == nil || c.Kill("n7") == nil {
		t.Error("a fault of a node that does not exist is no error")
	}
}

// printing is a guest that prints in its first step, and waits for ever.
func printing(print func(g *scripted) error) func(*scripted) {
	return func(g *scripted) {
		g.step = func(s Step) (Wait, error) {
			return Wait{Deadline: Never, Input: true, Clock: s.Now}, print(g)
		}
	}
}

func TestOutput(t *testing.T) {
	c := newCluster(t, Constant(0), printing(func(g *scripted) error {
		g.Warn("calls something odd")
		g.Warn("calls something odd")
		return errors.Join(
			g.Output(Output{Stdout, 0, []byte(`{"src":"n0","dest":"c0",`)}),
			g.Output(Output{Stderr, 2 * ms, []byte("a line\nthe beginning")}),
			g.Output(Output{Stdout, 0, []byte("\"body\":{\"type\":\"a\"}}\n\n  \n")}),
			g.print(0, `{"src":"n0","dest":"c0","body":{"type":"b"}}`))
	}))
	if err := c.drive(time.Second); err != nil {
		t.Fatal(err)
	}
	equal(t, "messages", c.sent, "0s a", "0s b")
	equal(t, "log", strings.Split(c.log.String(), "\n"), "   0.002000 a line", "   1.000000 the beginning", "")
	equal(t, "warnings", c.warnings, "n0 calls something odd")
}

// TestClockAhead: a guest that computed until 30 ms on its own clock sends what it
// printed then, and takes its next message no earlier.
func TestClockAhead(t *testing.T) {
	var steps []string
	c := newCluster(t, Constant(ms), func(g *scripted) {
		g.step = func(s Step) (Wait, error) {
			steps = append(steps, s.Now.String())
			err := g.print(s.Now, `{"src":"n0","dest":"c0","body":{"type":"before"}}`)
			return Wait{Deadline: Never, Input: true, Clock: s.Now + 30*ms},
				errors.Join(err, g.print(s.Now+30*ms, `{"src":"n0","dest":"c0","body":{"type":"after"}}`))
		}
	})
	c.deliver(10*ms, "a")
	if err := c.drive(time.Second); err != nil {
		t.Fatal(err)
	}
	equal(t, "steps", steps, "0s", "31ms")
	equal(t, "messages", c.sent, "0s before", "30ms after", "31ms before", "61ms after")
}

func TestWhatEndsARun(t *testing.T) {
	message := `{"src":"n0","dest":"c0","body":{"type":"a"}}`
	tests := map[string]struct {
		print func(*scripted) error
		want  string
	}{
		"garbage":     {func(g *scripted) error { return g.print(0, "hello") }, "is not a message"},
		"undelivered": {func(g *scripted) error { return g.print(0, `{"src":"n0","dest":"nobody","body":{}}`) }, "there is no such node"},
		"later":       {func(g *scripted) error { return g.print(ms, `{"src":"n0","dest":"nobody","body":{}}`) }, "there is no such node"},
		"sender":      {func(g *scripted) error { return g.print(0, `{"src":"n1","dest":"c0","body":{}}`) }, "not its own id"},
		"exit":        {func(*scripted) error { return nodeio.ErrExited }, "exited with status 0"},
		"crash":       {func(*scripted) error { return errors.New("crashed: exit status 2") }, "crashed: exit status 2"},
		"line": {func(g *scripted) error {
			for {
				if err := g.Output(Output{Stdout, 0, make([]byte, 1<<20)}); err != nil {
					return err
				}
			}
		}, "a line of more than 8 MiB"},
		"stderr without end": {func(g *scripted) error {
			for {
				if err := g.Output(Output{Stderr, 0, make([]byte, 1<<20)}); err != nil {
					return err
				}
			}
		}, "floods its stderr: it printed more than 64 MiB"},
		"lines on stderr without end": {func(g *scripted) error {
			for {
				if err := g.Output(Output{Stderr, 0, []byte("a line\n")}); err != nil {
					return err
				}
			}
		}, "floods its stderr: it printed more than 200000 lines"},
		"blank lines without end": {func(g *scripted) error {
			for {
				if err := g.Output(Output{Stdout, 0, bytes.Repeat([]byte("\n"), 1<<16)}); err != nil {
					return err
				}
			}
		}, "floods its stdout: it printed more than 64 MiB"},
		"messages without end": {func(g *scripted) error {
			for {
				if err := g.print(0, message); err != nil {
					return err
				}
			}
		}, "floods the network: it printed more than 100000 messages"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			fails(t, newCluster(t, Constant(0), printing(test.print)).drive(time.Second), test.want)
		})
	}
}

// TestLimitsAreForASecond: what is too much in one second is not in two.
func TestLimitsAreForASecond(t *testing.T) {
	c := newCluster(t, Constant(0), func(g *scripted) {
		g.step = func(s Step) (Wait, error) {
			for range maxMessages * 2 / 3 {
				if err := g.print(s.Now, `{"src":"n0","dest":"c0","body":{"type":"a"}}`); err != nil {
					return Wait{}, err
				}
			}
			return Wait{Deadline: s.Now + time.Second, Clock: s.Now}, nil
		}
	})
	if err := c.drive(2500 * ms); err != nil {
		t.Error(err)
	}
}

func TestTimersWithoutEnd(t *testing.T) {
	c := newCluster(t, Constant(0), func(g *scripted) {
		g.step = func(s Step) (Wait, error) { return Wait{Deadline: s.Now + 1, Clock: s.Now}, nil }
	})
	fails(t, c.drive(time.Second), "sets timers without end: they woke it more than 100000 times")
}

func TestUnreadInput(t *testing.T) {
	for name, wait := range map[string]Wait{
		"never asks for input":    {Deadline: Never},
		"asks but does not read":  {Deadline: Never, Input: true, Unread: nodeio.MaxUnread},
		"has no time for so much": {Deadline: Never, Input: true},
	} {
		t.Run(name, func(t *testing.T) {
			cost := Constant(0)
			if wait.Input && wait.Unread == 0 {
				cost = Constant(time.Hour)
			}
			c := newCluster(t, cost, func(g *scripted) { g.step = func(Step) (Wait, error) { return wait, nil } })
			body := []byte(`{"type":"` + strings.Repeat("x", 1<<20) + `"}`)
			for i := range 70 {
				c.kernel.At(time.Duration(i)*ms, func() { c.endpoint.Deliver(journal.Message{Src: "c0", Dest: "n0", Body: body}) })
			}
			fails(t, c.drive(time.Second), "does not read its stdin")
		})
	}
}

// TestOverrun: a node may fall behind, but not without end.
func TestOverrun(t *testing.T) {
	drive := func(messages int) error {
		c := newCluster(t, Constant(ms), func(g *scripted) {
			g.step = func(s Step) (Wait, error) { return Wait{Deadline: Never, Input: true, Clock: s.Now}, nil }
		})
		for range messages {
			c.deliver(0, "a")
		}
		return c.drive(ms / 2)
	}
	if err := drive(maxWaiting); err != nil {
		t.Errorf("%d messages at once end the run: %v", maxWaiting, err)
	}
	fails(t, drive(maxWaiting+1), "cannot keep up: more than 50000 messages are waiting for it")
}

// TestOverrunAfterPause: what came while a node was paused is not held against it, during
// the pause and after it; what comes then is.
func TestOverrunAfterPause(t *testing.T) {
	drive := func(later int) error {
		c := newCluster(t, Constant(ms), func(g *scripted) {
			g.step = func(s Step) (Wait, error) { return Wait{Deadline: Never, Input: true, Clock: s.Now}, nil }
		})
		c.kernel.At(0, func() { c.Pause("n0") })
		for range 2 * maxWaiting {
			c.deliver(1, "a")
		}
		c.kernel.At(2, func() { c.Resume("n0") })
		for range later {
			c.deliver(3, "a")
		}
		return c.drive(ms / 2)
	}
	if err := drive(maxWaiting); err != nil {
		t.Errorf("%d messages after a pause end the run: %v", maxWaiting, err)
	}
	fails(t, drive(maxWaiting+1), "cannot keep up")
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var steps []string
	c := newCluster(t, Constant(0), recorder(&steps))
	c.kernel.At(ms, cancel)
	c.deliver(2*ms, "a")
	if err := c.Drive(ctx, c.kernel); !errors.Is(err, context.Canceled) {
		t.Errorf("the run ended with %v, want %v", err, context.Canceled)
	}
	equal(t, "steps", steps, "0s 0")

	// A guest that is interrupted while it computes is not to blame.
	ctx, cancel = context.WithCancel(context.Background())
	c = newCluster(t, Constant(0), printing(func(*scripted) error { cancel(); return ctx.Err() }))
	err := c.Drive(ctx, c.kernel)
	var node *nodeio.Error
	if !errors.Is(err, context.Canceled) || errors.As(err, &node) {
		t.Errorf("the run ended with %v, want %v", err, context.Canceled)
	}
}

// TestTogether: messages that wait are read in one step, if that is asked for.
func TestTogether(t *testing.T) {
	for _, together := range []float64{0, 1} {
		steps := 0
		c := newCluster(t, Constant(ms), func(g *scripted) {
			g.step = func(s Step) (Wait, error) {
				if len(s.Input) > 0 {
					steps++
				}
				return Wait{Deadline: Never, Input: true, Clock: s.Now}, nil
			}
		})
		c.options.Yields = together
		c.kernel.At(0, func() {
			for id := range int64(3) {
				c.endpoint.Deliver(journal.Message{ID: id, Src: "c1", Dest: "n0", Body: json.RawMessage(`{"type":"read"}`)})
			}
		})
		if err := c.drive(time.Second); err != nil {
			t.Fatal(err)
		}
		if want := map[float64]int{0: 3, 1: 1}[together]; steps != want {
			t.Errorf("with probability %v, 3 messages were read in %d steps, want %d", together, steps, want)
		}
	}
}

// TestAppendTime: the time in a log is that of the verb %11.6f.
func TestAppendTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "at"))
		if got, want := string(appendTime([]byte("x"), at)), fmt.Sprintf("x%11.6f ", at.Seconds()); got != want {
			t.Fatalf("%v is written as %q, want %q", at, got, want)
		}
	})
}
