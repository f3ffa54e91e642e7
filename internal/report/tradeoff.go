package report

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
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
// operation on a logarithmic axis, latency on the other. Each design is a dot at
// its maximum latency, with a line down to its median.
type Tradeoff struct {
	Title  string
	X, Y   string // what the axes show, with units
	Points []Design
	Sweep  Sweep
	Bound  Bound
	// LimitX and LimitY are the challenge's limits, drawn as lines; 0 for none.
	LimitX, LimitY float64
}

// Design is a point of a Tradeoff.
type Design struct {
	Name        string
	X           float64
	Median, Max float64
}

// Sweep is one design with several values of a parameter, joined by a line.
type Sweep struct {
	Name   string
	Points []Design // none for no sweep; their names are the values
}

// Bound is a curve that no design can cross.
type Bound struct {
	Name   string
	Points [][2]float64 // x and y, in order of x; none for no bound
}

const width = 7.6 * vg.Inch

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
	{color.RGBA{6, 6, 6, 255}, "--fault"},
	{color.RGBA{7, 7, 7, 255}, "--ack"},
}

var ink, mark, bound, faint, paper, shade, unsure = roles[0].color, roles[1].color, roles[2].color, roles[3].color, roles[4].color, roles[5].color, roles[6].color

// WriteSVG draws the plot. Its horizontal axis has the logarithms of the messages
// and no plot.LogScale, with which the library misjudges the room for the axis's name.
func (t *Tradeoff) WriteSVG(w io.Writer) error {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = t.Title, t.X, t.Y
	p.BackgroundColor = paper
	dress(p, ink)
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = faint, faint
	p.Add(grid)
	if err := t.addLines(p); err != nil {
		return err
	}
	p.Add(&marks{designs: slices.Concat(t.Sweep.Points, t.Points), label: draw.TextStyle{Color: ink, Font: font.From(sans, 10), Handler: plot.DefaultTextHandler}})
	p.Y.Min = 0
	p.Y.Max = max(p.Y.Max, t.LimitY) * 1.25 // room for the legend
	p.X.Min -= 0.05
	p.X.Max += 0.25 // and for the last name
	if t.LimitX > 0 {
		p.X.Max = max(p.X.Max, math.Log10(t.LimitX)+0.25)
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = logTicks(p.X.Min, p.X.Max), linearTicks(p.Y.Max)
	if err := t.addLimits(p); err != nil {
		return err
	}
	p.Legend.Top, p.Legend.Padding = true, vg.Points(3)
	if t.LimitX > 0 { // left of its line
		p.Legend.XOffs = -vg.Length((p.X.Max-math.Log10(t.LimitX))/(p.X.Max-p.X.Min))*(width-vg.Inch) - vg.Points(8)
	}
	c := vgsvg.New(width, 4.6*vg.Inch)
	p.Draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return fmt.Errorf("draw %q: %w", t.Title, err)
	}
	_, err := w.Write(themed(b.Bytes()))
	return err
}

// logTicks are at 1, 2 and 5 times the powers of ten between those with the
// exponents least and most.
func logTicks(least, most float64) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for power := math.Floor(least); power <= most; power++ {
		for _, digit := range []float64{1, 2, 5} {
			v := digit * math.Pow(10, power)
			if at := math.Log10(v); at >= least && at <= most {
				ticks = append(ticks, plot.Tick{Value: at, Label: fmt.Sprintf("%.3g", v)})
			}
		}
	}
	return ticks
}

// linearTicks are at most eight from 0 to most, at round numbers.
func linearTicks(most float64) plot.ConstantTicks {
	step := math.Pow(10, math.Floor(math.Log10(most))-1)
	for _, factor := range []float64{2, 2.5, 2, 2, 2.5, 2} { // 1, 2, 5, 10, …
		if most/step <= 8 {
			break
		}
		step *= factor
	}
	var ticks plot.ConstantTicks
	for i := 0; float64(i)*step <= most; i++ {
		ticks = append(ticks, plot.Tick{Value: float64(i) * step, Label: fmt.Sprintf("%g", float64(i)*step)})
	}
	return ticks
}

// addLimits draws the challenge's limits across the whole plot.
func (t *Tradeoff) addLimits(p *plot.Plot) error {
	named := false
	for _, ends := range []plotter.XYs{
		{{X: math.Log10(t.LimitX), Y: 0}, {X: math.Log10(t.LimitX), Y: p.Y.Max}},
		{{X: p.X.Min, Y: t.LimitY}, {X: p.X.Max, Y: t.LimitY}},
	} {
		if math.IsInf(ends[0].X, -1) || ends[1].Y == 0 { // no limit
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

// addLines draws the bound and the line that joins a sweep.
func (t *Tradeoff) addLines(p *plot.Plot) error {
	var bounds, sweep plotter.XYs
	for _, b := range t.Bound.Points {
		bounds = append(bounds, plotter.XY{X: math.Log10(b[0]), Y: b[1]})
	}
	for _, d := range t.Sweep.Points {
		sweep = append(sweep, plotter.XY{X: math.Log10(d.X), Y: d.Max})
	}
	for _, l := range []struct {
		name  string
		xys   plotter.XYs
		color color.Color
	}{{t.Bound.Name, bounds, bound}, {t.Sweep.Name, sweep, mark}} {
		if len(l.xys) == 0 {
			continue
		}
		line, err := plotter.NewLine(l.xys)
		if err != nil {
			return fmt.Errorf("the line %q of %q: %w", l.name, t.Title, err)
		}
		line.Color, line.Width = l.color, vg.Points(1.3)
		p.Add(line)
		p.Legend.Add(l.name, line)
	}
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
