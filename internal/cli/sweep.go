package cli

import (
	"context"
	"fmt"
	"math"
	"strings"

	"glomers/internal/compare"
	picture "glomers/internal/report"
	"glomers/stages"
)

// sweep is one design with several values of a flag of its own.
type sweep struct {
	design compare.Design
	flag   string
	values []string
}

// parseSweep reads a sweep in the form DESIGN/FLAG=VALUE,VALUE,…
func parseSweep(text string, designs []compare.Design) (*sweep, error) {
	name, rest, _ := strings.Cut(text, "/")
	flag, values, found := strings.Cut(rest, "=")
	if !found || flag == "" || values == "" {
		return nil, fmt.Errorf("--sweep is %q, expected a design, one of its flags, and values for it, such as periodic/-every=100ms,500ms", text)
	}
	for _, d := range designs {
		if d.Name == name {
			return &sweep{design: d, flag: flag, values: strings.Split(values, ",")}, nil
		}
	}
	return nil, fmt.Errorf("--sweep is %q, but the stage has no design %q: glomers compare lists them", text, name)
}

// sweep measures a design with each value of the flag, under the challenge's own
// options.
func (a *app) sweep(ctx context.Context, stage stages.Stage, s *sweep, f compareFlags) (picture.Sweep, error) {
	out := picture.Sweep{Name: fmt.Sprintf("%s, with %s of", s.design.Name, s.flag)}
	for _, value := range s.values {
		m := &measuring{app: a, stage: &stage, flags: f, args: []string{s.flag, value}}
		m.row.MsgsPerOp, m.row.Max = math.NaN(), math.NaN()
		v, err := m.run(ctx, s.design, nil, f.seed)
		if err != nil {
			return out, fmt.Errorf("measure %s with %s %s: %w", s.design.Name, s.flag, value, err)
		}
		if v.Results != nil {
			m.figures(v)
		}
		if !(m.row.MsgsPerOp > 0) || math.IsNaN(m.row.Max) {
			return out, fmt.Errorf("%s with %s %s has no figures to plot: run glomers test %s %s -- %s %s to see why",
				s.design.Name, s.flag, value, stage.ID, s.design.Dir, s.flag, value)
		}
		out.Points = append(out.Points, picture.Design{Name: value, X: m.row.MsgsPerOp, Median: m.row.Median, Max: m.row.Max})
	}
	return out, nil
}
