package process

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// killedBy reports false: Windows has no signals.
func killedBy(*os.ProcessState) (string, bool) { return "", false }

func isNotExecutable(err error) bool { return errors.Is(err, windows.ERROR_BAD_EXE_FORMAT) }
