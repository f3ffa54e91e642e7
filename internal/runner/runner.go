package runner

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/nemesis"
	"glomers/internal/network"
	"glomers/internal/nodeio"
	"glomers/internal/service"
	"glomers/internal/workload"
)

// Config describes a test.
type Config struct {
	Workload   string
	Options    workload.Options
	Pace       workload.Pace
	Latency    network.Latency
	Nemesis    nemesis.Config
	Recovery   time.Duration // between the healing of the network and the final operations
	InitSpread time.Duration // init is sent to each node at a random time within this span
	Seed       uint64
	LogSend    bool // log every message as it is sent
	LogRecv    bool // log every message as it is received
}

// Validate reports what is wrong with the configuration.
func (c Config) Validate() error {
	if err := c.Latency.Validate(); err != nil {
		return err
	}
	if c.InitSpread < 0 {
		return fmt.Errorf("the init spread is %v, expected 0 or more", c.InitSpread)
	}
	if err := c.Nemesis.Validate(); err != nil {
		return err
	}
	_, err := workload.New(c.Workload, c.Options, kernel.New(c.Seed))
	return err
}

// Engine hosts nodes and drives the kernel, in real or in virtual time.
type Engine interface {
	Start(id string) (network.Endpoint, error)
	// Drive runs the kernel until it is stopped, a node fails or ctx ends.
	Drive(ctx context.Context, k *kernel.Kernel) error
	// Stop ends all nodes.
	Stop()
}

// Recorder keeps what happens. Flush is called periodically; an error that it returns
// ends the run.
type Recorder interface {
	workload.Recorder
	network.Recorder
	Flush() error
}

// Phase is a part of a test.
type Phase string

// The phases in their order. The last two are for workloads with final
// operations only.
const (
	Starting   Phase = "starting nodes"
	Running    Phase = "running"
	Finishing  Phase = "waiting for operations in flight"
	Recovering Phase = "waiting for recovery"
	Final      Phase = "final operations"
)

// Progress describes a test under way.
type Progress struct {
	Phase                   Phase
	Elapsed, Total          time.Duration // of the phase; Total 0 if unknown
	Invoked, OK, Fail, Info int
	Rate                    float64       // operations completed a second, lately
	Latency                 time.Duration // median of those that succeeded lately; 0 for none
	Faults                  string        // those in force
	Messages                int64         // between servers, since the beginning of the test
}

// stormPerOperation is the number of messages for each operation above which they are
// called a storm. Flooding a cluster of 25 nodes, each to all others, takes 600.
const stormPerOperation = 1000

// Storm returns the messages between servers for each operation, and whether they
// are so many that they are why a run is slow: nodes answer messages with ever more
// messages, or repeat them too often.
func (p Progress) Storm() (perOperation int64, ok bool) {
	perOperation = p.Messages / int64(max(p.Invoked, 1))
	return perOperation, perOperation >= stormPerOperation
}

// Result is what a run showed besides its history and journal.
type Result struct {
	Strays     Strays
	Partitions []nemesis.Partition
}

// Strays are the messages to clients that answered no request.
type Strays struct {
	Count int
	First []workload.Stray // a few of them
}

// add counts a message that answered no request, and keeps the first few.
func (s *Strays) add(stray workload.Stray) {
	const few = 5
	if s.Count++; len(s.First) < few {
		s.First = append(s.First, stray)
	}
}

// DefaultInitSpread is about as far apart as the processes of a cluster start on
// one machine.
const DefaultInitSpread = 50 * time.Millisecond

const (
	initTimeout      = 10 * time.Second
	progressInterval = 100 * time.Millisecond
	flushInterval    = 250 * time.Millisecond
)

// Run runs a test. The engine is made by newEngine, which gets the function that
// takes the messages of nodes. Progress may be nil.
//
// The result is complete even if the run ended early. The error is nil if the test
// ran to its end, whatever the outcome of its operations.
func Run(ctx context.Context, c Config, newEngine func(receive func(journal.Message) error) Engine, rec Recorder, log *slog.Logger, progress func(Progress)) (Result, error) {
	k := kernel.New(c.Seed)
	t := &test{config: c, kernel: k, log: log, report: progress, recorder: rec, phase: Starting, greeters: map[string]*workload.Client{}}
	if c.LogSend || c.LogRecv {
		t.network = network.New(k, c.Latency, loggedMessages{rec, log, c.LogSend, c.LogRecv})
	} else {
		t.network = network.New(k, c.Latency, rec)
	}
	t.engine = newEngine(func(m journal.Message) error { return t.network.Send(m.Src, m.Dest, m.Body) })
	defer t.engine.Stop()

	w, err := workload.New(c.Workload, c.Options, k)
	if err != nil {
		return t.result, err
	}
	t.load = workload.NewLoad(k, w, c.Options, c.Pace, t, t)
	t.nemesis = nemesis.New(k, c.Nemesis, t.network, t, c.Options.Nodes, t)
	for _, s := range service.All(k, t.network) {
		t.network.Attach(s.ID(), s)
	}
	log.Info("starting nodes", "nodes", c.Options.Nodes, "seed", c.Seed)
	for _, id := range c.Options.Nodes {
		e, err := t.engine.Start(id)
		if err != nil {
			return t.result, err
		}
		t.network.Attach(id, e)
	}
	if e, ok := t.engine.(staller); ok {
		e.OnStall(t.stalled)
	}
	t.every(progressInterval, t.reportProgress)
	t.every(flushInterval, func() {
		if err := rec.Flush(); err != nil {
			k.Stop(err)
		}
	})
	k.At(0, t.initialize)
	err = t.engine.Drive(ctx, k)
	if err == nil {
		err = rec.Flush()
	}
	t.reportProgress()
	t.result.Partitions = t.nemesis.Partitions()
	if err != nil {
		log.Error("the run ended early", "phase", t.phase, "error", err)
	} else {
		log.Info("the run is complete", "operations", t.invoked)
	}
	return t.result, err
}

// test is the state of a run.
type test struct {
	config   Config
	kernel   *kernel.Kernel
	network  *network.Network
	engine   Engine
	load     *workload.Load
	nemesis  *nemesis.Nemesis
	recorder Recorder
	log      *slog.Logger
	report   func(Progress)

	nextClient int
	greeters   map[string]*workload.Client // those that sent init to nodes that were restarted
	phase      Phase
	phaseStart time.Duration
	phaseTotal time.Duration

	invoked, ok, failed, info int
	faults                    faults
	recent                    recent // kept only for whoever follows
	result                    Result
}

// every calls f at intervals of d for as long as the run lasts.
func (t *test) every(d time.Duration, f func()) {
	t.kernel.After(d, func() {
		f()
		t.every(d, f)
	})
}

// enter begins a phase that takes the given time, 0 if that is unknown.
func (t *test) enter(p Phase, total time.Duration) {
	t.phase, t.phaseStart, t.phaseTotal = p, t.kernel.Now(), total
	t.log.Info(string(p))
	t.reportProgress()
}

// reportProgress tells whoever follows the run how far it is.
func (t *test) reportProgress() {
	if t.report == nil {
		return
	}
	rate, latency := t.recent.figures(t.kernel.Now())
	t.report(Progress{
		Phase: t.phase, Elapsed: t.kernel.Now() - t.phaseStart, Total: t.phaseTotal,
		Invoked: t.invoked, OK: t.ok, Fail: t.failed, Info: t.info, Rate: rate, Latency: latency,
		Faults: t.faults.describe(t.nemesis.Partitions()), Messages: t.network.ServerMessages(),
	})
}

// RecordOp counts an operation and passes it on.
func (t *test) RecordOp(op history.Op) {
	if op.Client() {
		switch op.Type {
		case history.Invoke:
			t.invoked++
		case history.OK:
			t.ok++
		case history.Fail:
			t.failed++
		case history.Info:
			t.info++
		}
		if t.report != nil {
			t.recent.observe(op)
		}
	} else {
		t.faults.observe(op.F)
		t.log.Info("nemesis", "f", op.F, "value", edn.String(op.Value))
	}
	t.recorder.RecordOp(op)
}

// Open attaches a new client to the network.
func (t *test) Open(node string) *workload.Client {
	c := workload.NewClient(t.kernel, t.network, fmt.Sprintf("c%d", t.nextClient), node)
	t.nextClient++
	c.OnStray = func(s workload.Stray) {
		t.result.Strays.add(s)
		t.log.Warn("a message answers no request", "client", c.ID(), "reason", s.Reason, "message", s.Message.String())
	}
	t.network.Attach(c.ID(), c)
	return c
}

// Close detaches a client.
func (t *test) Close(c *workload.Client) {
	c.Close()
	t.network.Detach(c.ID())
}

// initialize sends init to every node and continues when all have answered. As in
// Maelstrom, which initializes the nodes in parallel, each gets it at a time of its
// own, and may receive messages of other nodes before.
func (t *test) initialize() {
	random := t.kernel.Rand("init")
	pending := len(t.config.Options.Nodes)
	for _, id := range t.config.Options.Nodes {
		delay := time.Duration(random.Float64() * float64(t.config.InitSpread))
		t.kernel.After(delay, func() {
			t.init(id, func(err *workload.Error) {
				if err != nil {
					t.kernel.Stop(t.initError(id, err))
					return
				}
				if pending--; pending == 0 {
					t.prepare()
				}
			})
		})
	}
}

// init sends init to a node, and returns the client that does.
func (t *test) init(id string, done func(*workload.Error)) *workload.Client {
	ids := make([]any, len(t.config.Options.Nodes))
	for i, id := range t.config.Options.Nodes {
		ids[i] = id
	}
	c := t.Open(id)
	c.Call(workload.InitRPC, edn.Map{{Key: "node_id", Value: id}, {Key: "node_ids", Value: ids}}, initTimeout, func(_ workload.Reply, err *workload.Error) {
		t.Close(c)
		done(err)
	})
	return c
}

// An InitError is a node that did not answer init as it must.
type InitError struct {
	Node   string
	Silent bool // it did not answer at all
	Err    error
}

// witness is an engine that can say what a silent node printed instead of an
// answer, and may know why.
type witness interface {
	Silent(node string, err error) error
}

// initError returns the error of a node that did not answer init as it must, with what it
// printed instead if it was silent.
func (t *test) initError(node string, err *workload.Error) error {
	e := &InitError{node, err.Name == "net-timeout", err}
	if w, ok := t.engine.(witness); ok && e.Silent {
		e.Err = w.Silent(node, t.omission(node, "init", initTimeout, fmt.Errorf("did not answer init within %v", initTimeout)))
	}
	return e
}

func (e *InitError) Error() string {
	var node *nodeio.Error
	switch {
	case e.Silent && errors.As(e.Err, &node):
		return node.Error()
	case e.Silent:
		return fmt.Sprintf("node %s did not answer init within %v", e.Node, initTimeout)
	}
	return fmt.Sprintf("node %s did not answer init with init_ok: %v", e.Node, e.Err)
}

func (e *InitError) Unwrap() error { return e.Err }

// setupError adds what a node printed that did not answer a request of the setup.
func (t *test) setupError(err error) error {
	var setup *workload.SetupError
	if w, ok := t.engine.(witness); ok && errors.As(err, &setup) && setup.Silent() {
		return w.Silent(setup.Node, t.omission(setup.Node, setup.Request, setup.Timeout, setup.Omission()))
	}
	return err
}

// omission completes "node n0 …" for a node that did not answer a request of the
// setup: it may have sent an answer that does not say which request it answers.
func (t *test) omission(node, request string, timeout time.Duration, silent error) error {
	for _, s := range t.result.Strays.First {
		if s.Message.Src == node {
			return fmt.Errorf("did not answer %s within %v, but sent a message that answers no request: %s", request, timeout, s)
		}
	}
	return silent
}

// prepare sends what the clients of the workload send before the load, and then begins the
// load and the faults.
func (t *test) prepare() {
	t.load.Prepare(func(err error) {
		if err != nil {
			t.kernel.Stop(t.setupError(err))
			return
		}
		t.enter(Running, t.config.Pace.TimeLimit)
		t.nemesis.Start()
		t.kernel.After(t.config.Pace.TimeLimit, func() {
			t.nemesis.Stop()
			if !t.load.HasFinal() { // nothing will come after the operations in flight
				t.nemesis.HealNodes()
			}
			t.enter(Finishing, 0)
		})
		t.load.Run(t.recover)
	})
}

// recover heals the network before the final operations, if there are any.
func (t *test) recover() {
	if !t.load.HasFinal() {
		t.kernel.Stop(nil)
		return
	}
	t.nemesis.Heal()
	t.enter(Recovering, t.config.Recovery)
	t.kernel.After(t.config.Recovery, func() {
		t.enter(Final, 0)
		t.load.Finish(func() { t.kernel.Stop(nil) })
	})
}

// loggedMessages logs messages on their way to the recorder.
type loggedMessages struct {
	network.Recorder
	log        *slog.Logger
	send, recv bool
}

// Record logs an event and passes it on.
func (l loggedMessages) Record(e journal.Event) {
	if (e.Kind == journal.Send && l.send) || (e.Kind == journal.Recv && l.recv) {
		verb := map[journal.Kind]string{journal.Send: "send", journal.Recv: "recv"}[e.Kind]
		l.log.Info(verb, "time", e.Time, "message", e.Message.String())
	}
	l.Recorder.Record(e)
}

// IsInterrupt reports whether an error of Run is the end of its context, as
// after Ctrl-C, rather than a fault.
func IsInterrupt(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// String describes the configuration in a line.
func (c Config) String() string {
	count := func(n int, noun string) string {
		if n == 1 {
			return "1 " + noun
		}
		return fmt.Sprintf("%d %ss", n, noun)
	}
	parts := []string{c.Workload, count(len(c.Options.Nodes), "node"), count(c.Options.Concurrency, "worker"),
		fmt.Sprintf("%g ops/s", c.Pace.Rate), fmt.Sprint(c.Pace.TimeLimit)}
	if c.Latency.Mean > 0 {
		parts = append(parts, fmt.Sprintf("latency %v %s", c.Latency.Mean, c.Latency.Dist))
	}
	if len(c.Nemesis.Faults) > 0 {
		parts = append(parts, "nemesis "+strings.Join(c.Nemesis.Faults, ","))
	}
	return strings.Join(parts, ", ")
}
