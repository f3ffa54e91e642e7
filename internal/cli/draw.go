package cli

import (
	"fmt"
	"io"
	"os"

	"glomers/checkers/journal"
	"glomers/internal/recorded"
	picture "glomers/internal/report"
	"glomers/internal/trace"
)

// A diagram shows a run of few messages whole, of others what mentions the values
// that it is about, and never more than some screens full.
const (
	fewArrows  = 60
	mostArrows = 150
)

// drawRun writes two drawings of a run: to diagram the messages that mention the values
// of the subject, or all of them if it has none, and to traffic who talked to whom. A
// drawing with an empty path is left out.
func drawRun(r *recorded.Run, subject trace.Subject, diagram, traffic string) error {
	if diagram == "" && traffic == "" {
		return nil
	}
	h, _, err := r.Store.History(nil)
	if err != nil {
		return err
	}
	arrows := 0
	t := &picture.Traffic{Title: drawingTitle(r, nil)}
	found, err := r.Store.Messages(func(e journal.Event) {
		t.Add(e)
		if e.Kind == journal.Send && !picture.Setup(e.Message) {
			arrows++
		}
	})
	switch {
	case err != nil:
		return err
	case !found:
		return fmt.Errorf("%s holds no journal, so there are no messages to draw", r.Dir)
	}
	if arrows <= fewArrows {
		subject.About = nil
	}
	d := &picture.Diagram{
		Title: drawingTitle(r, subject.About), Most: mostArrows,
		Keep: func(m journal.Message) bool { return !picture.Setup(m) && subject.Mentions(m) },
	}
	d.AddHistory(h)
	if _, err := r.Store.Messages(d.Add); err != nil {
		return err
	}
	if err := writeSVG(diagram, d); err != nil {
		return err
	}
	return writeSVG(traffic, t)
}

func drawingTitle(r *recorded.Run, about []any) string {
	title := r.Test.Workload
	if r.Test.Stage != "" {
		title = "stage " + r.Test.Stage
	}
	title += fmt.Sprintf(", seed %d", r.Test.Seed)
	if len(about) > 0 {
		title += fmt.Sprintf(": messages about %v", about[0])
	}
	return title
}

func writeSVG(path string, p interface{ WriteSVG(io.Writer) error }) error {
	if path == "" {
		return nil
	}
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := p.WriteSVG(f); err != nil {
		f.Close()
		return fmt.Errorf("write %s: %w", path, err)
	}
	return f.Close()
}
