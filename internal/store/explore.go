package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Explorations is the directory, in the store, of what explorations leave: one
// directory for each, named by its time, with a page and the figures that it shows.
const (
	Explorations = "explore"
	ExploreHTML  = "explore.html"
	ExploreJSON  = "explore.json"
)

// NewExploration makes the directory of an exploration.
func NewExploration(root string, at time.Time) (string, error) {
	base := filepath.Join(root, Explorations)
	if err := os.MkdirAll(base, 0o777); err != nil {
		return "", fmt.Errorf("create the store: %w", err)
	}
	for ; ; at = at.Add(time.Millisecond) { // two may end within a millisecond
		dir := filepath.Join(base, at.Format(timeName))
		err := os.Mkdir(dir, 0o777)
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return "", fmt.Errorf("create the directory of the exploration: %w", err)
		}
	}
}
