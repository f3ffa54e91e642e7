package wasm

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/network"
	"glomers/internal/runner"
	"glomers/internal/workload"
)

type counter struct{ ops, msgs int }

func (c *counter) RecordOp(history.Op) { c.ops++ }
func (c *counter) Record(e journal.Event) {
	if e.Kind == journal.Recv {
		c.msgs++
	}
}
func (c *counter) Flush() error { return nil }

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func BenchmarkX(b *testing.B) {
	out := filepath.Join("/tmp", "x.wasm")
	cmd := exec.Command("go", "build", "-o", out, "../../stages/3d-broadcast")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if o, err := cmd.CombinedOutput(); err != nil {
		b.Fatal(err, string(o))
	}
	t := time.Now()
	p, err := Load(context.Background(), out, "/tmp/wz", DefaultMemory)
	if err != nil {
		b.Fatal(err)
	}
	b.Log("load", time.Since(t))
	var nodes []string
	for i := range 25 {
		nodes = append(nodes, fmt.Sprintf("n%d", i))
	}
	for b.Loop() {
		c := runner.Config{
			Workload: "broadcast",
			Options:  workload.Options{Nodes: nodes, Concurrency: 25, Topology: "grid"},
			Pace:     workload.Pace{Rate: 100, TimeLimit: 20 * time.Second},
			Latency:  network.Latency{Mean: 100 * time.Millisecond, Dist: network.Constant},
			Recovery: 10 * time.Second, Seed: 1,
		}
		rec := &counter{}
		t := time.Now()
		var e *Engine
		err := runner.Run(context.Background(), c, func(receive func(journal.Message) error) runner.Engine {
			e = New(Options{Program: p, CPUCost: 50 * time.Microsecond, Log: func(string) (io.WriteCloser, error) { return nopCloser{io.Discard}, nil }}, receive)
			return e
		}, rec, slog.New(slog.NewTextHandler(io.Discard, nil)), nil)
		if err != nil {
			b.Fatalf("%v %+v", err, err)
		}
		b.Log(rec.ops, rec.msgs, time.Since(t), time.Since(t)/time.Duration(rec.msgs))
	}
}
