package report

import (
	"bytes"
	"fmt"
	"image/color"
	"image/png"
	"io"
	"math"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"glomers/checkers"
	"glomers/checkers/history"
)

// OverTime plots something about the operations of a run over its time. The times of
// faults are shaded.
type OverTime struct {
	Title, Y string
	faults   []fault
	end      float64 // seconds
	log      bool    // of the values, logarithms are drawn
	series   []series
}

// series is what is drawn in one way.
type series struct {
	name   string
	points plotter.XYs
	shape  draw.GlyphDrawer // of single points; nil for a line
	dashes []vg.Length      // of a line
	color  int              // of the palette
}

// palette are the colours of a plot.
type palette struct {
	ink, line, paper, shade color.RGBA
	series                  [4]color.RGBA // ok, fail, unknown outcome, other
}

// The colours of a picture that cannot adapt to the page, and those that stand for
// the roles of the style sheet; see roles.
var (
	light = palette{
		ink: color.RGBA{31, 35, 40, 255}, line: color.RGBA{209, 217, 224, 255}, paper: color.RGBA{255, 255, 255, 255}, shade: color.RGBA{255, 241, 214, 255},
		series: [4]color.RGBA{{5, 80, 174, 255}, {179, 38, 30, 255}, {125, 78, 0, 255}, {31, 35, 40, 255}},
	}
	adapting = palette{ink: ink, line: faint, paper: paper, shade: shade, series: [4]color.RGBA{mark, bound, unsure, ink}}
)

// outcomes are how an operation can end, with what it looks like: no meaning depends
// on colour alone.
var outcomes = []struct {
	kind   history.Type
	name   string
	shape  draw.GlyphDrawer
	dashes []vg.Length
}{
	{history.OK, "ok", draw.CircleGlyph{}, nil},
	{history.Fail, "fail", draw.CrossGlyph{}, []vg.Length{vg.Points(6), vg.Points(2)}},
	{history.Info, "unknown outcome", draw.TriangleGlyph{}, []vg.Length{vg.Points(2), vg.Points(2)}},
}

// timed is a completed operation.
type timed struct {
	at, took float64 // seconds, milliseconds
	outcome  int     // of outcomes
}

func overTime(title, y string, h *history.History) (*OverTime, []timed) {
	d := &Diagram{}
	d.AddHistory(h)
	p := &OverTime{Title: title, Y: y, faults: d.faults, end: 1}
	var ops []timed
	for i := range h.Ops {
		op := &h.Ops[i]
		p.end = max(p.end, op.Time.Seconds())
		if !op.Client() || op.Type != history.Invoke {
			continue
		}
		done := h.Completion(op)
		if done == nil {
			continue
		}
		for k, o := range outcomes {
			if o.kind == done.Type {
				ops = append(ops, timed{op.Time.Seconds(), float64(done.Time-op.Time) / float64(time.Millisecond), k})
			}
		}
	}
	return p, ops
}

// leastLatency is where the logarithmic axis ends at the latest, in milliseconds.
const leastLatency = 0.001

// LatencyRaw plots the latency of each operation.
func LatencyRaw(title string, h *history.History) *OverTime {
	p, ops := overTime(title, "latency, ms", h)
	p.log = true
	for k, o := range outcomes {
		s := series{name: o.name, shape: o.shape, color: k}
		for _, op := range ops {
			if op.outcome == k {
				s.points = append(s.points, plotter.XY{X: op.at, Y: math.Log10(max(op.took, leastLatency))})
			}
		}
		p.add(s)
	}
	return p
}

// windows is how many parts of the run have a quantile or a rate of their own.
const windows = 50

// LatencyQuantiles plots quantiles of the latency, for the operations that began
// within the same window of time.
func LatencyQuantiles(title string, h *history.History) *OverTime {
	p, ops := overTime(title, "latency, ms", h)
	p.log = true
	width := p.end / windows
	parts := make([][]float64, windows+1)
	for _, op := range ops {
		i := int(op.at / width)
		parts[i] = append(parts[i], max(op.took, leastLatency))
	}
	for _, part := range parts {
		slices.Sort(part)
	}
	for k, q := range []struct {
		p      float64
		name   string
		dashes []vg.Length
	}{{0.5, "median", nil}, {0.95, "95 %", []vg.Length{vg.Points(6), vg.Points(2)}}, {0.99, "99 %", []vg.Length{vg.Points(2), vg.Points(2)}}, {1, "largest", []vg.Length{vg.Points(1), vg.Points(3)}}} {
		s := series{name: q.name, dashes: q.dashes, color: []int{0, 3, 2, 1}[k]}
		for i, part := range parts {
			if len(part) > 0 {
				s.points = append(s.points, plotter.XY{X: (float64(i) + 0.5) * width, Y: math.Log10(checkers.Quantile(part, q.p))})
			}
		}
		p.add(s)
	}
	return p
}

// Rate plots how many operations a second began, by outcome.
func Rate(title string, h *history.History) *OverTime {
	p, ops := overTime(title, "operations a second", h)
	width := p.end / windows
	for k, o := range outcomes {
		counts := make([]float64, windows+1)
		some := false
		for _, op := range ops {
			if op.outcome == k {
				counts[int(op.at/width)]++
				some = true
			}
		}
		if !some {
			continue
		}
		s := series{name: o.name, dashes: o.dashes, color: k}
		for i, n := range counts[:windows] {
			s.points = append(s.points, plotter.XY{X: float64(i) * width, Y: n / width}, plotter.XY{X: float64(i+1) * width, Y: n / width})
		}
		p.add(s)
	}
	return p
}

func (t *OverTime) add(s series) {
	if len(s.points) > 0 {
		t.series = append(t.series, s)
	}
}

// WriteSVG draws the plot for light and dark pages.
func (t *OverTime) WriteSVG(w io.Writer) error {
	c := vgsvg.New(width, height)
	t.plot(adapting).Draw(draw.New(c))
	var b bytes.Buffer
	if _, err := c.WriteTo(&b); err != nil {
		return fmt.Errorf("draw %q: %w", t.Title, err)
	}
	_, err := w.Write(themed(b.Bytes()))
	return err
}

// WritePNG draws the plot for light pages.
func (t *OverTime) WritePNG(w io.Writer) error {
	c := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(120))
	t.plot(light).Draw(draw.New(c))
	fast := png.Encoder{CompressionLevel: png.BestSpeed} // the default takes four times as long, and saves a twentieth
	if err := fast.Encode(w, c.Image()); err != nil {
		return fmt.Errorf("draw %q: %w", t.Title, err)
	}
	return nil
}

const height = 3.6 * vg.Inch

// plot makes the plot in some colours.
func (t *OverTime) plot(colors palette) *plot.Plot {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = t.Title, "time, s", t.Y
	p.BackgroundColor = colors.paper
	dress(p, colors.ink)
	p.X.Min, p.X.Max = 0, t.end*1.01
	low, high := math.Inf(1), math.Inf(-1)
	for _, s := range t.series {
		for _, at := range s.points {
			low, high = min(low, at.Y), max(high, at.Y)
		}
	}
	if low > high {
		low, high = 0, 1
	}
	if t.log {
		p.Y.Min, p.Y.Max = low-0.15, high+max(0.35, (high-low)*0.2)
		p.Y.Tick.Marker = logTicks(p.Y.Min, p.Y.Max)
		if ticks := powers(p.Y.Min, p.Y.Max); len(ticks) >= 3 {
			p.Y.Tick.Marker = ticks
		}
	} else {
		p.Y.Min, p.Y.Max = 0, high*1.25
		p.Y.Tick.Marker = linearTicks(p.Y.Max)
	}
	p.X.Tick.Marker = linearTicks(p.X.Max)
	p.Add(&bands{t.faults, colors})
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = colors.line, colors.line
	p.Add(grid)
	for _, s := range t.series {
		d := &drawnSeries{s, colors.series[s.color]}
		p.Add(d)
		p.Legend.Add(s.name, d)
	}
	p.Legend.Top, p.Legend.Padding = true, vg.Points(3)
	return p
}

// dress sets fonts and colours of the texts.
func dress(p *plot.Plot, ink color.Color) {
	for _, s := range []*color.Color{&p.Title.TextStyle.Color, &p.X.Label.TextStyle.Color, &p.Y.Label.TextStyle.Color, &p.X.Color, &p.Y.Color,
		&p.X.Tick.Color, &p.Y.Tick.Color, &p.X.Tick.Label.Color, &p.Y.Tick.Label.Color, &p.Legend.TextStyle.Color} {
		*s = ink
	}
	sans := font.Font{Typeface: "Liberation", Variant: "Sans"}
	p.Title.TextStyle.Font = font.From(sans, 13)
	p.Title.Padding = vg.Points(8)
	for _, f := range []*font.Font{&p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.Legend.TextStyle.Font} {
		*f = font.From(sans, 11)
	}
	for _, f := range []*font.Font{&p.X.Tick.Label.Font, &p.Y.Tick.Label.Font} {
		*f = font.From(sans, 10)
	}
}

// powers are ticks at the powers of ten.
func powers(least, most float64) (ticks plot.ConstantTicks) {
	for power := math.Ceil(least); power <= most; power++ {
		ticks = append(ticks, plot.Tick{Value: power, Label: checkers.Figure(math.Pow(10, power))})
	}
	return ticks
}

// bands shades the times of faults.
type bands struct {
	faults []fault
	colors palette
}

func (b *bands) Plot(c draw.Canvas, p *plot.Plot) {
	x, _ := p.Transforms(&c)
	for _, f := range b.faults {
		from, to := x(f.from.Seconds()), c.Max.X
		if f.to < math.MaxInt64 {
			to = min(x(f.to.Seconds()), c.Max.X)
		}
		if to <= from {
			continue
		}
		c.FillPolygon(b.colors.shade, []vg.Point{{X: from, Y: c.Min.Y}, {X: to, Y: c.Min.Y}, {X: to, Y: c.Max.Y}, {X: from, Y: c.Max.Y}})
		style := draw.TextStyle{Color: b.colors.ink, Font: font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, 9), Handler: plot.DefaultTextHandler}
		if style.Width(f.text)+6 < to-from {
			c.FillText(style, vg.Point{X: from + 3, Y: c.Max.Y - 11}, f.text)
		}
	}
}

// drawnSeries draws a series as points or as a line.
type drawnSeries struct {
	series
	color color.Color
}

// cell is how far apart two points must be for both to be drawn.
const cell = vg.Length(1.2)

func (d *drawnSeries) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	if d.shape == nil {
		var line []vg.Point
		for _, at := range d.points {
			line = append(line, vg.Point{X: x(at.X), Y: y(at.Y)})
		}
		c.StrokeLines(d.line(), c.ClipLinesXY(line)...)
		return
	}
	taken := map[[2]int]bool{}
	for _, at := range d.points {
		point := vg.Point{X: x(at.X), Y: y(at.Y)}
		if place := [2]int{int(point.X / cell), int(point.Y / cell)}; !taken[place] && c.Contains(point) {
			taken[place] = true
			c.DrawGlyph(d.glyph(), point)
		}
	}
}

func (d *drawnSeries) glyph() draw.GlyphStyle {
	size := vg.Points(2.6)
	if _, ok := d.shape.(draw.CircleGlyph); ok {
		size = vg.Points(1.4)
	}
	return draw.GlyphStyle{Color: d.color, Radius: size, Shape: d.shape}
}

func (d *drawnSeries) line() draw.LineStyle {
	return draw.LineStyle{Color: d.color, Width: vg.Points(1.3), Dashes: d.dashes}
}

// Thumbnail draws the legend's entry.
func (d *drawnSeries) Thumbnail(c *draw.Canvas) {
	if d.shape != nil {
		c.DrawGlyph(d.glyph(), c.Center())
		return
	}
	c.StrokeLine2(d.line(), c.Min.X, c.Center().Y, c.Max.X, c.Center().Y)
}
