package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// HintsJSON remembers, in the store, how many hints of each stage were given.
const HintsJSON = "hints.json"

// ReadHints returns how many hints of each stage were given, by the id of the stage.
func ReadHints(root string) (map[string]int, error) {
	given := map[string]int{}
	path := filepath.Join(root, HintsJSON)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return given, nil
	}
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(text, &given) != nil || given == nil {
		return nil, fmt.Errorf("%s is damaged: it should hold the number of hints given for each stage; remove it to begin again", path)
	}
	return given, nil
}

// WriteHints keeps how many hints of each stage were given.
func WriteHints(root string, given map[string]int) error {
	text, err := json.MarshalIndent(given, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(root, 0o777); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, HintsJSON), append(text, '\n'), 0o666)
}
