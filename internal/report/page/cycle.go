package page

import (
	"fmt"
	"math"
)

// drawing is a cycle of transactions as the template draws it.
type drawing struct {
	Width, Height float64
	Nodes         []drawnNode
	Edges         []drawnEdge
}

type drawnNode struct {
	X, Y float64
	Name string // T1, T2, …
}

type drawnEdge struct {
	X1, Y1, CX, CY, X2, Y2 float64 // a quadratic curve
	Tip                    string  // the path of its arrowhead
	LX, LY                 float64 // where its label stands
	Kind                   string
}

// drawCycle places the transactions of a cycle on a circle, clockwise from the top.
func drawCycle(steps []Step) drawing {
	const nodeRadius, label = 20.0, 16.0
	n := float64(len(steps))
	radius := max(62, 30*n/math.Pi)
	d := drawing{Width: 2*radius + 150, Height: 2*radius + 90}
	cx, cy := d.Width/2, d.Height/2
	at := func(i float64) (float64, float64) {
		a := 2 * math.Pi * i / n
		return cx + radius*math.Sin(a), cy - radius*math.Cos(a)
	}
	for i, s := range steps {
		x1, y1 := at(float64(i))
		x2, y2 := at(float64(i + 1))
		d.Nodes = append(d.Nodes, drawnNode{x1, y1, fmt.Sprintf("T%d", i+1)})
		a := 2 * math.Pi * (float64(i) + 0.5) / n
		bend := radius * 1.25
		if n == 2 {
			bend = radius * 0.9
		}
		mx, my := cx+bend*math.Sin(a), cy-bend*math.Cos(a)
		e := drawnEdge{CX: mx, CY: my, Kind: s.Kind}
		e.X1, e.Y1 = towards(x1, y1, mx, my, nodeRadius)
		e.X2, e.Y2 = towards(x2, y2, mx, my, nodeRadius+6)
		e.Tip = tip(e.X2, e.Y2, x2, y2)
		mx, my = (e.X1+2*mx+e.X2)/4, (e.Y1+2*my+e.Y2)/4 // the middle of the curve
		e.LX, e.LY = mx+label*math.Sin(a)*1.3, my-label*math.Cos(a)
		d.Edges = append(d.Edges, e)
	}
	return d
}

// towards returns the point at a distance from one point on the way to another.
func towards(x, y, tx, ty, distance float64) (float64, float64) {
	length := math.Hypot(tx-x, ty-y)
	return x + (tx-x)*distance/length, y + (ty-y)*distance/length
}

// tip returns the path of an arrowhead at a point, which looks towards another.
func tip(x, y, tx, ty float64) string {
	length := math.Hypot(tx-x, ty-y)
	dx, dy := (tx-x)/length, (ty-y)/length
	return fmt.Sprintf("M%.1f %.1fL%.1f %.1fL%.1f %.1fz", x+6*dx, y+6*dy, x-5*dx-5*dy, y-5*dy+5*dx, x-5*dx+5*dy, y-5*dy-5*dx)
}
