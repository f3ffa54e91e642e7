package verdict

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/nemesis"
	"glomers/internal/network"
	"glomers/internal/nodeio"
	"glomers/internal/runner"
	"glomers/internal/spec"
	"glomers/internal/workload"
)

// Config returns the runner's configuration for a test.
func Config(t *spec.Test) runner.Config {
	latency := time.Duration(t.LatencyMS * float64(time.Millisecond))
	return runner.Config{
		Workload: t.Workload,
		Options: workload.Options{
			Nodes: t.Nodes, Concurrency: t.Concurrency, Topology: t.Topology, KeyCount: t.KeyCount,
			MaxTxnLength: t.MaxTxnLength, MaxWritesPerKey: t.MaxWritesPerKey, MeanLatency: latency, Strict: t.Strict,
		},
		Pace:    workload.Pace{Rate: t.Rate, TimeLimit: seconds(t.TimeLimit)},
		Latency: network.Latency{Mean: latency, Dist: network.Dist(t.LatencyDist)},
		// A stage that is tested with partitions is to see some: Maelstrom's own
		// splits of two nodes cut nothing half of the time.
		Nemesis:    nemesis.Config{Faults: t.Nemesis, Interval: seconds(t.NemesisInterval), RealCuts: t.Stage != ""},
		Recovery:   seconds(t.Recovery),
		InitSpread: runner.DefaultInitSpread,
		Seed:       t.Seed,
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Validate returns an error that names what is impossible about a test.
func Validate(t *spec.Test) error {
	if err := t.Validate(); err != nil {
		return err
	}
	return Config(t).Validate()
}

// Engine makes the engine of a run, which hands the messages of nodes to receive.
type Engine func(receive func(journal.Message) error) runner.Engine

// Observation holds what follows a run while it goes on. The zero value is nothing.
type Observation struct {
	Keep             runner.Recorder       // stores the records as well; may be nil
	Log              *slog.Logger          // nil for none
	LogSend, LogRecv bool                  // log every message
	Progress         func(runner.Progress) // may be nil
}

// Run runs a test, asks its question and returns the verdict. The error is that of
// a run that ended early (see Blame), of its context, or of records that cannot be
// judged.
func Run(ctx context.Context, t *spec.Test, q Question, engine Engine, o Observation) (*Verdict, error) {
	records, err := Record(ctx, t, engine, o)
	if err != nil {
		return nil, err
	}
	return Judge(records, q)
}

// Record runs a test and returns its records.
func Record(ctx context.Context, t *spec.Test, engine Engine, o Observation) (Records, error) {
	c := Config(t)
	c.LogSend, c.LogRecv = o.LogSend, o.LogRecv
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	rec := &recorder{keep: o.Keep, traffic: NewTraffic(t.CheckOptions())}
	var nodes runner.Engine
	result, err := runner.Run(ctx, c, func(receive func(journal.Message) error) runner.Engine {
		nodes = engine(receive)
		return nodes
	}, rec, o.Log, o.Progress)
	if err != nil {
		return Records{Strays: result.Strays, Partitions: result.Partitions}, err
	}
	h, err := history.New(rec.ops)
	records := Records{History: h, Traffic: rec.traffic, Strays: result.Strays, Partitions: result.Partitions}
	if detector, ok := nodes.(raceDetector); ok {
		records.Racy = detector.Racy()
	}
	return records, err
}

// A raceDetector is an engine that reads the logs of its nodes for reports of Go's
// race detector.
type raceDetector interface {
	Racy() []string // nodes with a report, sorted
}

// recorder holds the records of a run in memory, on their way to where they are
// kept.
type recorder struct {
	keep    runner.Recorder
	ops     []history.Op
	traffic *Traffic
}

func (r *recorder) RecordOp(op history.Op) {
	op.Index = len(r.ops)
	r.ops = append(r.ops, op)
	if r.keep != nil {
		r.keep.RecordOp(op)
	}
}

func (r *recorder) Record(e journal.Event) {
	r.traffic.Add(e)
	if r.keep != nil {
		r.keep.Record(e)
	}
}

func (r *recorder) Flush() error {
	if r.keep == nil {
		return nil
	}
	return r.keep.Flush()
}

// Blame returns the finding of an error of Run that is the fault of the nodes: one
// of them crashed, broke the protocol, or did not answer init or topology. It is false for any
// other error, such as an interrupt or a full disk.
func Blame(err error) (Finding, bool) {
	var node *nodeio.Error
	var init *runner.InitError
	var setup *workload.SetupError
	switch {
	case errors.As(err, &node):
		return Finding{Kind: "a node " + withoutDetails(node.Msg), Source: Official, Summary: node.Error()}, true
	case errors.As(err, &init):
		return Finding{Kind: "init", Source: Official, Summary: init.Error()}, true
	case errors.As(err, &setup):
		return Finding{Kind: setup.Request, Source: Official, Summary: setup.Error()}, true
	}
	return shapeFinding(err)
}

// withoutDetails removes from a message what differs from run to run; an exit status
// stays.
func withoutDetails(msg string) string {
	if i := strings.IndexAny(msg, ":;"); i > 0 && !strings.HasPrefix(msg[i:], ": exit status") {
		return msg[:i]
	}
	return msg
}
