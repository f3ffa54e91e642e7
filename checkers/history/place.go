package history

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// A PlaceError is an error at a place in the text of a history.
type PlaceError struct {
	Line, Column int // from 1; columns count bytes
	Err          error
}

func (e *PlaceError) Error() string { return fmt.Sprintf("%d:%d: %v", e.Line, e.Column, e.Err) }

// Unwrap returns the error without its place.
func (e *PlaceError) Unwrap() error { return e.Err }

// Position returns the line and column.
func (e *PlaceError) Position() (line, column int) { return e.Line, e.Column }

// InFile puts the name of a file before an error about its contents. An error that
// has a place, in the syntax of the text or the value of an operation, gets the form
// that editors recognise: "history.edn:2:1: …".
func InFile(name string, err error) error {
	var file *fs.PathError
	if errors.As(err, &file) && file.Path == name { // the file cannot be read, whatever it holds
		return file
	}
	var placed interface {
		error
		Position() (line, column int)
	}
	if !errors.As(err, &placed) {
		return fmt.Errorf("%s: %w", name, err)
	}
	line, column := placed.Position()
	if line == 0 {
		return fmt.Errorf("%s: %w", name, err)
	}
	place := fmt.Sprintf("%d:%d: ", line, column)
	return &fileError{name + ":" + place + strings.Replace(err.Error(), place, "", 1), err}
}

// fileError is an error whose place was moved to the front of its text.
type fileError struct {
	text string
	err  error
}

func (e *fileError) Error() string { return e.text }
func (e *fileError) Unwrap() error { return e.err }
