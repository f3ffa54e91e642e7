package process

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
	"glomers/internal/network"
	"glomers/internal/nodeio"
)

// floodSize is how many messages a node prints that floods.
const floodSize = maxMessages + 1000

// floodNode prints messages to a node or client, and waits for the end of its stdin.
func floodNode(dest string) {
	out := bufio.NewWriter(os.Stdout)
	for range floodSize {
		fmt.Fprintf(out, `{"src":"n0","dest":%q,"body":{"type":"again"}}`+"\n", dest)
	}
	out.Flush()
	bufio.NewReader(os.Stdin).WriteTo(new(strings.Builder))
}

// TestFloods: a node that prints messages which nothing asked for ends the run by name,
// however fast the machine is.
func TestFloods(t *testing.T) {
	for dest, want := range map[string]string{
		"n0": fmt.Sprintf("node n0 floods the network: it printed %d messages within a second, %d of them to itself, and got 0 from others", maxMessages+1, maxMessages+1),
		"c1": fmt.Sprintf("node n0 floods the network: it printed %d messages within a second, 0 of them to itself, and got 0 from others", maxMessages+1),
	} {
		t.Run(dest, func(t *testing.T) {
			t.Setenv("TEST_FLOOD", dest)
			k := kernel.New(1)
			e, net, _ := clusterWith(t, Options{Clock: func() time.Duration { return 0 }},
				k, network.Latency{Dist: network.Constant}, discard{}, "n0")
			net.Attach("c1", sink(func(journal.Message) {}))
			if err := e.Drive(context.Background(), k); err == nil || err.Error() != want {
				t.Errorf("the run ended with %v\nwant %s", err, want)
			}
		})
	}
}

// chatter prints more on stderr than a log keeps.
func chatter() {
	line := []byte(strings.Repeat("x", 1<<16-1) + "\n")
	for range nodeio.MaxLog/len(line) + 100 {
		os.Stderr.Write(line)
	}
}

// TestLongLog: a node may print on stderr without end, as long as it is not a gigabyte, and
// its messages arrive. Its log stays within a limit, keeps the beginning, and says that there
// was more.
func TestLongLog(t *testing.T) {
	t.Setenv("TEST_CHATTER", "1")
	k := kernel.New(1)
	e, net, l := cluster(t, k, network.Latency{Dist: network.Constant}, discard{}, "n0")
	answered := false
	net.Attach("c0", sink(func(journal.Message) { answered = true; k.Stop(nil) }))
	k.At(0, func() { ping(t, net, "c0", "n0", 0) })
	if err := e.Drive(context.Background(), k); err != nil || !answered {
		t.Fatalf("answered: %v, and the run ended with %v", answered, err)
	}
	e.Stop()
	const notice = "[this log is limited to 64 MiB: what the node printed from here on is not kept]\n"
	log := l.text["n0"].String()
	if len(log) > nodeio.MaxLog+len(notice) || !strings.HasPrefix(log, "xxx") || !strings.HasSuffix(log, notice) {
		t.Errorf("the log has %d bytes and ends with %q", len(log), log[max(0, len(log)-100):])
	}
}

// TestManyAnswersAreNoFlood: a busy node may print as much, if it was asked to.
func TestManyAnswersAreNoFlood(t *testing.T) {
	c := traffic{fromOthers: floodSize / floodRatio}
	for i := range floodSize {
		if err := c.print(false); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	c.at(time.Second)
	if c.printed != 0 {
		t.Errorf("the next second begins with %d messages", c.printed)
	}
}

// TestFloodIsNoStall: a flood keeps the runner so busy that its events are late. That
// must not stop the clock of the run, which would then never end.
func TestFloodIsNoStall(t *testing.T) {
	t.Setenv("TEST_FLOOD", "c1")
	k := kernel.New(1)
	clock := &stallClock{}
	e, net, _ := clusterWith(t, Options{Clock: func() time.Duration { return clock.jumps }},
		k, network.Latency{Dist: network.Constant}, discard{}, "n0")
	e.OnStall(func(d time.Duration) { t.Errorf("a stall of %v was reported", d) })
	received := 0
	net.Attach("c1", sink(func(journal.Message) {
		clock.jumps += time.Millisecond // what it takes to handle a message
		received++
	}))
	k.At(time.Second, func() { k.Stop(nil) })
	if err := e.Drive(context.Background(), k); err != nil {
		t.Fatal(err)
	}
	if received < 1000 {
		t.Errorf("%d messages arrived before the end, want 1000 or more", received)
	}
}
