package process

import (
	"context"
	"testing"
	"time"

	"glomers/checkers/edn"
	"glomers/internal/kernel"
	"glomers/internal/network"
	"glomers/internal/workload"
)

// stallClock is a clock that can jump.
type stallClock struct {
	began time.Time
	jumps time.Duration
}

func (c *stallClock) now() time.Duration { return time.Since(c.began) + c.jumps }

// TestStall lets the runner stand still, for longer than the timeout of a
// request, between sending it and reading the answer.
func TestStall(t *testing.T) {
	const timeout, stall = 5 * time.Second, 14 * time.Second
	k := kernel.New(1)
	clock := &stallClock{began: time.Now()}
	var stalls []time.Duration
	e, net, _ := clusterWith(t, Options{Clock: clock.now},
		k, network.Latency{Dist: network.Constant}, discard{}, "n0")
	e.OnStall(func(d time.Duration) { stalls = append(stalls, d) })
	c := workload.NewClient(k, net, "c1", "n0")
	net.Attach("c1", c)
	k.At(0, func() {
		c.Call(workload.EchoRPC, edn.Map{{Key: "echo", Value: "hello"}}, timeout, func(_ workload.Reply, err *workload.Error) {
			if err != nil {
				t.Errorf("the answer was in time, but the client got: %v", err)
			}
			k.Stop(nil)
		})
		clock.jumps = stall
	})
	if err := e.Drive(context.Background(), k); err != nil {
		t.Fatal(err)
	}
	if len(stalls) != 1 || stalls[0] < stall-timeout || stalls[0] > stall {
		t.Errorf("the stalls are %v, want one of %v, less what was left of the timeout", stalls, stall)
	}
	if k.Now() > timeout {
		t.Errorf("the answer came at %v of the run, which includes the stall", k.Now())
	}
}

// TestArrivedBeforeDue lets an answer arrive while an event keeps the runner
// busy until the client's timeout is due, by less than counts as a stall.
func TestArrivedBeforeDue(t *testing.T) {
	const timeout = 200 * time.Millisecond
	k := kernel.New(1)
	clock := &stallClock{}
	e, net, _ := clusterWith(t, Options{Clock: func() time.Duration { return clock.jumps }},
		k, network.Latency{Dist: network.Constant}, discard{}, "n0")
	e.OnStall(func(d time.Duration) { t.Errorf("a stall of %v was reported", d) })
	c := workload.NewClient(k, net, "c1", "n0")
	net.Attach("c1", c)
	k.At(0, func() {
		c.Call(workload.EchoRPC, edn.Map{{Key: "echo", Value: "hello"}}, timeout, func(_ workload.Reply, err *workload.Error) {
			if err != nil {
				t.Errorf("the answer was there, but the client got: %v", err)
			}
			k.Stop(nil)
		})
		k.After(0, func() { // after the request was written
			<-e.wake // the answer is in the queue
			clock.jumps = timeout + stallLimit
		})
	})
	if err := e.Drive(context.Background(), k); err != nil {
		t.Fatal(err)
	}
}

// TestStartingIsNoStall starts nodes so slowly that the kernel's first events
// would be overdue if the run had begun before.
func TestStartingIsNoStall(t *testing.T) {
	k := kernel.New(1)
	clock := &stallClock{began: time.Now()}
	e, _, _ := clusterWith(t, Options{Clock: clock.now},
		k, network.Latency{Dist: network.Constant}, discard{}, "n0")
	e.OnStall(func(d time.Duration) { t.Errorf("a stall of %v was reported", d) })
	clock.jumps = time.Minute
	k.At(0, func() { k.Stop(nil) })
	if err := e.Drive(context.Background(), k); err != nil {
		t.Fatal(err)
	}
}
