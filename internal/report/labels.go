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

// label is the text of an arrow, just above the point at which its middle is.
type label struct {
	text          string
	x, y, degrees float64
}

// charWidth is that of a label, on average.
const charWidth = 6.0

// lineHeight is that of a label.
const lineHeight = 11.0

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
	if math.Abs(l.x-other.x) > x+otherX || math.Abs(l.y-other.y) > math.Abs(y)+math.Abs(otherY)+lineHeight {
		return 0
	}
	steps := max(1, int(2*x/charWidth))
	for i := range steps {
		part := 2*(float64(i)+0.5)/float64(steps) - 1 // from -1 to 1
		at, height := l.x+part*x-other.x, l.y+part*y-other.y
		if math.Abs(at) <= otherX && math.Abs(height-at/max(otherX, 1)*otherY) < lineHeight {
			n++
		}
	}
	return n
}

// placeLabels decides where the label of each message stands: of the places that there
// are, the first at which it covers least of the others. Short arrows come first, since a
// long one has more places to choose from.
func (d *Diagram) placeLabels() {
	order := make([]*flight, len(d.flights))
	for i := range d.flights {
		order[i] = &d.flights[i]
	}
	slices.SortStableFunc(order, func(f, g *flight) int {
		return cmp.Compare(math.Abs(f.arrow.x2-f.arrow.x1), math.Abs(g.arrow.x2-g.arrow.x1))
	})
	for i, f := range order {
		text, least := labelOf(f.message.Body), math.MaxInt
		for _, p := range d.places(f) {
			x, y := f.arrow.at(p.part)
			l, covered := label{shorten(text, p.room), x, y, f.arrow.degrees()}, 0
			for _, other := range order[:i] {
				covered += l.covers(other.label)
			}
			if covered < least {
				least, f.label = covered, l
			}
		}
	}
}

// place is where a label may stand: a part of the way along the arrow, with room for a
// text.
type place struct{ part, room float64 }

// places returns where the label of a message may stand, the best first: in the middle,
// unless other messages share an end of the arrow; then in the gap next to the other end.
func (d *Diagram) places(f *flight) []place {
	a := f.arrow
	length := math.Hypot(a.x2-a.x1, a.y2-a.y1)
	gap := min(0.5, d.laneGap/2/max(1, math.Abs(a.x2-a.x1)))
	middle, near, far := place{0.5, length}, place{gap, min(length, d.laneGap)}, place{1 - gap, min(length, d.laneGap)}
	switch {
	case f.lost:
		return []place{middle}
	case d.shared(func(o *flight) bool { return o.from == f.from }):
		return []place{far}
	case d.shared(func(o *flight) bool { return o.to == f.to }):
		return []place{near}
	}
	return []place{middle, near, far, {0.4, length * 0.8}, {0.6, length * 0.8}}
}

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
