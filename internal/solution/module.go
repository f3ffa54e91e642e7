package solution

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"glomers/internal/scratch"
)

// LibraryVersion is the version of Maelstrom's Go library that solutions use. The
// module proxy lists no versions of the library, so go.mod must name one.
const LibraryVersion = "v0.0.0-20251128144731-cb7f07239012"

const library = "github.com/jepsen-io/maelstrom/demo/go"

// GoMod returns the go.mod of a new module for a solution. version is its language
// version, such as 1.21.
func GoMod(version string) string {
	return fmt.Sprintf("module my-solution\n\ngo %s\n\nrequire %s %s\n", version, library, LibraryVersion)
}

// GoSum is the go.sum that belongs to GoMod.
const GoSum = library + " " + LibraryVersion + " h1:j2FpC/930Px9SWIn8lgzxEiEZOvaQ9EUs37+e1QCNLA=\n" +
	library + " " + LibraryVersion + "/go.mod h1:i6aVIs5AIOOaQF1lAisBm7DDeWM1Iopf+26UxjagsCU=\n"

// InsideModule reports whether a directory or Go file belongs to a module: whether the
// directory, or one above it, has a go.mod.
func InsideModule(path string) bool {
	abs, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	if strings.HasSuffix(abs, ".go") {
		abs = filepath.Dir(abs)
	}
	for {
		_, err := os.Stat(filepath.Join(abs, "go.mod"))
		if err == nil {
			return true
		}
		parent := filepath.Dir(abs)
		if parent == abs || !errors.Is(err, os.ErrNotExist) {
			return false
		}
		abs = parent
	}
}

// buildPlace returns the directory in which to run the go command for a package or a
// single file, the names to give it there, and additional environment variables. Outside
// of any module it makes one that requires Maelstrom's library, which done removes.
func buildPlace(ctx context.Context, path string) (in string, names, env []string, done func(), err error) {
	dir, names := path, []string{"."}
	if strings.HasSuffix(path, ".go") {
		dir, names = filepath.Dir(path), []string{"./" + filepath.Base(path)}
	}
	if InsideModule(dir) {
		return dir, names, nil, func() {}, nil
	}
	if names, err = sourceFiles(path); err != nil {
		return "", nil, nil, nil, err
	}
	module, remove, err := scratch.Dir()
	if err != nil {
		return "", nil, nil, nil, err
	}
	done = func() { remove() } // what cannot be removed now is removed by a later run
	err = errors.Join(
		os.WriteFile(filepath.Join(module, "go.mod"), []byte(GoMod(languageVersion(ctx, dir))), 0o666),
		os.WriteFile(filepath.Join(module, "go.sum"), []byte(GoSum), 0o666),
	)
	if err != nil {
		done()
		return "", nil, nil, nil, err
	}
	return module, names, []string{"GOWORK=off", "GO111MODULE=on"}, done, nil
}

// sourceFiles returns the absolute paths of a single file, or of those of a package
// without its tests.
func sourceFiles(path string) ([]string, error) {
	files := []string{path}
	if !strings.HasSuffix(path, ".go") {
		var err error
		if files, err = filepath.Glob(filepath.Join(path, "*.go")); err != nil {
			return nil, err
		}
	}
	var out []string
	for _, f := range files {
		abs, err := filepath.Abs(f)
		if err != nil {
			return nil, err
		}
		if !strings.HasSuffix(f, "_test.go") {
			out = append(out, abs)
		}
	}
	return out, nil
}

// languageVersion returns the language version of the installed Go, such as 1.25.
func languageVersion(ctx context.Context, dir string) string {
	const oldest = "1.21"
	cmd := exec.CommandContext(ctx, "go", "env", "GOVERSION")
	cmd.Dir = dir
	text, err := cmd.Output()
	if err != nil { // go build says why
		return oldest
	}
	parts := strings.SplitN(strings.TrimPrefix(strings.TrimSpace(string(text)), "go"), ".", 3)
	if len(parts) < 2 || strings.Trim(parts[0]+parts[1], "0123456789") != "" {
		return oldest
	}
	return parts[0] + "." + parts[1]
}
