package cli

import (
	"fmt"
	"io"
	"os"
	"strings"

	"glomers/checkers/journal"
	"glomers/internal/recorded"
	picture "glomers/internal/report"
	"glomers/internal/trace"
)

// A diagram shows a run of few messages whole, unless the user named what it is to be about;
// of others it shows the story of the subject, and never more than some screens full.
const (
	fewArrows  = 60
	mostArrows = 150
)

// drawRun writes two drawings of a run: to diagram the messages of the subject's story,
// and to traffic who talked to whom. A drawing with an empty path is left out. A short
// run is drawn whole if that may be.
func drawRun(r *recorded.Run, subject trace.Subject, whole bool, diagram, traffic string) error {
	if diagram == "" && traffic == "" {
		return nil
	}
	h, _, err := r.Store.History(nil)
	if err != nil {
		return err
	}
	arrows := 0
	story := trace.NewStory(h, nodesOf(r), subject)
	t := &picture.Traffic{Title: drawingTitle(r, nil)}
	found, err := r.Store.Messages(func(e journal.Event) {
		t.Add(e)
		story.Add(e)
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
	d := &picture.Diagram{Title: drawingTitle(r, subject.About), Most: mostArrows}
	d.Keep = func(m journal.Message) bool { return !picture.Setup(m) && story.Has(m) }
	if whole && arrows <= fewArrows {
		d.Title = drawingTitle(r, nil)
		d.Keep = func(m journal.Message) bool { return !picture.Setup(m) }
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

// nodesOf says which node a process of a run talks to.
func nodesOf(r *recorded.Run) trace.Nodes {
	return trace.Nodes{IDs: r.Test.Nodes, Workers: r.Test.Concurrency}
}

func drawingTitle(r *recorded.Run, about []any) string {
	title := r.Test.Workload
	if r.Test.Stage != "" {
		title = "stage " + r.Test.Stage
	}
	title += fmt.Sprintf(", seed %d", r.Test.Seed)
	if len(about) > 0 {
		var names []string
		for _, v := range about {
			names = append(names, fmt.Sprint(v))
		}
		title += ": messages about " + strings.Join(names, ", ")
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
