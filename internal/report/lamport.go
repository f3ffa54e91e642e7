package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"glomers/checkers/history"
	"glomers/checkers/journal"
)

// clients is the lane that all clients share: which of them sent a request
// rarely matters, and a lane for each would be most of the picture.
const clients = "clients"

// Diagram is a Lamport diagram [1]: a lane for each node, time from top to
// bottom, an arrow for each message. Rows are events in their order, not equal
// steps of time, so that a burst of messages within a microsecond and a silence
// of ten seconds fit one page; the times stand at the left.
//
// [1] L. Lamport, Time, Clocks, and the Ordering of Events in a Distributed
// System, CACM 21(7), 1978.
type Diagram struct {
	Title string
	// Most bounds the number of messages; further ones are counted and left out.
	// 0 is no bound.
	Most int
	// Keep selects messages; nil keeps all.
	Keep func(journal.Message) bool

	flights []flight
	byID    map[int64]int // message → its flight
	faults  []fault
	left    int // messages beyond Most
	laneGap float64
	ids     map[string]bool
	events  []event
}

// flight is one message on its way.
type flight struct {
	message journal.Message
	lost    bool
	reason  string
	from,
	to int // rows; to is -1 for a message that is still on its way at the end

	arrow arrow
	label label
}

// event is one end of a flight.
type event struct {
	at     time.Duration
	lane   string
	flight int
	sent   bool
}

// fault is a time during which the nemesis disturbed the run.
type fault struct {
	from, to time.Duration
	text     string
}

// AddHistory takes the operations of the nemesis, which become shaded bands.
func (d *Diagram) AddHistory(h *history.History) {
	for _, f := range h.Faults() {
		to := time.Duration(math.MaxInt64)
		if f.Stop != nil {
			to = f.Stop.Time
		}
		d.faults = append(d.faults, fault{f.Starts[0].Time, to, f.Name})
	}
}

// Add takes the next event of the journal.
func (d *Diagram) Add(e journal.Event) {
	if d.byID == nil {
		d.byID, d.ids = map[int64]int{}, map[string]bool{}
	}
	m := e.Message
	if e.Kind == journal.Send {
		switch {
		case d.Keep != nil && !d.Keep(m):
			return
		case d.Most > 0 && len(d.flights) >= d.Most:
			d.left++
			return
		}
		m.Body = bytes.Clone(m.Body)
		d.byID[m.ID] = len(d.flights)
		d.events = append(d.events, event{e.Time, lane(m.Src), len(d.flights), true})
		d.flights = append(d.flights, flight{message: m, to: -1})
		d.ids[lane(m.Src)], d.ids[lane(m.Dest)] = true, true
		return
	}
	i, ok := d.byID[m.ID]
	if !ok {
		return
	}
	if e.Kind == journal.Drop {
		d.flights[i].lost, d.flights[i].reason = true, e.Reason
	}
	d.events = append(d.events, event{e.Time, lane(d.flights[i].message.Dest), i, false})
}

func lane(id string) string {
	if journal.IsClient(id) {
		return clients
	}
	return id
}

// lanes returns clients first, then nodes in the order of their numbers, then
// services.
func (d *Diagram) lanes() []string {
	var out []string
	for id := range d.ids {
		out = append(out, id)
	}
	slices.SortFunc(out, compareIDs)
	return out
}

// compareIDs orders n2 before n10, clients before nodes and services behind them.
func compareIDs(a, b string) int {
	rank := func(id string) (int, int, string) {
		var n int
		switch {
		case id == clients:
			return 0, 0, id
		case strings.HasSuffix(id, "-kv") || strings.HasSuffix(id, "-tso"):
			return 2, 0, id
		}
		digits := strings.TrimLeft(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")
		fmt.Sscanf(digits, "%d", &n)
		return 1, n, id
	}
	ar, an, as := rank(a)
	br, bn, bs := rank(b)
	return cmp.Or(ar-br, cmp.Compare(an, bn), strings.Compare(as, bs))
}

// Measures in pixels.
const (
	rowHeight  = 20.0
	topMargin  = 56.0
	leftMargin = 84.0
	rightSpace = 120.0
	gapHeight  = 26.0
)

// silence is how long nothing must happen for the diagram to say so.
const silence = 250 * time.Millisecond

// WriteSVG draws the diagram.
func (d *Diagram) WriteSVG(w io.Writer) error {
	lanes := d.lanes()
	spacing := max(64, min(190, 900/float64(max(1, len(lanes)-1))))
	d.laneGap = spacing
	x := map[string]float64{}
	for i, id := range lanes {
		x[id] = leftMargin + 30 + float64(i)*spacing
	}
	rows := d.rows(x)
	bottom := topMargin + rowHeight
	if len(rows) > 0 {
		bottom = rows[len(rows)-1].y + rowHeight
	}
	width := leftMargin + 30 + float64(max(0, len(lanes)-1))*spacing + rightSpace
	c := &canvas{}
	d.drawFaults(c, rows, width)
	for _, id := range lanes {
		c.add(`<line class="lane" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/><text class="head" x="%.1f" y="%.1f">%s</text>`,
			x[id], topMargin-12, x[id], bottom, x[id], topMargin-20, escape(id))
	}
	c.add(`<text x="12" y="18" style="font-weight:600">%s</text>`, escape(d.Title))
	drawTimes(c, rows, width)
	d.placeArrows(rows, x, bottom)
	d.placeLabels()
	for i := range d.flights {
		drawArrow(c, &d.flights[i])
	}
	for i := range d.flights { // above all arrows, so that none runs through a text
		drawLabel(c, &d.flights[i])
	}
	if d.left > 0 {
		c.add(`<text class="fault-text" x="%.1f" y="%.1f">… and %d more messages</text>`, leftMargin, bottom+16, d.left)
		bottom += 20
	}
	_, err := w.Write(c.document(width, bottom+12, d.Title))
	return err
}

// row is where the events of one instant on one lane are drawn.
type row struct {
	at  time.Duration
	y   float64
	gap time.Duration // silence before it that is worth a mark, or 0
}

// rows places the events: those of one instant, lane and direction share a row,
// unless the arrows would lie on each other.
func (d *Diagram) rows(x map[string]float64) []row {
	slices.SortStableFunc(d.events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
	d.fanOut(x)
	var rows []row
	ends := map[string]bool{} // lanes at the other ends of the last row's messages
	y := topMargin
	for i, e := range d.events {
		p := e
		if i > 0 {
			p = d.events[i-1]
		}
		other := d.otherEnd(e)
		if i == 0 || p.at != e.at || p.lane != e.lane || p.sent != e.sent || ends[other] {
			r := row{at: e.at, y: y}
			if i > 0 && e.at-p.at >= silence {
				r.gap = e.at - p.at
				r.y += gapHeight
			}
			rows = append(rows, r)
			y = r.y + rowHeight
			clear(ends)
		}
		ends[other] = true
		f := &d.flights[e.flight]
		if e.sent {
			f.from = len(rows) - 1
		} else {
			f.to = len(rows) - 1
		}
	}
	return rows
}

// otherEnd returns the lane at which the message of an event is not.
func (d *Diagram) otherEnd(e event) string {
	m := d.flights[e.flight].message
	if e.sent {
		return lane(m.Dest)
	}
	return lane(m.Src)
}

// fanOut orders events of one instant so that arrows to or from one row form a fan: of
// those that end together the farthest arrives first, and of those that begin together the
// nearest leaves first. In the order of the lanes they could lie on one line, and look like
// one message that goes from lane to lane.
func (d *Diagram) fanOut(x map[string]float64) {
	distance := func(e event) float64 { return math.Abs(x[e.lane] - x[d.otherEnd(e)]) }
	for first := 0; first < len(d.events); {
		last := first
		farthest := map[string]float64{} // by lane: what a lane sends stays together
		for ; last < len(d.events) && d.events[last].at == d.events[first].at && d.events[last].sent == d.events[first].sent; last++ {
			e := d.events[last]
			farthest[e.lane] = max(farthest[e.lane], distance(e))
		}
		slices.SortStableFunc(d.events[first:last], func(a, b event) int {
			if a.sent {
				return cmp.Compare(farthest[a.lane], farthest[b.lane])
			}
			return cmp.Compare(distance(b), distance(a))
		})
		first = last
	}
}

// drawTimes writes the times at the left, and the silences.
func drawTimes(c *canvas, rows []row, width float64) {
	last := ""
	for _, r := range rows {
		if text := fmt.Sprintf("%.4f s", r.at.Seconds()); text != last {
			c.add(`<text class="time" x="%.1f" y="%.1f">%s</text>`, leftMargin-6, r.y+4, text)
			last = text
		}
		if r.gap > 0 {
			y := r.y - rowHeight/2 - gapHeight/2
			c.add(`<line class="gap" x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/><text class="fault-text" x="%.1f" y="%.1f">%.2f s of silence</text>`,
				leftMargin, y, width-rightSpace+10, y, width-rightSpace+14, y+4, r.gap.Seconds())
		}
	}
}

// drawFaults shades the rows during which a fault was in force.
func (d *Diagram) drawFaults(c *canvas, rows []row, width float64) {
	for i, f := range d.faults {
		first := slices.IndexFunc(rows, func(r row) bool { return r.at >= f.from && r.at <= f.to })
		if first < 0 {
			continue
		}
		last := first
		for last+1 < len(rows) && rows[last+1].at <= f.to {
			last++
		}
		top, bottom := rows[first].y-rowHeight/2, rows[last].y+rowHeight/2
		c.add(`<rect class="fault" x="%.1f" y="%.1f" width="%.1f" height="%.1f"/><text class="fault-text" x="%.1f" y="%.1f">%s</text>`,
			leftMargin, top, width-leftMargin-4, bottom-top, width-rightSpace+34, top+12+float64(i%3)*12, escape(f.text))
	}
}

// placeArrows decides where the arrows begin and end. That of a lost message ends before
// it is there.
func (d *Diagram) placeArrows(rows []row, x map[string]float64, bottom float64) {
	for i := range d.flights {
		f := &d.flights[i]
		a := arrow{x[lane(f.message.Src)], rows[f.from].y, x[lane(f.message.Dest)], bottom}
		if f.to >= 0 {
			a.y2 = rows[f.to].y
		}
		if f.lost {
			a.x2, a.y2 = a.at(0.75)
		}
		f.arrow = a
	}
}

// drawArrow draws the line of a message.
func drawArrow(c *canvas, f *flight) {
	class, marker := f.class(), ""
	switch class {
	case "msg":
		marker = ` marker-end="url(#m)"`
	case "ack":
		marker = ` marker-end="url(#a)"`
	}
	a := f.arrow
	c.add(`<g><title>%s</title><line class="%s"%s x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f"/></g>`, escape(f.message.String()), class, marker, a.x1, a.y1, a.x2, a.y2)
}

// drawLabel writes what a message is, and of a lost one why.
func drawLabel(c *canvas, f *flight) {
	c.add(`<g><title>%s</title>`, escape(f.message.String()))
	if f.lost {
		c.add(`<text class="label lost-text" x="%.1f" y="%.1f">%s</text>`, f.arrow.x2, f.arrow.y2+4, escape(f.fate().text))
	}
	l := f.label
	c.add(`<text class="label %s-text" x="%.1f" y="%.1f" transform="rotate(%.1f %.1f %.1f)">%s</text></g>`, f.class(), l.x, l.y+l.baseline(), l.degrees, l.x, l.y, escape(l.text))
}

// class is the style of a message.
func (f *flight) class() string {
	switch {
	case f.lost:
		return "lost"
	case strings.Contains(labelOf(f.message.Body), "_ok"):
		return "ack"
	}
	return "msg"
}

// fate is the text at the end of the arrow of a lost message.
func (f *flight) fate() label {
	return label{text: "✗ " + f.reason, x: f.arrow.x2, y: f.arrow.y2 + 8} // as a label above a line 8 pixels lower
}

// labelOf says in a few words what a message is: its type and its fields, without
// those that only pair requests with replies.
func labelOf(body json.RawMessage) string {
	fields := journal.FieldsOf(body)
	if fields == nil {
		return string(body)
	}
	kind := fields.Text("type")
	if kind == "" {
		kind = "?"
	}
	var names []string
	for name := range fields {
		if name != "type" && name != "msg_id" && name != "in_reply_to" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if len(names) == 1 {
			kind += " " + string(fields[name])
		} else {
			kind += " " + name + "=" + string(fields[name])
		}
	}
	return kind
}

// Setup reports whether a message belongs to the setting up of a run, which
// looks the same in every run: init and topology, and the answers to them.
func Setup(m journal.Message) bool {
	return slices.Contains([]string{"init", "init_ok", "topology", "topology_ok"}, journal.FieldsOf(m.Body).Text("type"))
}
