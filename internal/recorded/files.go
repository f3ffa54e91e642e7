package recorded

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"glomers/checkers/journal"
	"glomers/internal/report"
	"glomers/internal/report/page"
)

// ReportName is the name of the report in the directory of a run.
const ReportName = "report.html"

// firstMessages is how many messages messages.svg shows: those with which every run
// begins.
const firstMessages = 250

// WriteFiles writes what there is to look at into the directory of the run: its report,
// and the pictures that Maelstrom makes, under Maelstrom's names.
func (j *Judged) WriteFiles() error {
	title := j.Title()
	h := j.Records.History
	messages := &report.Diagram{Title: title + ": the first messages", Most: firstMessages}
	messages.AddHistory(h)
	shown := j.page()
	if read := shown.Messages; read != nil { // one reading of the journal does for both
		shown.Messages = func(each func(journal.Event)) (bool, error) {
			return read(func(e journal.Event) {
				messages.Add(e)
				each(e)
			})
		}
	}
	raw, quantiles, rate := report.LatencyRaw(title+": latency", h), report.LatencyQuantiles(title+": quantiles of the latency", h), report.Rate(title+": rate", h)
	timeline := &report.Timeline{Title: title, History: h}
	for _, f := range []struct {
		name  string
		write func(io.Writer) error
	}{
		{ReportName, func(w io.Writer) error { return page.Write(w, shown) }}, {"messages.svg", messages.WriteSVG},
		{"latency-raw.svg", raw.WriteSVG}, {"latency-raw.png", raw.WritePNG},
		{"latency-quantiles.svg", quantiles.WriteSVG}, {"latency-quantiles.png", quantiles.WritePNG},
		{"rate.svg", rate.WriteSVG}, {"rate.png", rate.WritePNG},
		{"timeline.html", timeline.WriteHTML},
	} {
		if err := WriteFile(filepath.Join(j.Dir, f.name), f.write); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile writes a file. One that could not be written whole is removed: half a page
// is worse than none.
func WriteFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		os.Remove(path)
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
