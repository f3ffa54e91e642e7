package report

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Tradeoff is a plot of what designs cost against what they deliver: messages per
// operation on a logarithmic axis, latency on the other.
type Tradeoff struct {
	Title  string
	X, Y   string // what the axes show, with units
	Points []Design
	Bound  Bound
	// LimitX and LimitY are the challenge's limits, drawn as lines; 0 for none.
	LimitX, LimitY float64
}

// Design is a point of a Tradeoff.
type Design struct {
	Name string
	X, Y float64
}

// Bound is a curve that no design can cross.
type Bound struct {
	Name   string
	Points [][2]float64 // x and y, in order of x; none for no bound
}

// The colours of a plot stand for the roles of the style sheet, which replaces
// them, so that a plot suits light and dark pages.
var roles = []struct {
	color color.RGBA
	css   string
}{
	{color.RGBA{1, 1, 1, 255}, "--ink"},
	{color.RGBA{2, 2, 2, 255}, "--msg"},
	{color.RGBA{3, 3, 3, 255}, "--lost"},
	{color.RGBA{4, 4, 4, 255}, "--line"},
	{color.RGBA{5, 5, 5, 255}, "--bg"},
}

var ink, mark, bound, faint, paper = roles[0].color, roles[1].color, roles[2].color, roles[3].color, roles[4].color

// WriteSVG draws the plot.
func (t *Tradeoff) WriteSVG(w io.Writer) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = t.Title, t.X, t.Y
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
	p.BackgroundColor = paper
	for _, s := range []*color.Color{&p.Title.TextStyle.Color, &p.X.Label.TextStyle.Color, &p.Y.Label.TextStyle.Color, &p.X.Color, &p.Y.Color,
		&p.X.Tick.Color, &p.Y.Tick.Color, &p.X.Tick.Label.Color, &p.Y.Tick.Label.Color, &p.Legend.TextStyle.Color} {
		*s = ink
	}
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	p.Title.TextStyle.Font = font.From(sans, 13)
	for _, f := range []*font.Font{&p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.Legend.TextStyle.Font} {
		*f = font.From(sans, 11)
	}
	for _, f := range []*font.Font{&p.X.Tick.Label.Font, &p.Y.Tick.Label.Font} {
		*f = font.From(sans, 10)
	}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint
	p.Add(grid)
	if err := t.addPoints(p, sans); err != nil {
		return err
	}
	p.Y.Min = 0
	p.Y.Max = max(p.Y.Max, t.LimitY) * 1.15 // room for the legend
	p.X.Max = max(p.X.Max, t.LimitX) * 1.6  // and for the last name
	if err := t.addLimits(p); err != nil {
		return err
	}
	p.Legend.Top, p.Legend.Padding = true, vg.Points(3)
	p.Title.Padding = vg.Points(8)
	c := vgsvg.New(7.6*vg.Inch, 4.6*vg.Inch)
	p.Draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return fmt.Errorf("draw %q: %w", t.Title, err)
	}
	_, err := w.Write(themed(b.Bytes()))
	return err
}

// addLimits draws the challenge's limits across the whole plot.
func (t *Tradeoff) addLimits(p *plot.Plot) error {
	named := false
	for _, ends := range []plotter.XYs{
		{{X: t.LimitX, Y: 0}, {X: t.LimitX, Y: p.Y.Max}},
		{{X: p.X.Min, Y: t.LimitY}, {X: p.X.Max, Y: t.LimitY}},
	} {
		if ends[0].X == 0 || ends[1].Y == 0 {
			continue
		}
		line, err := plotter.NewLine(ends)
		if err != nil {
			return fmt.Errorf("the limits of %q: %w", t.Title, err)
		}
		line.Color, line.Dashes = ink, []vg.Length{vg.Points(4), vg.Points(3)}
		p.Add(line)
		if !named {
			p.Legend.Add("limits of the challenge", line)
			named = true
		}
	}
	return nil
}

// addPoints draws the bound and the designs.
func (t *Tradeoff) addPoints(p *plot.Plot, sans font.Font) error {
	if len(t.Bound.Points) > 0 {
		var xys plotter.XYs
		for _, b := range t.Bound.Points {
			xys = append(xys, plotter.XY{X: b[0], Y: b[1]})
		}
		line, err := plotter.NewLine(xys)
		if err != nil {
			return fmt.Errorf("the bound of %q: %w", t.Title, err)
		}
		line.Color, line.Width = bound, vg.Points(1.5)
		p.Add(line)
		p.Legend.Add(t.Bound.Name, line)
	}
	var xys plotter.XYs
	var names []string
	for _, d := range t.Points {
		xys = append(xys, plotter.XY{X: d.X, Y: d.Y})
		names = append(names, " "+d.Name)
	}
	points, err := plotter.NewScatter(xys)
	if err != nil {
		return fmt.Errorf("the designs of %q: %w", t.Title, err)
	}
	points.GlyphStyle = draw.GlyphStyle{Color: mark, Radius: vg.Points(3.5), Shape: draw.CircleGlyph{}}
	labels, err := plotter.NewLabels(plotter.XYLabels{XYs: xys, Labels: names})
	if err != nil {
		return fmt.Errorf("the names of %q: %w", t.Title, err)
	}
	for i := range labels.TextStyle {
		labels.TextStyle[i].Color, labels.TextStyle[i].Font = ink, font.From(sans, 10)
	}
	labels.Offset = vg.Point{X: 3, Y: -3}
	p.Add(points, labels)
	return nil
}

// themed puts the style sheet's colours in place of the plot's.
func themed(svg []byte) []byte {
	var css strings.Builder
	css.WriteString(style)
	for _, r := range roles {
		hex := fmt.Sprintf("#%02X%02X%02X", r.color.R, r.color.G, r.color.B)
		fmt.Fprintf(&css, "[style*=\"fill:%s\"]{fill:var(%s)!important}[style*=\"stroke:%s\"]{stroke:var(%s)!important}\n", hex, r.css, hex, r.css)
	}
	at := bytes.Index(svg, []byte("<svg"))
	at += bytes.IndexByte(svg[at:], '>') + 1
	return slices.Concat(svg[:at], []byte("\n<style>"+css.String()+"</style>"), svg[at:])
}
