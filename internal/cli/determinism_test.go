package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"glomers/internal/sim/native"
	"glomers/internal/sim/native/overlay"
	"glomers/internal/solution"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/stages"
)

var repetitions = flag.Int("repetitions", 6, "how many times TestDeterminism runs each stage")

// heavy are the stages that TestDeterminism runs for a few seconds of virtual time
// only.
var heavy = map[string]string{"2": "3", "3d": "3", "3e": "3", "5b": "2", "5c": "2", "6b": "2", "6c": "2"}

// TestDeterminism repeats one seed of each stage, with goroutines that give way, and
// compares every byte that is recorded: history, journal, and what the nodes log. From
// one repetition to the next, the collector of the nodes and that of the runner run
// all the time, as usual, or never; one to eight runs share the processors; and
// these are idle or busy with something else. Without GLOMERS_LONG it does so with one
// stage.
func TestDeterminism(t *testing.T) {
	if err := overlay.Supported(runtime.GOOS, runtime.GOARCH); err != nil {
		t.Skip(err)
	}
	t.Chdir("../..")
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	for _, stage := range stages.All() {
		t.Run(stage.ID, func(t *testing.T) {
			if stage.ID != "4" && os.Getenv("GLOMERS_LONG") == "" {
				t.Skip("takes minutes: make determinism")
			}
			args := []string{"--engine", "native", "--seed", "7", "--yields", "0.2"}
			if limit, ok := heavy[stage.ID]; ok {
				args = append(args, "--time-limit", limit, "--recovery", "2")
			}
			repeatRuns(t, stage, args)
		})
	}
}

// repeatRuns runs a stage again and again, under circumstances that differ.
func repeatRuns(t *testing.T, stage stages.Stage, args []string) {
	test, programs := buildVariants(t, stage, args)
	var want string
	for group, done := 0, 0; done < *repetitions; group++ {
		at := group % len(collectors)
		debug.SetGCPercent(collectors[at].percent)
		jobs := min(group%8+1, *repetitions-done)
		busy := group/2%2 == 1 // not in step with the collectors
		relax := func() {}
		if busy {
			relax = keepBusy()
		}
		got := make([]string, jobs)
		failed := make([]error, jobs)
		var runs sync.WaitGroup
		for i := range jobs {
			dir := t.TempDir()
			runs.Go(func() { got[i], failed[i] = runAndHash(test, programs[at], dir) })
		}
		runs.Wait()
		relax()
		if err := errors.Join(failed...); err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = got[0]
		}
		for _, sum := range got {
			if sum != want {
				t.Errorf("with GOGC=%s, %d runs at a time and busy processors %v the hash is %s, before that it was %s", collectors[at].gogc, jobs, busy, sum, want)
			}
		}
		done += jobs
		debug.SetGCPercent(100)
		runtime.GC() // what was not collected
	}
	t.Logf("%d runs, all with the hash %s", *repetitions, want)
}

// collectors are what GOGC is for nodes, and the same for the runner.
var collectors = []struct {
	gogc    string
	percent int
}{{"100", 100}, {"5", 5}, {"off", -1}}

// buildVariants returns the first test of a stage, and its reference solution as it
// runs with each of the collectors.
func buildVariants(t *testing.T, stage stages.Stage, args []string) (spec.Test, []*subject) {
	f := &testFlags{}
	cmd := &cobra.Command{}
	f.register(cmd.Flags())
	if err := cmd.Flags().Parse(args); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join("stages", stage.Dir)
	a := &app{out: newTerminal(io.Discard), err: newTerminal(io.Discard)}
	plan, err := a.plan(t.Context(), cmd, f, target{dir: dir}, &stage)
	if err != nil {
		t.Fatal(err)
	}
	toolchain, err := a.nativeToolchain(t.Context(), dir, false)
	var unavailable *solution.UnavailableError
	if errors.As(err, &unavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	bin, err := toolchain.Build(t.Context(), dir, false)
	if err != nil {
		t.Fatal(err)
	}
	var programs []*subject
	for _, c := range collectors {
		p, err := native.Load(bin, native.Options{Memory: int64(plan[0].NodeMemory) << 20, Env: []string{"GOGC=" + c.gogc}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { p.Close(context.Background()) })
		programs = append(programs, &subject{program: p})
	}
	return plan[0], programs
}

// runAndHash runs a test in a store of its own and hashes what it recorded.
func runAndHash(test spec.Test, s *subject, root string) (string, error) {
	run, err := store.Create(root, &test)
	if err != nil {
		return "", err
	}
	a := &app{out: newTerminal(io.Discard), err: newTerminal(io.Discard)}
	if _, _, err := a.record(context.Background(), output{}, &test, s, run, newProgress(a.err)); err != nil {
		return "", err
	}
	sum := sha256.New()
	logged := 0
	err = filepath.WalkDir(run.Dir, func(path string, entry fs.DirEntry, err error) error {
		rel := strings.TrimPrefix(path, run.Dir+string(filepath.Separator))
		if err != nil || entry.IsDir() || rel != store.HistoryEDN && rel != store.Journal && !strings.HasPrefix(rel, store.NodeLogs) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasPrefix(rel, store.NodeLogs) {
			logged += len(text)
		}
		fmt.Fprintf(sum, "%s %d\n", rel, len(text))
		sum.Write(text)
		return nil
	})
	if err == nil && (logged == 0 || run.Operations() == 0) {
		err = fmt.Errorf("the run recorded %d operations and %d bytes of logs", run.Operations(), logged)
	}
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, os.RemoveAll(root))
}

// keepBusy occupies all processors until the function that it returns is called.
func keepBusy() (relax func()) {
	stop := make(chan struct{})
	var workers sync.WaitGroup
	for range 2 * runtime.NumCPU() {
		workers.Go(func() {
			for x := uint64(1); ; x = x*6364136223846793005 + 1 {
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	return func() {
		close(stop)
		workers.Wait()
	}
}
