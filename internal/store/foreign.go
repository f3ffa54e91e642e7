package store

import (
	"errors"
	"fmt"
	"os"

	"glomers/checkers/journal"
	"glomers/internal/jepsen"
)

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
