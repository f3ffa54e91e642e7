package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"glomers/checkers/journal"
	"glomers/internal/jepsen"
)

// Known reports whether the directory is recognisably that of a run, of glomers or of the
// real Maelstrom, which says how it ended.
func (r *Recorded) Known() bool { return r.ours() || r.foreign() }

func (r *Recorded) ours() bool { return r.Test != nil || r.has(EndJSON) || r.has(RunLog) }

func (r *Recorded) foreign() bool {
	return !r.ours() && slices.ContainsFunc([]string{jepsen.LogFile, jepsen.TestFile, ResultsEDN, ResultsEDN + ".gz", ResultsEDN + ".zst"}, r.has)
}

func (r *Recorded) has(name string) bool {
	_, err := os.Stat(filepath.Join(r.Dir, name))
	return err == nil
}

// ForeignOptions reads the options of a run of the real Maelstrom, from its
// jepsen.log and test.jepsen. It returns nil for a run that has neither.
func (r *Recorded) ForeignOptions() (*jepsen.Options, error) {
	o, err := jepsen.ReadOptions(os.DirFS(r.Dir))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Dir, err)
	}
	return o, nil
}

// foreignMessages reads the journal of a run of the real Maelstrom.
func (r *Recorded) foreignMessages(each func(journal.Event)) (bool, error) {
	exists, err := jepsen.ReadMessages(os.DirFS(r.Dir), each)
	if errors.Is(err, journal.ErrTruncated) {
		r.CutJournal = true
		return exists, nil
	}
	if err != nil {
		return exists, fmt.Errorf("%s: %w", r.Dir, err)
	}
	return exists, nil
}
