package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"glomers/internal/cache"
	"glomers/internal/solution"
)

// doctor reports what this machine has of what glomers can use, and how to get the rest.
func (a *app) doctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor [PATH]",
		Short: "Say what works on this machine, and what to do about what does not",
		Long: "Say which Go builds the package in a directory (default: here), which engines can run it and why one cannot,\n" +
			"how large the cache is, and whether the real Maelstrom is installed.",
		Example: "  glomers doctor\n  glomers doctor ./my/3c",
		Args:    arguments(0, 1, "at most one directory, such as: glomers doctor ./my/3c"),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			if info, err := os.Stat(dir); err != nil {
				return fmt.Errorf("%w; expected the directory of a Go package", err)
			} else if !info.IsDir() {
				return fmt.Errorf("%s is a file; expected the directory of a Go package", dir)
			}
			const width = len("engine native --race") + 1
			for _, f := range a.examine(cmd.Context(), dir) {
				mark := a.out.good("✓")
				if !f.ok {
					mark = a.out.warn("–")
				}
				a.out.printf("%s %-*s %s\n", mark, width, f.what, f.text)
				if f.remedy != "" {
					a.out.printf("  %-*s %s\n", width, "", a.out.dim(f.remedy))
				}
			}
			return nil
		},
	}
}

// condition is one thing that the doctor examined.
type condition struct {
	ok     bool
	what   string
	text   string
	remedy string
}

// examine returns all conditions, those of Go for the package in dir.
func (a *app) examine(ctx context.Context, dir string) []condition {
	version := exec.CommandContext(ctx, "go", "env", "GOVERSION", "GOROOT")
	version.Dir = dir
	out, err := version.Output()
	if err != nil {
		return append([]condition{{false, "go", "the go command does not work: " + err.Error(), "install Go from https://go.dev/dl, or give executables with --bin"}}, a.surroundings()...)
	}
	goVersion, root, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	all := []condition{{true, "go", goVersion + " in " + root, ""}}
	for _, race := range []bool{false, true} {
		name := "engine native"
		if race {
			name += " --race"
		}
		all = append(all, a.examineNative(ctx, name, dir, race))
	}
	all = append(all,
		condition{true, "engine wasm", "available: Go for wasip1 comes with every toolchain, the rest is built in", ""},
		condition{true, "engine process", "available", ""},
	)
	return append(all, a.surroundings()...)
}

// examineNative reports whether the package in dir can be simulated natively.
func (a *app) examineNative(ctx context.Context, name, dir string, race bool) condition {
	err := a.examineAgain(ctx, dir, race)
	var unavailable *solution.UnavailableError
	remedy := "--engine wasm simulates as well, and needs nothing of this"
	if race {
		remedy = "--engine process finds races in real time; it needs a C compiler as well"
	}
	switch {
	case err == nil:
		return condition{true, name, "available: the self-test passed", ""}
	case errors.As(err, &unavailable):
		return condition{false, name, "not available: " + unavailable.Err.Error(), remedy}
	}
	return condition{false, name, "not available: " + err.Error(), ""}
}

// examineAgain checks native simulation, repeating a self-test that failed before: its
// cause may be gone.
func (a *app) examineAgain(ctx context.Context, dir string, race bool) error {
	_, err := a.nativeToolchain(ctx, dir, race)
	var failed *selfTestError
	if !errors.As(err, &failed) {
		return err
	}
	if err := os.Remove(failed.kept); err != nil {
		return err
	}
	_, err = a.nativeToolchain(ctx, dir, race)
	return err
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// surroundings returns the conditions that have nothing to do with Go.
func (a *app) surroundings() []condition {
	var all []condition
	if path, err := realMaelstrom(); err == nil {
		all = append(all, condition{true, "engine maelstrom", path, ""})
	} else {
		all = append(all, condition{false, "engine maelstrom", "not available: " + err.Error(), ""})
	}
	dir := cacheDir("")
	if dir == "" {
		return append(all, condition{false, "cache", "no directory for it can be written", "set GLOMERS_CACHE to one that can, so that programs are not built anew each time"})
	}
	text := dir + " holds"
	for i, part := range cacheParts {
		size, err := cache.Size(filepath.Join(dir, part))
		if err != nil {
			return append(all, condition{false, "cache", err.Error(), ""})
		}
		if i > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %s %d MiB of %d", part, size>>20, int64(cache.MaxSize)>>20)
	}
	remedy := fmt.Sprintf("what was not used for %d days is removed, and above these limits what was not used for longest; glomers clean empties it", int(cache.MaxAge.Hours()/24))
	return append(all, condition{true, "cache", text, remedy})
}

// clean empties the cache.
func (a *app) clean() *cobra.Command {
	return &cobra.Command{
		Use:   "clean",
		Short: "Empty the cache of compiled solutions",
		Long:  "Remove what glomers keeps of compiled solutions ($GLOMERS_CACHE). They are built again when they are needed.",
		Args:  arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			parent := cacheDir("")
			if parent == "" {
				return errors.New("there is no cache: no directory for it can be written; set GLOMERS_CACHE to one that can")
			}
			var freed int64
			for _, part := range cacheParts {
				dir := filepath.Join(parent, part)
				size, err := cache.Size(dir)
				if err != nil {
					return err
				}
				if err := os.RemoveAll(dir); err != nil {
					return fmt.Errorf("empty the cache: %w", err)
				}
				freed += size
			}
			a.out.printf("removed %d MiB from %s\n", freed>>20, parent)
			return nil
		},
	}
}
