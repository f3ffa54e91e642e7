//go:build linux && (amd64 || arm64)

package native

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glomers/checkers/history"
	"glomers/checkers/journal"
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

func loadStage(b *testing.B, stage string) *Program {
	b.Helper()
	p, err := Load(compile(b, "../../../stages/"+stage, false), Options{Memory: 1 << 30})
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

// cpu returns the CPU time that this process, and those of its children that have
// ended, have used.
func cpu(b *testing.B) (host, nodes time.Duration) {
	b.Helper()
	used := func(who int) time.Duration {
		var r unix.Rusage
		if err := unix.Getrusage(who, &r); err != nil {
			b.Fatal(err)
		}
		return time.Duration(r.Utime.Nano() + r.Stime.Nano())
	}
	return used(unix.RUSAGE_SELF), used(unix.RUSAGE_CHILDREN)
}

// BenchmarkMessages runs stage 3d, with its 25 nodes: the time of a run, and of a
// delivered message, with the CPU time of the host and of the nodes. CPU time varies
// less than the time that passes when others use the machine.
func BenchmarkMessages(b *testing.B) {
	p := loadStage(b, "3d-broadcast")
	messages := 0
	hostBefore, nodesBefore := cpu(b)
	for b.Loop() {
		messages += simulate(b, p, runner.Config{
			Workload: "broadcast",
			Options:  workload.Options{Nodes: nodes(25), Concurrency: 25, Topology: "grid"},
			Pace:     workload.Pace{Rate: 100, TimeLimit: 20 * time.Second},
			Latency:  network.Latency{Mean: 100 * time.Millisecond, Dist: network.Constant},
			Recovery: 10 * time.Second, Seed: 1,
		}).messages
	}
	host, nodes := cpu(b)
	each := func(d time.Duration, unit string) {
		b.ReportMetric(float64(d)/float64(time.Microsecond)/float64(messages), unit)
	}
	each(b.Elapsed(), "µs/message")
	each(host-hostBefore, "host-CPU-µs/message")
	each(nodes-nodesBefore, "node-CPU-µs/message")
}

// BenchmarkStart starts 25 nodes, up to their answer to init.
func BenchmarkStart(b *testing.B) {
	p := loadStage(b, "3d-broadcast")
	for b.Loop() {
		simulate(b, p, runner.Config{
			Workload: "echo",
			Options:  workload.Options{Nodes: nodes(25), Concurrency: 25},
			Pace:     workload.Pace{TimeLimit: time.Millisecond}, Seed: 1,
		})
	}
}
