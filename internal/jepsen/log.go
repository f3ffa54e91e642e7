package jepsen

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"glomers/checkers/edn"
)

// runningTest ends the line of jepsen.log before the test map.
const runningTest = "Running test:"

// maxLog is how many bytes of jepsen.log are searched for the test map. The log of a
// long run is large, and the map is near its beginning.
const maxLog = 8 << 20

// readLog reads the test map at the beginning of jepsen.log: a pretty-printed map
// of which each key begins a line, after one space or the opening brace. A value
// that is not EDN, such as an object of the JVM, is left out.
func readLog(dir fs.FS) (map[string]entry, error) {
	f, err := dir.Open(LogFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewReader(io.LimitReader(f, maxLog))
	entries := map[string]entry{}
	inMap := false
	key, keyLine, value := "", 0, ""
	finish := func() {
		if key == "" {
			return
		}
		if v, err := edn.NewDecoder(strings.NewReader(value)).Decode(); err == nil {
			entries[key] = entry{v, fmt.Sprintf("%s:%d", LogFile, keyLine)}
		}
		key = ""
	}
	for n := 1; ; n++ {
		line, err := lines.ReadString('\n')
		switch rest, isKey := topLevelKey(line, inMap); {
		case !inMap:
			inMap = strings.HasSuffix(strings.TrimSpace(line), runningTest)
		case isKey:
			finish()
			key, value, _ = strings.Cut(rest, " ")
			key, keyLine = strings.TrimSpace(key), n
		case strings.TrimSpace(line) == "":
			finish()
			return entries, nil
		default:
			value += line
		}
		if err == io.EOF {
			finish()
			return entries, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", LogFile, n, err)
		}
	}
}

// topLevelKey returns what follows the colon of a key of the test map.
func topLevelKey(line string, inMap bool) (string, bool) {
	if !inMap {
		return "", false
	}
	if rest, ok := strings.CutPrefix(line, "{:"); ok {
		return rest, true
	}
	return strings.CutPrefix(line, " :")
}
