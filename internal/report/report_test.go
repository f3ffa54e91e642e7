package report_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/report"
)

// message is a line of a small run: who sends what to whom, when it is sent and
// when it arrives, or why it does not.
type message struct {
	src, dest, body string
	sent, ends      time.Duration
	lost            string
}

// events returns the journal of some messages that do not overlap.
func events(messages []message) []journal.Event {
	var out []journal.Event
	for i, m := range messages {
		body := journal.Message{ID: int64(i), Src: m.src, Dest: m.dest, Body: json.RawMessage(m.body)}
		out = append(out, journal.Event{Kind: journal.Send, Time: m.sent, Message: body})
		end := journal.Event{Kind: journal.Recv, Time: m.ends, Message: journal.Message{ID: int64(i), Src: m.src, Dest: m.dest}}
		if m.lost != "" {
			end.Kind, end.Reason = journal.Drop, m.lost
		}
		out = append(out, end)
	}
	return out
}

// texts checks that an SVG document is well-formed and returns the texts in it.
func texts(t *testing.T, svg []byte) string {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(svg))
	var all []string
	for {
		token, err := dec.Token()
		if err == io.EOF {
			return strings.Join(all, "\n")
		}
		if err != nil {
			t.Fatalf("the picture is not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.CharData:
			all = append(all, strings.TrimSpace(string(token)))
		case xml.StartElement:
			if name := token.Name.Local; name == "script" || name == "foreignObject" || name == "image" {
				t.Errorf("the picture has an element %s", name)
			}
			for _, a := range token.Attr {
				if strings.HasPrefix(a.Name.Local, "on") || strings.Contains(a.Value, "http:") && a.Name.Space != "xmlns" && a.Name.Local != "xmlns" {
					t.Errorf("the picture has the attribute %s=%q", a.Name.Local, a.Value)
				}
			}
		}
	}
}

func lost() []message {
	return []message{
		{"c1", "n0", `{"type":"init","msg_id":1,"node_id":"n0","node_ids":["n0","n1"]}`, 0, 0, ""},
		{"c2", "n0", `{"type":"broadcast","message":7,"msg_id":1}`, time.Millisecond, time.Millisecond, ""},
		{"n0", "n1", `{"type":"gossip","message":7}`, 2 * time.Millisecond, 3 * time.Millisecond, "partition"},
		{"n0", "c2", `{"type":"broadcast_ok","in_reply_to":1}`, 2 * time.Millisecond, 2 * time.Millisecond, ""},
		{"c3", "n1", `{"type":"read","msg_id":2}`, 11 * time.Second, 11 * time.Second, ""},
		{"n1", "c3", `{"type":"read_ok","messages":[],"in_reply_to":2}`, 11 * time.Second, 11 * time.Second, ""},
	}
}

func TestDiagramShowsWhatHappened(t *testing.T) {
	nemesis := func(f string, at time.Duration) history.Op {
		return history.Op{Type: history.Info, Process: history.Nemesis, F: f, Time: at, Value: edn.Keyword("isolated")}
	}
	h, err := history.New([]history.Op{nemesis("start-partition", time.Millisecond), nemesis("stop-partition", time.Second)})
	if err != nil {
		t.Fatal(err)
	}
	d := &report.Diagram{Title: "a lost value", Keep: func(m journal.Message) bool { return !report.Setup(m) }}
	d.AddHistory(h)
	for _, e := range events(lost()) {
		d.Add(e)
	}
	var b bytes.Buffer
	if err := d.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	got := texts(t, b.Bytes())
	for _, want := range []string{"a lost value", "clients\n", "n0\n", "n1\n", "broadcast 7", "broadcast_ok", "gossip 7", "✗ partition", "read_ok []", "11.0000 s", "11.00 s of silence", "\npartition\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("the diagram does not show %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "node_ids") {
		t.Errorf("the diagram shows init, which was to be left out")
	}
}

func TestDiagramCountsWhatItLeavesOut(t *testing.T) {
	d := &report.Diagram{Most: 2}
	for _, e := range events(lost()) {
		d.Add(e)
	}
	var b bytes.Buffer
	if err := d.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, b.Bytes()); !strings.Contains(got, "… and 4 more messages") {
		t.Errorf("the diagram does not say how many messages it leaves out:\n%s", got)
	}
}

// arrows returns the ends of the lines of the messages in a diagram: x1, y1, x2, y2.
func arrows(t *testing.T, svg []byte) (out [][4]float64) {
	t.Helper()
	line := regexp.MustCompile(`<line class="(?:msg|ack)"[^>]* x1="([\d.]+)" y1="([\d.]+)" x2="([\d.]+)" y2="([\d.]+)"`)
	for _, m := range line.FindAllSubmatch(svg, -1) {
		var a [4]float64
		for i := range a {
			var err error
			if a[i], err = strconv.ParseFloat(string(m[i+1]), 64); err != nil {
				t.Fatal(err)
			}
		}
		out = append(out, a)
	}
	return out
}

// TestArrowsAreApart checks that messages of one instant are not drawn on one line, where
// they would look like a single message that goes from lane to lane.
func TestArrowsAreApart(t *testing.T) {
	read, ok := `{"type":"read"}`, `{"type":"read_ok"}`
	for name, messages := range map[string][]message{
		"one request to every node": {{"c1", "n0", read, 0, 0, ""}, {"c2", "n1", read, 0, 0, ""}, {"c3", "n2", read, 0, 0, ""}},
		"two requests to one node":  {{"c1", "n0", read, 0, 0, ""}, {"c2", "n0", read, 0, 0, ""}},
		"the answers of all nodes":  {{"n2", "c1", ok, 0, 0, ""}, {"n1", "c2", ok, 0, 0, ""}, {"n0", "c3", ok, 0, 0, ""}},
		"two answers of one node":   {{"n0", "c1", ok, 0, 0, ""}, {"n0", "c2", ok, 0, 0, ""}},
	} {
		d := &report.Diagram{}
		var sends, ends []journal.Event
		for i, e := range events(messages) {
			if i%2 == 0 {
				sends = append(sends, e)
			} else {
				ends = append(ends, e)
			}
		}
		for _, e := range append(sends, ends...) {
			d.Add(e)
		}
		var b bytes.Buffer
		if err := d.WriteSVG(&b); err != nil {
			t.Fatal(err)
		}
		lines := arrows(t, b.Bytes())
		if len(lines) != len(messages) {
			t.Fatalf("%s: %d arrows, expected %d:\n%s", name, len(lines), len(messages), &b)
		}
		for i, p := range lines {
			for _, q := range lines[:i] {
				slope := func(a [4]float64) float64 { return (a[3] - a[1]) / (a[2] - a[0]) }
				if slope(p) == slope(q) && q[1]+slope(q)*(p[0]-q[0]) == p[1] {
					t.Errorf("%s: the arrows %v and %v lie on one line", name, q, p)
				}
			}
		}
	}
}

// TestLabelsAreApart checks that the texts of messages that cross are not written over
// each other, and that no arrow is drawn over a text.
func TestLabelsAreApart(t *testing.T) {
	cas := `{"type":"cas","create_if_not_exists":true,"key":"committed/0","to":0}`
	replicate := `{"type":"replicate","key":0,"value":2,"written":{"index":0,"node":"n0","time":3}}`
	send := func(at, id int64, src, dest, body string) journal.Event {
		return journal.Event{Kind: journal.Send, Time: time.Duration(at), Message: journal.Message{ID: id, Src: src, Dest: dest, Body: json.RawMessage(body)}}
	}
	recv := func(at, id int64) journal.Event {
		return journal.Event{Kind: journal.Recv, Time: time.Duration(at), Message: journal.Message{ID: id}}
	}
	for name, events := range map[string][]journal.Event{
		"two requests to a service": {
			send(0, 0, "n0", "lin-kv", cas), send(0, 1, "n1", "lin-kv", cas), recv(1, 0),
			send(1, 2, "lin-kv", "n0", `{"type":"cas_ok"}`), recv(1, 1), recv(2, 2),
		},
		"two messages between neighbours, with texts as long as their arrows": {
			send(0, 0, "c1", "n0", `{"type":"txn"}`), recv(1, 0),
			send(2, 1, "n1", "n0", replicate), send(3, 2, "n0", "n1", replicate), recv(4, 1), recv(5, 2),
		},
	} {
		t.Run(name, func(t *testing.T) { checkLabels(t, events) })
	}
}

func checkLabels(t *testing.T, events []journal.Event) {
	d := &report.Diagram{}
	for _, e := range events {
		d.Add(e)
	}
	var b bytes.Buffer
	if err := d.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	if first, last := strings.Index(b.String(), `<text class="label`), strings.LastIndex(b.String(), `marker-end=`); first < last {
		t.Errorf("an arrow is drawn after a text, and may run through it:\n%s", &b)
	}
	label := regexp.MustCompile(`<text class="label [^"]*" x="[\d.]+" y="([\d.]+)" transform="rotate\(([-\d.]+) ([\d.]+) ([\d.]+)\)">([^<]+)<`)
	var labels [][][2]float64 // points in the middle of each character
	for _, m := range label.FindAllStringSubmatch(b.String(), -1) {
		var number [4]float64
		for i := range number {
			var err error
			if number[i], err = strconv.ParseFloat(m[i+1], 64); err != nil {
				t.Fatal(err)
			}
		}
		y, centreX, centreY := number[0], number[2], number[3]
		sin, cos := math.Sincos(number[1] * math.Pi / 180)
		down := y - 4 - centreY // the middle of a letter, before the rotation
		var points [][2]float64
		for i, n := 0, len([]rune(html.UnescapeString(m[5]))); i < n; i++ {
			along := 5.5 * (float64(i) - float64(n-1)/2)
			points = append(points, [2]float64{centreX + along*cos - down*sin, centreY + along*sin + down*cos})
		}
		labels = append(labels, points)
	}
	if len(labels) != 3 {
		t.Fatalf("%d labels, expected 3:\n%s", len(labels), &b)
	}
	for i, p := range labels {
		for j, q := range labels[:i] {
			for _, a := range p {
				if slices.ContainsFunc(q, func(b [2]float64) bool { return math.Hypot(a[0]-b[0], a[1]-b[1]) < 7 }) {
					t.Fatalf("the labels %d and %d cover each other at %.0f", j, i, a)
				}
			}
		}
	}
}

func TestPicturesAreSafe(t *testing.T) {
	hostile := []message{{`"><script>alert(1)</script>`, "n1", `{"type":"<script>","x":"]]>&\u0000"}`, 0, 1, ""}}
	d, tr := &report.Diagram{Title: "<b>"}, &report.Traffic{Title: "<b>"}
	for _, e := range events(hostile) {
		d.Add(e)
		tr.Add(e)
	}
	for _, p := range []interface{ WriteSVG(io.Writer) error }{d, tr} {
		var b bytes.Buffer
		if err := p.WriteSVG(&b); err != nil {
			t.Fatal(err)
		}
		texts(t, b.Bytes())
	}
}

func TestTrafficCountsServersOnly(t *testing.T) {
	tr := &report.Traffic{Title: "who talks to whom"}
	for range 3 {
		for _, e := range events(lost()) {
			tr.Add(e)
		}
	}
	var b bytes.Buffer
	if err := tr.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	got := texts(t, b.Bytes())
	for _, want := range []string{"n0 ↔ n1: 3 messages", "3 messages between 2 nodes, on 1 link"} {
		if !strings.Contains(got, want) {
			t.Errorf("the picture does not say %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "c2") {
		t.Error("the picture shows a client")
	}
}

// TestTrafficShowsTheTopology checks where the nodes are drawn: a tree around its
// centre, even if another node is busier; the grid that Maelstrom suggests as a grid.
func TestTrafficShowsTheTopology(t *testing.T) {
	tests := []struct {
		name  string
		links [][2]string
		want  map[string]string // the place of some nodes, as x,y

		height string // of the picture; empty for any
	}{
		{"a tree around its centre, where n1 is busier", [][2]string{{"n0", "n1"}, {"n0", "n2"}, {"n1", "n3"}, {"n1", "n4"}, {"n1", "n5"}, {"n2", "n6"}},
			map[string]string{"n0": "280.0,294.0"}, ""},
		{"five nodes on a grid, three in a row", [][2]string{{"n0", "n1"}, {"n1", "n2"}, {"n0", "n3"}, {"n1", "n4"}, {"n3", "n4"}},
			map[string]string{"n0": "44.0,58.0", "n2": "516.0,58.0", "n4": "280.0,294.0"}, "354"},
		{"no grid: n2 and n3 are in different rows", [][2]string{{"n0", "n1"}, {"n1", "n2"}, {"n2", "n3"}, {"n3", "n4"}, {"n0", "n4"}},
			map[string]string{"n0": "280.0,58.0"}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			tr := &report.Traffic{}
			for _, link := range test.links {
				for _, e := range events([]message{{link[0], link[1], `{"type":"gossip"}`, 0, 1, ""}}) {
					tr.Add(e)
				}
			}
			var b bytes.Buffer
			if err := tr.WriteSVG(&b); err != nil {
				t.Fatal(err)
			}
			if test.height != "" && !strings.Contains(b.String(), fmt.Sprintf(" height=%q", test.height)) {
				t.Errorf("the picture is not %s high:\n%s", test.height, &b)
			}
			for id, want := range test.want {
				var x, y float64
				if _, err := fmt.Sscanf(want, "%f,%f", &x, &y); err != nil {
					t.Fatal(err)
				}
				label := fmt.Sprintf(`x="%.1f" y="%.1f" text-anchor="middle">%s<`, x, y+4, id)
				if !strings.Contains(b.String(), label) {
					t.Errorf("%s is not at %s:\n%s", id, want, &b)
				}
			}
		})
	}
}

func TestTradeoffNamesEveryDesign(t *testing.T) {
	p := &report.Tradeoff{
		Title: "messages and latency", X: "messages per operation", Y: "median stable latency, ms", LimitX: 20, LimitY: 1000,
		Points: []report.Design{{Name: "star", X: 2.3, Median: 400, Max: 520}, {Name: "same place", X: 2.3, Median: 400, Max: 520}, {Name: "fan-out", X: 23, Median: 85, Max: 185}},
		Sweep:  report.Sweep{Name: "batches", Points: []report.Design{{Name: "100ms", X: 6, Median: 200, Max: 300}, {Name: "500ms", X: 1.2, Median: 600, Max: 1100}}},
		Bound:  report.Bound{Name: "bound", Points: [][2]float64{{0.3, 900}, {30, 100}}},
	}
	var b bytes.Buffer
	if err := p.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	got := texts(t, b.Bytes())
	for _, want := range []string{"messages and latency", "messages per operation", "star", "same place", "fan-out", "batches", "100ms", "500ms", "bound", "limits of the challenge", "prefers-color-scheme:dark"} {
		if !strings.Contains(got, want) {
			t.Errorf("the plot does not show %q:\n%s", want, got)
		}
	}
}

// TestTradeoffNamesDoNotOverlap draws designs that lie close together.
func TestTradeoffNamesDoNotOverlap(t *testing.T) {
	p := &report.Tradeoff{X: "x", Y: "y"}
	for i := range 6 {
		p.Points = append(p.Points, report.Design{Name: fmt.Sprintf("design-%d", i), X: 2.3 + 0.01*float64(i), Median: 396, Max: 527 + float64(i)})
	}
	var b bytes.Buffer
	if err := p.WriteSVG(&b); err != nil {
		t.Fatal(err)
	}
	const width, height = 40, 9 // less than a name takes
	places := regexp.MustCompile(`<text x="([-.\d]+)" y="([-.\d]+)"[^>]*>design-`).FindAllStringSubmatch(b.String(), -1)
	if len(places) != len(p.Points) {
		t.Fatalf("found %d names of %d:\n%s", len(places), len(p.Points), &b)
	}
	var at [][2]float64
	for _, m := range places {
		x, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		y, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		for i, other := range at {
			if math.Abs(x-other[0]) < width && math.Abs(y-other[1]) < height {
				t.Errorf("names %d and %d overlap: at %g, %g and %g, %g", i, len(at), other[0], other[1], x, y)
			}
		}
		at = append(at, [2]float64{x, y})
	}
}
