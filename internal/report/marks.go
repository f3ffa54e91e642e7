package report

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// marks draws designs and puts their names where they hide nothing.
type marks struct {
	designs []Design
	label   draw.TextStyle
}

// radius is that of the dot at a maximum; the median has a bar as wide.
const radius = 3.5

// DataRange makes room for all points.
func (m *marks) DataRange() (xmin, xmax, ymin, ymax float64) {
	xmin, xmax, ymin, ymax = math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, d := range m.designs {
		xmin, xmax = min(xmin, math.Log10(d.X)), max(xmax, math.Log10(d.X))
		ymin, ymax = min(ymin, d.Median), max(ymax, d.Max)
	}
	return xmin, xmax, ymin, ymax
}

// Plot draws the designs, then their names, from the top down.
func (m *marks) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	line := draw.LineStyle{Color: mark, Width: vg.Points(1.3)}
	var taken []vg.Rectangle
	for _, d := range m.designs {
		top, low := vg.Point{X: x(math.Log10(d.X)), Y: y(d.Max)}, vg.Point{X: x(math.Log10(d.X)), Y: y(d.Median)}
		c.StrokeLine2(line, top.X, top.Y, low.X, low.Y)
		c.StrokeLine2(line, low.X-radius, low.Y, low.X+radius, low.Y)
		c.DrawGlyph(draw.GlyphStyle{Color: mark, Radius: radius, Shape: draw.CircleGlyph{}}, top)
		taken = append(taken, around(top, radius), around(low, radius), vg.Rectangle{Min: vg.Point{X: low.X - 1, Y: low.Y}, Max: vg.Point{X: low.X + 1, Y: top.Y}})
	}
	designs := slices.Clone(m.designs)
	slices.SortStableFunc(designs, func(a, b Design) int {
		if a.Max > b.Max {
			return -1
		}
		return 1
	})
	for _, d := range designs {
		at := vg.Point{X: x(math.Log10(d.X)), Y: y(d.Max)}
		box := m.place(d.Name, at, c.Rectangle, taken)
		taken = append(taken, box)
		if near := nearest(box, at); math.Hypot(float64(near.X-at.X), float64(near.Y-at.Y)) > 3*radius {
			c.StrokeLine2(draw.LineStyle{Color: ink, Width: vg.Points(0.5)}, at.X, at.Y, near.X, near.Y)
		}
		c.FillText(m.label, vg.Point{X: box.Min.X, Y: box.Min.Y + 2}, d.Name)
	}
}

// place returns a free place for a name: beside its dot, or else farther and
// farther away.
func (m *marks) place(name string, at vg.Point, within vg.Rectangle, taken []vg.Rectangle) vg.Rectangle {
	size := vg.Point{X: m.label.Width(name), Y: m.label.Height(name) + 2}
	var first vg.Rectangle
	for _, step := range []vg.Length{0, 10, 20, 32, 46, 62} {
		right, left := at.X+radius+3+step, at.X-radius-3-step-size.X
		for i, corner := range []vg.Point{
			{X: right, Y: at.Y - size.Y/2}, {X: left, Y: at.Y - size.Y/2},
			{X: right, Y: at.Y + step}, {X: right, Y: at.Y - step - size.Y},
			{X: left, Y: at.Y + step}, {X: left, Y: at.Y - step - size.Y},
		} {
			box := vg.Rectangle{Min: corner, Max: corner.Add(size)}
			if step == 0 && i == 0 {
				first = box
			}
			overlaps := func(o vg.Rectangle) bool {
				return box.Min.X < o.Max.X && o.Min.X < box.Max.X && box.Min.Y < o.Max.Y && o.Min.Y < box.Max.Y
			}
			inside := box.Min.X >= within.Min.X && box.Max.X <= within.Max.X && box.Min.Y >= within.Min.Y && box.Max.Y <= within.Max.Y
			if inside && !slices.ContainsFunc(taken, overlaps) {
				return box
			}
		}
	}
	return first
}

func around(p vg.Point, r vg.Length) vg.Rectangle {
	return vg.Rectangle{Min: vg.Point{X: p.X - r, Y: p.Y - r}, Max: vg.Point{X: p.X + r, Y: p.Y + r}}
}

// nearest returns the point of a box that is nearest to another point.
func nearest(box vg.Rectangle, p vg.Point) vg.Point {
	return vg.Point{X: min(max(p.X, box.Min.X), box.Max.X), Y: min(max(p.Y, box.Min.Y), box.Max.Y)}
}
