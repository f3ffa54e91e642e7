// Package recorded opens a run on disk and judges it again from its records: what
// check, report and serve do. The run is one of glomers, one of the real Maelstrom, or
// a history by itself.
//
//	run, err := recorded.Open("store/latest")
//	…
//	q, from, err := run.Question()
//	…
//	judged, err := run.Show(q, from, nil)
//	…
//	err = judged.WritePage(w)   // report.html
package recorded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"glomers/checkers"
	"glomers/checkers/history"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/internal/verdict"
	"glomers/stages"
)

// Run is a run on disk.
type Run struct {
	Dir     string          // or the path of a history by itself
	History string          // its path
	Test    *spec.Test      // nil if it is not a run of glomers
	Stage   *stages.Stage   // of the workbook; nil if it is none
	Store   *store.Recorded // nil for a history by itself

	path string // that was given
}

// Open opens a run's directory, or a history file. A history.edn in the directory of a
// run stands for the run; any other is a history by itself.
func Open(path string) (*Run, error) {
	given := path
	var alone *Run
	info, err := os.Stat(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("%s does not exist; expected a run such as store/latest, or a history.edn", path)
		}
		return nil, err
	}
	if !info.IsDir() {
		alone = &Run{Dir: path, History: path, path: given}
		if filepath.Base(path) != store.HistoryEDN {
			return alone, nil
		}
		path = filepath.Dir(path)
	}
	opened, err := store.Open(path)
	if err != nil {
		return nil, err
	}
	if alone != nil && !opened.Known() {
		return alone, nil
	}
	r := &Run{Dir: path, Test: opened.Test, Store: opened, path: given}
	if r.Test != nil {
		if s, err := stages.Find(r.Test.Stage); err == nil {
			r.Stage = &s
		}
	}
	r.History, err = opened.HistoryPath()
	return r, err
}

// Question returns what is asked about the run's records: what its test asks, or for
// a run that glomers did not record what its store and its path say. The workload is
// empty if neither names one.
func (r *Run) Question() (verdict.Question, Sources, error) {
	var q verdict.Question
	if r.Test != nil {
		q = verdict.Ask(r.Test, r.Stage)
	}
	from, err := r.assume(&q.Check)
	if q.Check.Workload == "" {
		q.Check.Workload = workloadOf(r.path)
	}
	return q, from, err
}

// Records reads what the run left, and reports the progress of the history.
func (r *Run) Records(o checkers.Options, progress func(history.Progress)) (verdict.Records, error) {
	if r.Store == nil {
		h, err := store.ReadHistory(r.History, progress)
		return verdict.Records{History: h}, err
	}
	records := verdict.Records{Racy: store.RacyNodes(r.Dir)}
	h, cut, err := r.Store.History(progress)
	if err != nil {
		return records, err
	}
	records.History = h
	events := int64(-1)
	traffic := verdict.NewTraffic(o)
	exists, err := r.Store.Messages(traffic.Add)
	if err != nil {
		return records, err
	}
	if exists {
		records.Traffic, events = traffic, traffic.Events
	}
	if records.Incomplete, err = r.Store.Incomplete(len(h.Ops), events); records.Incomplete == "" && cut != nil {
		return records, cut
	}
	return records, err
}

// Judged is a run with the verdict on it.
type Judged struct {
	*Run
	*verdict.Verdict
	Question verdict.Question
	Records  verdict.Records
	End      *store.End // nil for a run that glomers did not record, or that was killed
	From     string     // for a run that glomers did not record: how it is judged, and why
}

// Judge reads the records and answers the question, which may be another one than the
// run's own. An operation whose value is not what the workload defines is an error, a
// *checkers.ShapeError.
func (r *Run) Judge(q verdict.Question, from Sources, progress func(history.Progress)) (*Judged, error) {
	j, shape, err := r.judge(q, from, progress)
	if err == nil {
		err = shape
	}
	if err != nil {
		return nil, err
	}
	return j, nil
}

// Show judges the run as Judge does, for a page that shows its records. With an
// operation whose value is not what the workload defines the verdict is unknown, has no
// results and gives that error as its reason: the page shows what led to it.
func (r *Run) Show(q verdict.Question, from Sources, progress func(history.Progress)) (*Judged, error) {
	j, _, err := r.judge(q, from, progress)
	return j, err
}

// judge judges the run. If shape is not nil, there is an unknown verdict for that reason.
func (r *Run) judge(q verdict.Question, from Sources, progress func(history.Progress)) (j *Judged, shape, err error) {
	if q.Check.Workload == "" {
		return nil, nil, fmt.Errorf("%s does not say which workload it is; name it with --workload: %s", r.path, strings.Join(checkers.Workloads(), ", "))
	}
	records, err := r.Records(q.Check, progress)
	if err != nil {
		return nil, nil, err
	}
	j = &Judged{Run: r, Question: q, Records: records}
	if j.Verdict, err = verdict.Judge(records, q); err != nil {
		err = history.InFile(r.History, err)
		if wrong := (*checkers.ShapeError)(nil); !errors.As(err, &wrong) {
			return nil, nil, err
		}
		shape, j.Verdict = err, &verdict.Verdict{Incomplete: err.Error(), Racy: records.Racy}
	}
	if r.Test == nil {
		j.From = from.Describe(q.Check)
		if r.Store == nil {
			j.From += ", a whole run (assumed: a history by itself does not say)"
		}
		return j, shape, nil
	}
	j.End, err = r.Store.End()
	return j, shape, err
}

// Notes are what the runner noticed, and what is missing.
func (j *Judged) Notes() []string {
	var notes []string
	if j.Store != nil && j.Store.CutJournal {
		notes = append(notes, "the journal of messages is cut short, so the figures about messages are those of a part of the run")
	}
	notes = append(notes, j.Warnings(j.Dir)...)
	if j.End != nil {
		notes = slices.Concat(notes, j.End.Warnings, j.End.Notes)
	}
	return notes
}

// workloadOf finds the name of a workload among the directories of a path, as
// in store/WORKLOAD/TIME.
func workloadOf(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	parts := strings.Split(filepath.ToSlash(path), "/")
	slices.Reverse(parts)
	for _, part := range parts {
		if slices.Contains(checkers.Workloads(), part) {
			return part
		}
	}
	return ""
}
