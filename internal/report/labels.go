package report

import (
	"cmp"
	"math"
	"slices"
)

// arrow is a line from one lane to another.
type arrow struct{ x1, y1, x2, y2 float64 }

func (a arrow) at(part float64) (x, y float64) {
	return a.x1 + (a.x2-a.x1)*part, a.y1 + (a.y2-a.y1)*part
}

// degrees is the slope of a text along the arrow, which is never upside down.
func (a arrow) degrees() float64 {
	degrees := math.Atan2(a.y2-a.y1, a.x2-a.x1) * 180 / math.Pi
	if degrees > 90 || degrees < -90 {
		degrees += 180
	}
	return degrees
}

// label is the text of an arrow, beside the point at which its middle is.
type label struct {
	text          string
	x, y, degrees float64
	below         bool // the arrow, rather than above it
}

// charWidth is that of a label, on average.
const charWidth = 6.0

// lineHeight is that of a label.
const lineHeight = 11.0

// baseline is how far below the arrow the text stands.
func (l label) baseline() float64 {
	if l.below {
		return 12
	}
	return -4
}

// middle is the point in the middle of the text.
func (l label) middle() (x, y float64) {
	sin, cos := math.Sincos(l.degrees * math.Pi / 180)
	down := l.baseline() - 4 // half the height of a small letter
	return l.x - down*sin, l.y + down*cos
}

// extent is how far a label reaches from its middle, to the right and downwards.
func (l label) extent() (x, y float64) {
	sin, cos := math.Sincos(l.degrees * math.Pi / 180)
	length := charWidth * float64(len([]rune(l.text))) / 2
	return length * cos, length * sin
}

// covers counts the characters of a label that lie on another label.
func (l label) covers(other label) (n int) {
	x, y := l.extent()
	otherX, otherY := other.extent()
	midX, midY := l.middle()
	otherMidX, otherMidY := other.middle()
	if math.Abs(midX-otherMidX) > x+otherX || math.Abs(midY-otherMidY) > math.Abs(y)+math.Abs(otherY)+lineHeight {
		return 0
	}
	steps := max(1, int(2*x/charWidth))
	for i := range steps {
		part := 2*(float64(i)+0.5)/float64(steps) - 1 // from -1 to 1
		at, height := midX+part*x-otherMidX, midY+part*y-otherMidY
		if math.Abs(at) <= otherX && math.Abs(height-at/max(otherX, 1)*otherY) < lineHeight {
			n++
		}
	}
	return n
}

// interrupts reports whether a label hides a part of an arrow.
func (l label) interrupts(a arrow) bool {
	midX, midY := l.middle()
	x, y := l.extent()
	from, to := max(midX-x, min(a.x1, a.x2)), min(midX+x, max(a.x1, a.x2))
	if from >= to {
		return false
	}
	above := func(at float64) float64 { // how far the middle of the text is above the arrow there
		return a.y1 + (a.y2-a.y1)*(at-a.x1)/(a.x2-a.x1) - midY - y*(at-midX)/x
	}
	first, last := above(from), above(to)
	return first*last <= 0 || min(math.Abs(first), math.Abs(last)) < lineHeight/2
}

// placeLabels decides where the label of each message stands: of the places that there
// are, the first that costs least. Short arrows come first, since a long one has more
// places to choose from.
func (d *Diagram) placeLabels() {
	order := make([]*flight, len(d.flights))
	var placed []label
	for i := range d.flights {
		order[i] = &d.flights[i]
		if d.flights[i].lost {
			placed = append(placed, d.flights[i].fate())
		}
	}
	slices.SortStableFunc(order, func(f, g *flight) int {
		return cmp.Compare(math.Abs(f.arrow.x2-f.arrow.x1), math.Abs(g.arrow.x2-g.arrow.x1))
	})
	for _, f := range order {
		least := math.MaxInt
		for _, l := range d.candidates(f) {
			if cost := d.cost(f, l, placed); cost < least {
				least, f.label = cost, l
			}
		}
		placed = append(placed, f.label)
	}
}

// cost says how bad a label would be: worst is a character on another label; an arrow
// with a gap can still be followed.
func (d *Diagram) cost(f *flight, l label, placed []label) (cost int) {
	for _, other := range placed {
		cost += 4 * (l.covers(other) + other.covers(l))
	}
	for i := range d.flights {
		if g := &d.flights[i]; g != f && l.interrupts(g.arrow) {
			cost += 3
		}
	}
	if l.below {
		cost++
	}
	return cost + len([]rune(labelOf(f.message.Body))) - len([]rune(l.text))
}

// candidates returns the labels that a message may have: in the middle of its arrow, unless
// other messages share an end of it; then in the gap next to the other end; elsewhere, with
// less of the text; above the arrow or below it.
func (d *Diagram) candidates(f *flight) (out []label) {
	a := f.arrow
	length := math.Hypot(a.x2-a.x1, a.y2-a.y1)
	gap := min(0.5, d.laneGap/2/max(1, math.Abs(a.x2-a.x1)))
	middle, near, far := place{0.5, length}, place{gap, min(length, d.laneGap)}, place{1 - gap, min(length, d.laneGap)}
	places := []place{middle, near, far, {0.4, length * 0.8}, {0.6, length * 0.8}, {0.3, length * 0.6}, {0.7, length * 0.6}}
	switch {
	case f.lost:
		places = []place{middle}
	case d.shared(func(o *flight) bool { return o.from == f.from }):
		places = []place{far}
	case d.shared(func(o *flight) bool { return o.to == f.to }):
		places = []place{near}
	}
	text := labelOf(f.message.Body)
	for _, p := range places {
		x, y := a.at(p.part)
		l := label{shorten(text, p.room), x, y, a.degrees(), false}
		below := l
		below.below = true
		out = append(out, l, below)
	}
	return out
}

// place is a part of the way along an arrow, with room for a text.
type place struct{ part, room float64 }

// shorten cuts a text that is longer than the room for it, in pixels.
func shorten(text string, room float64) string {
	if most := int(room/charWidth) - 1; len([]rune(text)) > most && most > 3 {
		return string([]rune(text)[:most-1]) + "…"
	}
	return text
}

// shared reports whether more than one message is drawn that is like this.
func (d *Diagram) shared(like func(*flight) bool) bool {
	n := 0
	for i := range d.flights {
		if like(&d.flights[i]) {
			n++
		}
	}
	return n > 1
}
