package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/spf13/cobra"
)

// watch tests a solution again and again, whenever it changes.
func (a *app) watch() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch STAGE PACKAGE [flags of glomers test]",
		Short: "Test a solution again whenever it is saved",
		Long: "Test a Go package, or the executable of --bin, and do so again whenever one of its files changes, until\n" +
			"Ctrl-C. A change during a test ends that test. All flags of glomers test can be given.",
		Example:            "  glomers watch 3c ./my/3c\n  glomers watch 3c --bin ./node.py",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			test := a.testStage()
			if err := test.ParseFlags(args); err != nil {
				return err
			}
			if help, err := test.Flags().GetBool("help"); err == nil && help {
				return cmd.Help()
			}
			dir, err := watched(test)
			if err != nil {
				return err
			}
			return a.watchDir(cmd.Context(), dir, args)
		},
	}
	return cmd
}

// watched returns the directory whose files make up the solution.
func watched(test *cobra.Command) (string, error) {
	words := test.Flags().Args()
	if n := test.Flags().ArgsLenAtDash(); n >= 0 {
		words = words[:n]
	}
	for _, flag := range []string{"bin", "wasm"} {
		if path, err := test.Flags().GetString(flag); err == nil && path != "" {
			return filepath.Dir(path), nil
		}
	}
	if len(words) < 2 {
		return "", errors.New("there is nothing to watch: expected a stage and a solution, as in glomers watch 3c ./my/3c")
	}
	if strings.HasSuffix(words[1], ".go") {
		return filepath.Dir(words[1]), nil
	}
	return words[1], nil
}

// settle is how long no file must have changed before a test begins: an editor writes a
// file in several steps, and a formatter may follow.
const settle = 200 * time.Millisecond

// watchDir runs the test once, and again after each change, until the context ends.
func (a *app) watchDir(ctx context.Context, dir string, args []string) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	defer watcher.Close()
	if err := addTree(watcher, dir); err != nil {
		return err
	}
	for {
		running, cancel := context.WithCancel(ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			a.testOnce(running, args)
		}()
		changed := nextChange(ctx, watcher)
		cancel()
		<-done
		if !changed {
			return nil
		}
		a.err.printf("\n%s\n", a.err.dim("── changed: testing again ──"))
	}
}

// testOnce runs glomers test once.
func (a *app) testOnce(ctx context.Context, args []string) {
	a.words = append([]string{"test"}, args...)
	test := a.testStage()
	test.SetArgs(args)
	test.SilenceErrors, test.SilenceUsage = true, true
	err := test.ExecuteContext(ctx)
	if ctx.Err() != nil {
		return // a change or Ctrl-C ended it
	}
	a.report(err)
	a.err.printf("%s\n", a.err.dim("waiting for a change; Ctrl-C ends"))
}

// nextChange waits for a change and then until no more follow for the time settle. It
// returns false if the context ended.
func nextChange(ctx context.Context, watcher *fsnotify.Watcher) bool {
	var calm <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return false
		case e, ok := <-watcher.Events:
			if !ok {
				return false
			}
			if e.Op == fsnotify.Chmod || ignored(filepath.Base(e.Name)) {
				continue
			}
			if e.Has(fsnotify.Create) {
				addTree(watcher, e.Name) // in case it is a new directory; fails for a file
			}
			calm = time.After(settle)
		case <-calm:
			return true
		}
	}
}

// addTree watches a directory and those below it.
func addTree(watcher *fsnotify.Watcher, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("cannot watch the solution: %w", err)
		case !d.IsDir():
			return nil
		case path != dir && ignored(d.Name()):
			return filepath.SkipDir
		}
		if err := watcher.Add(path); err != nil {
			return fmt.Errorf("watch %s: %w", path, err)
		}
		return nil
	})
}

// ignored reports whether a file does not belong to the solution: a hidden file, an
// editor's backup, or the store that the tests themselves write to.
func ignored(name string) bool {
	return strings.HasPrefix(name, ".") || strings.HasSuffix(name, "~") || strings.HasPrefix(name, "#") || name == "store" || name == "4913"
}
