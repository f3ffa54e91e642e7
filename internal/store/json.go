package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"glomers/checkers/edn"
)

// decodeJSON reads a file that glomers itself wrote, and that may be damaged. The
// error names the file and the place, or the field.
func decodeJSON(path string, text []byte, into any) error {
	value, err := edn.FromJSON(text)
	if err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	if _, ok := value.(edn.Map); !ok {
		return fmt.Errorf("%s is damaged: expected an object", path)
	}
	err = json.Unmarshal(text, into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("%s is damaged: the field %q has a value of the wrong type, a %s", path, field(wrong.Field), wrong.Value)
	}
	if err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	return nil
}

// field returns the name of a field as it is in the file: encoding/json puts the names of
// embedded Go types before it.
func field(path string) string {
	words := strings.Split(path, ".")
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w != "" && unicode.IsUpper(rune(w[0])) }), ".")
}
