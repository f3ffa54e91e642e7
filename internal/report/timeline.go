package report

import (
	"fmt"
	"html/template"
	"io"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
)

// Timeline is a page with the operations of every process over time, as bars from
// top to bottom. Of a large run it shows one part after the other: each is written by
// itself, and only those that are opened are laid out.
type Timeline struct {
	Title   string
	History *history.History
}

// The limits of the timeline, in operations.
const (
	partSize  = 2_000
	mostParts = 5
)

// Measures in pixels.
const (
	barHeight = 22
	barGap    = 2
	laneWidth = 150
	timeWidth = 90
)

type timelineView struct {
	Title, Style string
	Parts        []timelinePart
	Left         int
}

type timelinePart struct {
	First, Last   string // times
	Open          bool
	Lanes         []timelineLane
	Bars          []timelineBar
	Width, Height int
}

type timelineLane struct {
	X    int
	Name string
}

type timelineBar struct {
	X, Y, Height int
	Class        string
	Mark, Text   string
	Detail       string
	Time         string
}

// WriteHTML writes the page.
func (t *Timeline) WriteHTML(w io.Writer) error {
	v := timelineView{Title: t.Title}
	var part []*history.Op
	flush := func() {
		if len(part) > 0 && len(v.Parts) < mostParts {
			v.Parts = append(v.Parts, t.part(part, len(v.Parts) == 0))
		} else {
			v.Left += len(part)
		}
		part = part[:0]
	}
	for i := range t.History.Ops {
		op := &t.History.Ops[i]
		if op.Client() && op.Type != history.Invoke {
			continue
		}
		if part = append(part, op); len(part) == partSize {
			flush()
		}
	}
	flush()
	return timelinePage.Execute(w, v)
}

// part lays out some operations: a column for each process, a row for each event.
func (t *Timeline) part(ops []*history.Op, open bool) timelinePart {
	p := timelinePart{First: seconds(ops[0].Time), Last: seconds(ops[len(ops)-1].Time), Open: open}
	rows := map[int]int{} // index of an operation → its row
	last := ops[len(ops)-1].Index
	for i := ops[0].Index; i <= last; i++ {
		rows[i] = len(rows)
	}
	p.Height = len(rows) * barHeight
	lanes := map[int]int{}
	for _, op := range ops {
		x, ok := lanes[op.Process]
		if !ok {
			x = timeWidth + len(lanes)*laneWidth
			lanes[op.Process] = x
			name := fmt.Sprintf("process %d", op.Process)
			if !op.Client() {
				name = "nemesis"
			}
			p.Lanes = append(p.Lanes, timelineLane{x, name})
		}
		p.Bars = append(p.Bars, t.bar(op, x, rows))
	}
	p.Width = timeWidth + len(lanes)*laneWidth
	return p
}

func (t *Timeline) bar(op *history.Op, x int, rows map[int]int) timelineBar {
	b := timelineBar{X: x, Y: rows[op.Index] * barHeight, Height: barHeight - barGap, Class: "nemesis", Mark: "⚡", Time: seconds(op.Time)}
	value, text := op.Value, op.F
	if op.Client() {
		b.Class, b.Mark = "info", "?"
		if done := t.History.Completion(op); done != nil {
			b.Class = done.Type.String()
			b.Mark = map[history.Type]string{history.OK: "✓", history.Fail: "✗", history.Info: "?"}[done.Type]
			value = done.Value
			if row, ok := rows[done.Index]; ok {
				b.Height = (row-rows[op.Index]+1)*barHeight - barGap
			}
			b.Detail = fmt.Sprintf("%s to %s, %.3f ms", seconds(op.Time), seconds(done.Time), float64(done.Time-op.Time)/float64(time.Millisecond))
			if done.Error != nil {
				b.Detail += ", " + edn.Brief(done.Error, 200)
			}
		}
	}
	b.Text = text + " " + edn.Brief(value, 60)
	b.Detail += "\n" + edn.Brief(op.Value, 300) + "\n" + edn.Brief(value, 300)
	return b
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.4f s", d.Seconds()) }

// timelinePage places bars by the attributes of SVG: the security policy allows no
// style in an element.
var timelinePage = template.Must(template.New("timeline").Funcs(template.FuncMap{
	"add": func(a, b int) int { return a + b }, "wide": func() int { return laneWidth - 6 },
}).Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>timeline · {{.Title}}</title>
<style>
:root{color-scheme:light dark;--bg:#fff;--ink:#1f2328;--dim:#59636e;--ok:#dcebff;--fail:#ffdcd7;--info:#fff1d6;--nemesis:#e9e4f5;--line:#afb8c1}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--ink:#f0f6fc;--dim:#9da7b3;--ok:#173764;--fail:#5c1f1c;--info:#4a3a10;--nemesis:#3a2d5c;--line:#57606a}}
body{background:var(--bg);color:var(--ink);font:14px/1.5 system-ui,sans-serif;margin:1rem}
summary{cursor:pointer;padding:.3rem 0}details{overflow-x:auto}
text{font:12px system-ui,sans-serif;fill:var(--ink)}.time{fill:var(--dim);font-size:11px}
rect{stroke:var(--line)}.ok{fill:var(--ok)}.fail{fill:var(--fail);stroke-dasharray:6 3}.info{fill:var(--info);stroke-dasharray:2 2}.nemesis{fill:var(--nemesis)}
</style>
</head>
<body>
<h1>{{.Title}}</h1>
<p>A bar for each operation, from its invocation to its completion: ✓ ok, ✗ fail, ? unknown outcome. A row is an event, so that the bars of a burst can be told apart; the times stand at the left.</p>
{{range .Parts}}<details{{if .Open}} open{{end}}><summary>{{.First}} to {{.Last}}</summary>
<svg width="{{.Width}}" height="{{add .Height 30}}" role="img" aria-label="operations from {{.First}} to {{.Last}}">
{{range .Lanes}}<text x="{{.X}}" y="16" font-weight="600">{{.Name}}</text>
{{end}}<g transform="translate(0 26)">
{{range .Bars}}<text class="time" x="0" y="{{add .Y 14}}">{{.Time}}</text><svg x="{{.X}}" y="{{.Y}}" width="{{wide}}" height="{{.Height}}"><title>{{.Detail}}</title><rect class="{{.Class}}" x="0.5" y="0.5" width="{{add wide -1}}" height="{{add .Height -1}}" rx="3"/><text x="5" y="14">{{.Mark}} {{.Text}}</text></svg>
{{end}}</g></svg></details>
{{end}}{{if .Left}}<p>{{.Left}} further operations are left out; report.html has them.</p>
{{end}}</body>
</html>
`))
