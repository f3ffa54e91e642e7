package store

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"glomers/internal/jepsen"
)

// End is the record that is written last. A run without it did not end by itself: it
// was killed, or it is still going on.
type End struct {
	Ended      Ending `json:"ended"`
	Reason     string `json:"reason,omitempty"` // of a run that is not complete, such as "node n0 crashed: exit status 7"
	Operations int    `json:"operations"`       // records of the history
	Events     int64  `json:"events"`           // records of the journal

	// Notes are what the runner noticed and the records do not show, such as how much
	// each partition cut.
	Notes []string `json:"notes,omitempty"`
	// Warnings are those of them that may be a fault of the nodes, or keep the run from
	// showing one.
	Warnings []string `json:"warnings,omitempty"`

	HistorySHA256 string `json:"history-sha256"` // of history.edn, in hexadecimal
	JournalSHA256 string `json:"journal-sha256"` // of journal.txt
}

// Ending is how a run ended.
type Ending string

// The endings.
const (
	Complete    Ending = "complete"
	Interrupted Ending = "interrupted" // by a signal
	Aborted     Ending = "aborted"     // by an error, such as a node that crashed
)

// Note keeps what the runner noticed, for the end record.
func (r *Run) Note(text string) { r.end.Notes = append(r.end.Notes, text) }

// Warn adds a warning to the record of how the run ends.
func (r *Run) Warn(text string) { r.end.Warnings = append(r.end.Warnings, text) }

// Finish flushes and closes the files and writes the end record. Results may be
// written after it.
func (r *Run) Finish(how Ending, reason string) (End, error) {
	err := r.close()
	r.end.Ended, r.end.Reason = how, reason
	r.end.HistorySHA256 = hex.EncodeToString(r.historyHash.Sum(nil))
	r.end.JournalSHA256 = hex.EncodeToString(r.journalHash.Sum(nil))
	if err != nil {
		return r.end, err
	}
	text, err := json.MarshalIndent(r.end, "", "  ")
	if err != nil {
		return r.end, err
	}
	return r.end, r.write(EndJSON, append(text, '\n'))
}

// End reads the end record; nil if there is none.
func (r *Recorded) End() (*End, error) {
	text, err := os.ReadFile(filepath.Join(r.Dir, EndJSON))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	end := &End{}
	if err := decodeJSON(filepath.Join(r.Dir, EndJSON), text, end); err != nil {
		return nil, err
	}
	return end, nil
}

// Incomplete says why the records are not known to be those of a whole run, given how
// many operations and events could be read; events is -1 where there is no journal. It
// is empty for a whole run, and for a run of the real Maelstrom, which has no end record
// but writes its history when the run is over.
func (r *Recorded) Incomplete(operations int, events int64) (string, error) {
	end, err := r.End()
	if err != nil {
		return "", err
	}
	switch {
	case end == nil && r.foreign():
		return "", nil
	case end == nil && !r.Known():
		path, err := r.HistoryPath()
		return fmt.Sprintf("nothing says whether the run came to its end: there is no %s, and no %s, %s or %s of Maelstrom's; glomers check %s takes the history for that of a whole run",
			EndJSON, jepsen.LogFile, jepsen.TestFile, ResultsEDN, path), err
	case end == nil:
		return "the run has no end record: the command was killed, or is still running", nil
	case end.Ended == Interrupted:
		return "the run was interrupted", nil
	case end.Ended != Complete:
		return "the run ended early: " + end.Reason, nil
	case operations != end.Operations:
		return fmt.Sprintf("the history has %d of the %d records that were written", operations, end.Operations), nil
	case events < 0 && end.Events > 0:
		return fmt.Sprintf("%s is missing, which had %d events", Journal, end.Events), nil
	case events >= 0 && events != end.Events:
		return fmt.Sprintf("%s has %d of the %d events that were written", Journal, events, end.Events), nil
	}
	return "", nil
}
