package process

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// killedBy reports false: Windows has no signals.
func killedBy(*os.ProcessState) (string, bool) { return "", false }

// isNotExecutable reports whether the system could not make out what kind of program a file
// is.
func isNotExecutable(err error) bool { return errors.Is(err, windows.ERROR_BAD_EXE_FORMAT) }
