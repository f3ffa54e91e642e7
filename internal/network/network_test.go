package network

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"glomers/checkers/journal"
	"glomers/internal/kernel"
)

type mailbox struct {
	kernel *kernel.Kernel
	got    []string
}

func (i *mailbox) Deliver(m journal.Message) {
	i.got = append(i.got, fmt.Sprintf("%v %s", i.kernel.Now(), m.Body))
}

type events []string

func (e *events) Record(ev journal.Event) {
	*e = append(*e, fmt.Sprintf("%c%d%s", ev.Kind, ev.Message.ID, ev.Reason))
}

func setUp(l Latency) (*kernel.Kernel, *Network, *events, map[string]*mailbox) {
	k := kernel.New(7)
	var rec events
	n := New(k, l, &rec)
	boxes := map[string]*mailbox{}
	for _, id := range []string{"n1", "n2", "c1", "lin-kv"} {
		boxes[id] = &mailbox{kernel: k}
		n.Attach(id, boxes[id])
	}
	return k, n, &rec, boxes
}

func send(t *testing.T, n *Network, src, dest, body string) {
	t.Helper()
	if err := n.Send(src, dest, json.RawMessage(body)); err != nil {
		t.Fatal(err)
	}
}

func TestLatencyOnlyBetweenServers(t *testing.T) {
	k, n, _, boxes := setUp(Latency{100 * time.Millisecond, Constant})
	send(t, n, "c1", "n1", "1")
	send(t, n, "n1", "c1", "2")
	send(t, n, "n1", "n2", "3")
	send(t, n, "n1", "lin-kv", "4")
	for k.Step() {
	}
	for id, want := range map[string]string{"n1": "0s 1", "c1": "0s 2", "n2": "100ms 3", "lin-kv": "100ms 4"} {
		if got := boxes[id].got; !slices.Equal(got, []string{want}) {
			t.Errorf("%s got %v, want %s", id, got, want)
		}
	}
}

// A partition drops what the receiver takes while it lasts: not what it took
// before and delivers later, but what is sent then, even if it would be due after.
func TestPartition(t *testing.T) {
	k, n, rec, boxes := setUp(Latency{100 * time.Millisecond, Constant})
	at := func(ms int, f func()) { k.At(time.Duration(ms)*time.Millisecond, f) }
	at(0, func() { send(t, n, "n1", "n2", `"taken before it begins"`) })
	at(10, func() { send(t, n, "n1", "n2", `"still queued when it begins"`) })
	at(50, func() { n.Partition(map[string][]string{"n2": {"n1"}}) })
	at(60, func() { send(t, n, "n2", "n1", `"the other way"`) })
	at(190, func() { send(t, n, "n1", "n2", `"due after it ended"`) })
	at(200, func() { n.Heal() })
	at(210, func() { send(t, n, "n1", "n2", `"sent after it ended"`) })
	for k.Step() {
	}
	if want := []string{`100ms "taken before it begins"`, `310ms "sent after it ended"`}; !slices.Equal(boxes["n2"].got, want) {
		t.Errorf("n2 got %v, want %v", boxes["n2"].got, want)
	}
	if want := []string{`160ms "the other way"`}; !slices.Equal(boxes["n1"].got, want) {
		t.Errorf("n1 got %v, want %v", boxes["n1"].got, want)
	}
	if want := (events{"s0", "s1", "s2", "r0", "d1partition", "r2", "s3", "d3partition", "s4", "r4"}); !slices.Equal(*rec, want) {
		t.Errorf("the journal has %v, want %v", *rec, want)
	}
}

// TestReceiverTakesOneAtATime: what a client sends waits behind a message from a
// node that the receiver took before; then the one that is due first is next.
func TestReceiverTakesOneAtATime(t *testing.T) {
	k, n, _, boxes := setUp(Latency{100 * time.Millisecond, Constant})
	at := func(ms int, f func()) { k.At(time.Duration(ms)*time.Millisecond, f) }
	at(0, func() { send(t, n, "n2", "n1", `"taken first"`) })
	at(10, func() { send(t, n, "n2", "n1", `"of a node"`) })
	at(20, func() { send(t, n, "c1", "n1", `"of a client"`) })
	at(20, func() { send(t, n, "c1", "n2", `"to another node"`) })
	for k.Step() {
	}
	if want := []string{`100ms "taken first"`, `100ms "of a client"`, `110ms "of a node"`}; !slices.Equal(boxes["n1"].got, want) {
		t.Errorf("n1 got %v, want %v", boxes["n1"].got, want)
	}
	if want := []string{`20ms "to another node"`}; !slices.Equal(boxes["n2"].got, want) {
		t.Errorf("n2 got %v, want %v", boxes["n2"].got, want)
	}
}

func TestUnknownDestination(t *testing.T) {
	_, n, rec, _ := setUp(Latency{0, Constant})
	var unknown *UnknownNodeError
	if err := n.Send("n1", "n9", nil); !errors.As(err, &unknown) || unknown.ID != "n9" || !slices.Equal(unknown.Known, []string{"lin-kv", "n1", "n2"}) {
		t.Errorf("sending to n9 gives %v", err)
	}
	if err := n.Send("n9", "n1", nil); !errors.As(err, &unknown) || unknown.Field != "src" {
		t.Errorf("sending from n9 gives %v", err)
	}
	if want := `its "src" is "n9", and there is no such node; there are [lin-kv n1 n2]`; unknown.Error() != want {
		t.Errorf("the error says %s, expected %s", unknown, want)
	}
	if len(*rec) > 0 {
		t.Errorf("the journal has %v", *rec)
	}
	n.Detach("n2")
	if err := n.Send("n1", "n9", nil); !errors.As(err, &unknown) || !slices.Equal(unknown.Known, []string{"lin-kv", "n1"}) {
		t.Errorf("without n2, sending to n9 gives %v", err)
	}
}

func TestDetached(t *testing.T) {
	k, n, rec, boxes := setUp(Latency{0, Constant})
	n.Detach("c1")
	send(t, n, "n1", "c1", "1")
	for k.Step() {
	}
	if len(boxes["c1"].got) > 0 || !slices.Equal(*rec, events{"s0", "d0closed"}) {
		t.Errorf("a closed client got %v; the journal has %v", boxes["c1"].got, *rec)
	}
	again := &mailbox{kernel: k}
	n.Attach("c1", again)
	send(t, n, "n1", "c1", "2")
	for k.Step() {
	}
	if len(boxes["c1"].got) > 0 || !slices.Equal(again.got, []string{"0s 2"}) {
		t.Errorf("attached again, a client got %v, and its former self %v", again.got, boxes["c1"].got)
	}
}

// TestAttachedInTime: what is on the way to a node that is attached again before it
// arrives is delivered to its new self.
func TestAttachedInTime(t *testing.T) {
	k, n, _, boxes := setUp(Latency{100 * time.Millisecond, Constant})
	send(t, n, "n1", "n2", "1")
	again := &mailbox{kernel: k}
	k.At(10*time.Millisecond, func() { n.Detach("n2") })
	k.At(50*time.Millisecond, func() { n.Attach("n2", again) })
	for k.Step() {
	}
	if len(boxes["n2"].got) > 0 || !slices.Equal(again.got, []string{"100ms 1"}) {
		t.Errorf("the new n2 got %v, the former %v", again.got, boxes["n2"].got)
	}
}

// TestAttachedAgain: what waits behind a message that is not due yet, and was sent before
// a node was attached again, is lost; the message itself is not, and holds up nothing
// that the new self gets first.
func TestAttachedAgain(t *testing.T) {
	k, n, rec, boxes := setUp(Latency{100 * time.Millisecond, Constant})
	at := func(ms int, f func()) { k.At(time.Duration(ms)*time.Millisecond, f) }
	again := &mailbox{kernel: k}
	at(0, func() { send(t, n, "n1", "n2", `"on its way"`) })
	at(10, func() { send(t, n, "c1", "n2", `"to the former self"`) })
	at(20, func() { n.Detach("n2") })
	at(30, func() { send(t, n, "c1", "n2", `"to nobody"`) })
	at(40, func() {
		n.Attach("n2", again)
		send(t, n, "c1", "n2", `"to the new self"`)
	})
	at(50, func() { send(t, n, "n1", "n2", `"later"`) })
	for k.Step() {
	}
	if want := []string{`40ms "to the new self"`, `100ms "on its way"`, `150ms "later"`}; len(boxes["n2"].got) > 0 || !slices.Equal(again.got, want) {
		t.Errorf("the new n2 got %v, want %v; the former %v", again.got, want, boxes["n2"].got)
	}
	if want := (events{"s0", "s1", "s2", "d1closed", "d2closed", "s3", "r3", "s4", "r0", "r4"}); !slices.Equal(*rec, want) {
		t.Errorf("the journal has %v, want %v", *rec, want)
	}
}

// TestPartitionsAddUp: a partition leaves in force what was cut before it.
func TestPartitionsAddUp(t *testing.T) {
	k, n, rec, _ := setUp(Latency{0, Constant})
	n.Partition(map[string][]string{"n1": {"n2"}})
	n.Partition(map[string][]string{"n1": {"lin-kv"}, "n2": {"n1"}})
	for _, link := range [][2]string{{"n2", "n1"}, {"lin-kv", "n1"}, {"n1", "n2"}, {"lin-kv", "n2"}} {
		send(t, n, link[0], link[1], "1")
		for k.Step() {
		}
	}
	if want := (events{"s0", "d0partition", "s1", "d1partition", "s2", "d2partition", "s3", "r3"}); !slices.Equal(*rec, want) {
		t.Errorf("the journal has %v, want %v", *rec, want)
	}
}

// TestDistributions: latencies have the mean that is asked for, and the spread of their
// distribution: of the uniform ones a quarter is below half the mean, and of the
// exponential ones 39 %.
func TestDistributions(t *testing.T) {
	r := kernel.New(3).Rand("latency")
	for _, dist := range []Dist{Constant, Uniform, Exponential} {
		l := Latency{100 * time.Millisecond, dist}
		sum, high, below := time.Duration(0), time.Duration(0), 0
		const n = 20_000
		for range n {
			d := l.draw(r)
			if d < 0 {
				t.Fatalf("%s: negative latency", dist)
			}
			sum += d
			high = max(high, d)
			if d < l.Mean/2 {
				below++
			}
		}
		if percent := float64(100*below) / n; math.Abs(percent-map[Dist]float64{Constant: 0, Uniform: 25, Exponential: 39.3}[dist]) > 2 {
			t.Errorf("%s: %.1f %% are below half the mean", dist, percent)
		}
		if none := (Latency{0, dist}); none.Validate() != nil || none.draw(r) != 0 {
			t.Errorf("%s: no latency is %v, or not valid", dist, none.draw(r))
		}
		if mean := sum / n; mean < 97*time.Millisecond || mean > 103*time.Millisecond {
			t.Errorf("%s: the mean is %v, want about 100ms", dist, mean)
		}
		if limit := map[Dist]time.Duration{Constant: 100 * time.Millisecond, Uniform: 200 * time.Millisecond, Exponential: 2 * time.Second}[dist]; high > limit {
			t.Errorf("%s: the highest is %v, want at most %v", dist, high, limit)
		}
	}
	for _, bad := range []Latency{{-1, Constant}, {1, "normal"}} {
		if bad.Validate() == nil {
			t.Errorf("%v is valid", bad)
		}
	}
}

// TestMessageFaults: a fifth of the messages between servers is lost, or arrives twice,
// or late; those of clients never are.
func TestMessageFaults(t *testing.T) {
	const count = 1000
	run := func(inject func(*Network)) (*mailbox, *mailbox, *events) {
		k, n, rec, boxes := setUp(Latency{10 * time.Millisecond, Constant})
		inject(n)
		for i := range count {
			send(t, n, "n1", "n2", fmt.Sprint(i))
			send(t, n, "c1", "n1", fmt.Sprint(i))
		}
		for k.Step() {
		}
		if len(boxes["n1"].got) != count {
			t.Errorf("of %d messages from a client, %d arrived", count, len(boxes["n1"].got))
		}
		return boxes["n2"], boxes["n1"], rec
	}
	between := func(what string, got, least, most int) {
		t.Helper()
		if got < least || got > most {
			t.Errorf("%d %s, want %d to %d", got, what, least, most)
		}
	}

	box, _, rec := run(func(n *Network) { n.Lose(0.2) })
	between("arrived with losses", len(box.got), 750, 850)
	lost := 0
	for _, e := range *rec {
		if strings.HasSuffix(e, "loss") {
			lost++
		}
	}
	if lost+len(box.got) != count {
		t.Errorf("%d lost and %d arrived of %d", lost, len(box.got), count)
	}

	box, _, _ = run(func(n *Network) { n.Duplicate(0.2) })
	between("arrived with duplicates", len(box.got), 1150, 1250)

	box, _, _ = run(func(n *Network) { n.Reorder(100 * time.Millisecond) })
	if len(box.got) != count || slices.IsSortedFunc(box.got, func(a, b string) int { return number(a) - number(b) }) {
		t.Errorf("%d messages came in order", len(box.got))
	}

	box, _, _ = run(func(n *Network) { n.Slow([]string{"n2"}, 300*time.Millisecond) })
	if box.got[0] != "310ms 0" {
		t.Errorf("a slow message came as %s, want 310ms 0", box.got[0])
	}
	box, _, _ = run(func(n *Network) {
		n.Lose(1)
		n.Duplicate(1)
		n.Reorder(time.Second)
		n.Slow([]string{"n2"}, time.Second)
		n.Lose(0)
		n.Duplicate(0)
		n.Reorder(0)
		n.Slow(nil, 0)
	})
	if len(box.got) != count || box.got[0] != "10ms 0" || box.got[count-1] != fmt.Sprintf("10ms %d", count-1) {
		t.Errorf("a fault that is over is still in force: %d messages, first %s", len(box.got), box.got[0])
	}
}

func number(s string) int {
	var at, body string
	fmt.Sscan(s, &at, &body)
	n, _ := strconv.Atoi(body)
	return n
}
