package wasm

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/network"
	"glomers/internal/runner"
	"glomers/internal/sim"
	"glomers/internal/workload"
)

// tally counts what is delivered.
type tally struct{ messages int }

func (*tally) RecordOp(history.Op) {}

func (t *tally) Record(e journal.Event) {
	if e.Kind == journal.Recv {
		t.messages++
	}
}

func (*tally) Flush() error { return nil }

type nowhere struct{ io.Writer }

func (nowhere) Close() error { return nil }

func noLog(string) (io.WriteCloser, error) { return nowhere{io.Discard}, nil }

func load(b *testing.B, stage string) *Program {
	b.Helper()
	p, err := Load(context.Background(), compile(b, "../../../stages/"+stage, stage+".wasm"), "", DefaultMemory)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.Close(context.Background()) })
	return p
}

func simulate(b *testing.B, p *Program, c runner.Config) *tally {
	b.Helper()
	rec := &tally{}
	_, err := runner.Run(context.Background(), c, func(receive func(journal.Message) error) runner.Engine {
		return sim.New(sim.Options{Program: p, CPUCost: sim.Constant(50 * time.Microsecond), Log: noLog}, receive)
	}, rec, slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
	if err != nil {
		b.Fatal(err)
	}
	return rec
}

func nodes(n int) []string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("n%d", i))
	}
	return ids
}

// BenchmarkMessages runs stage 3d, with its 25 nodes: the time of a run, and of a
// delivered message.
func BenchmarkMessages(b *testing.B) {
	p := load(b, "3d-broadcast")
	messages := 0
	for b.Loop() {
		messages += simulate(b, p, runner.Config{
			Workload: "broadcast",
			Options:  workload.Options{Nodes: nodes(25), Concurrency: 25, Topology: "grid"},
			Pace:     workload.Pace{Rate: 100, TimeLimit: 20 * time.Second},
			Latency:  network.Latency{Mean: 100 * time.Millisecond, Dist: network.Constant},
			Recovery: 10 * time.Second, Seed: 1,
		}).messages
	}
	b.ReportMetric(float64(b.Elapsed())/float64(time.Microsecond)/float64(messages), "µs/message")
}

// BenchmarkStart starts 25 nodes, up to their answer to init.
func BenchmarkStart(b *testing.B) {
	p := load(b, "3d-broadcast")
	for b.Loop() {
		simulate(b, p, runner.Config{
			Workload: "echo",
			Options:  workload.Options{Nodes: nodes(25), Concurrency: 25},
			Pace:     workload.Pace{TimeLimit: time.Millisecond}, Seed: 1,
		})
	}
}

// BenchmarkMemory reports what a node has in its memory when it is idle.
func BenchmarkMemory(b *testing.B) {
	p := load(b, "1-echo")
	var used uint64
	for b.Loop() {
		m, err := p.Machine("n0")
		if err != nil {
			b.Fatal(err)
		}
		g, err := m.Boot(context.Background(), sim.Boot{Random: kernel.New(1).Rand("n0"), Output: func(sim.Output) error { return nil }})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := g.Resume(sim.Step{}); err != nil {
			b.Fatal(err)
		}
		used = uint64(g.(*guest).memory.Size())
		g.Kill()
	}
	b.ReportMetric(float64(used)/(1<<20), "MB/node")
}
