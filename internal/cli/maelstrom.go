package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/journal"
	"glomers/internal/recorded"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/internal/verdict"
	"glomers/stages"
)

// realMaelstrom finds the executable of the real Maelstrom. A file of that name which is
// this command itself does not count.
func realMaelstrom() (string, error) {
	const install = "install it from https://github.com/jepsen-io/maelstrom (it needs a JVM) and put its directory on PATH or its path into $MAELSTROM"
	if path := os.Getenv("MAELSTROM"); path != "" {
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("$MAELSTROM is %q, which cannot be run: %w; %s", path, err, install)
		}
		return filepath.Abs(found)
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	for _, dir := range filepath.SplitList(os.Getenv("PATH")) {
		path, err := exec.LookPath(filepath.Join(dir, "maelstrom"))
		if err != nil || sameFile(path, self) {
			continue
		}
		return filepath.Abs(path)
	}
	return "", errors.New("--engine maelstrom needs the real Maelstrom, which is not on PATH; " + install)
}

func sameFile(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

// runMaelstrom runs a test on the real Maelstrom and checks its store again with
// our checkers.
func (a *app) runMaelstrom(ctx context.Context, o output, t *spec.Test, bin string, stage *stages.Stage, tally *attempt) (*verdict.Verdict, error) {
	path, err := realMaelstrom()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(o.store, "maelstrom") // Maelstrom makes its own store there
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	args := maelstromArgs(t, o, bin)
	a.err.printf("%s\n%s %s\n", a.err.bold(recorded.Title(t, stage)), path, strings.Join(args, " "))
	if err := a.runForeign(ctx, exec.CommandContext(ctx, path, args...), dir, *t); err != nil {
		return nil, err
	}

	runDir, err := filepath.EvalSymlinks(filepath.Join(dir, "store", "latest"))
	if err != nil {
		return nil, fmt.Errorf("%s left no run behind: %w", path, err)
	}
	theirs, err := readResults(filepath.Join(runDir, store.ResultsEDN))
	if err != nil {
		return nil, fmt.Errorf("read Maelstrom's own results: %w", err)
	}
	h, err := store.ReadHistory(filepath.Join(runDir, store.HistoryEDN), nil)
	if err != nil {
		return nil, err
	}
	v, err := verdict.Judge(verdict.Records{History: h, Traffic: verdict.TrafficOf(netOf(theirs))}, verdict.Ask(t, stage))
	if err != nil {
		return nil, err
	}
	r := &report{Verdict: v, dir: runDir, test: t, stage: stage}
	valid, _ := theirs.Get(edn.Keyword("valid?"))
	if !edn.Equal(valid, v.Results.Valid.MarshalEDN()) {
		r.warnings = append(r.warnings, fmt.Sprintf("Maelstrom's own verdict is :valid? %s, ours is %s: one of the two is wrong", edn.String(valid), v.Results.Valid))
	}
	if tally != nil {
		if r.standing, err = tally.add(t, v, runDir); err != nil {
			return nil, err
		}
	}
	a.print(r, o.json)
	return v, nil
}

// runForeign runs the real Maelstrom in dir. Its output, some fifty thousand lines of log,
// goes to a file.
func (a *app) runForeign(ctx context.Context, cmd *exec.Cmd, dir string, t spec.Test) error {
	log := filepath.Join(dir, "output.log")
	out, err := os.Create(log)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	a.err.printf("running Maelstrom (%v, then its analysis); what it prints goes to %s\n", time.Duration(t.TimeLimit*float64(time.Second)), log)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	err = a.waitWithClock(done)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted; what Maelstrom printed is in %s", log)
	case errors.As(err, &exit) && exit.ExitCode() > 2:
		return fmt.Errorf("%s ended with status %d; the end of what it printed, which is in %s:\n%s", cmd.Path, exit.ExitCode(), log, indent(lastLines(log, 10)))
	case err != nil && !errors.As(err, &exit):
		return fmt.Errorf("run %s: %w", cmd.Path, err)
	}
	return nil
}

// waitWithClock waits for a result, on a terminal with a display of the elapsed time.
func (a *app) waitWithClock(done <-chan error) error {
	bar := newProgress(a.err)
	defer bar.finish()
	start := time.Now()
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-ticks.C:
			bar.clock("Maelstrom", time.Since(start))
		}
	}
}

// lastLines returns the last lines of a file.
func lastLines(path string, n int) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// refuseForMaelstrom returns an error for an option that the real Maelstrom does not have:
// ignoring it would run another test than the user asked for.
func refuseForMaelstrom(changed func(string) bool) error {
	for _, name := range flagsWith(ours) {
		if changed(name) {
			return fmt.Errorf("--%s cannot be used with --engine maelstrom: the real Maelstrom has no such option", name)
		}
	}
	return nil
}

// maelstromArgs are the arguments of the real Maelstrom for a test.
func maelstromArgs(t *spec.Test, o output, bin string) []string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	args := []string{"test", "-w", t.Workload, "--bin", bin,
		"--nodes", strings.Join(t.Nodes, ","), "--concurrency", strconv.Itoa(t.Concurrency),
		"--rate", number(t.Rate), "--time-limit", number(t.TimeLimit),
		"--latency", number(t.LatencyMS), "--latency-dist", t.LatencyDist,
		"--nemesis-interval", number(t.NemesisInterval), "--topology", t.Topology,
		"--max-txn-length", strconv.Itoa(t.MaxTxnLength), "--max-writes-per-key", strconv.Itoa(t.MaxWritesPerKey),
		"--consistency-models", strings.Join(t.ConsistencyModels, " , "), // its separator has spaces
	}
	if len(t.Nemesis) > 0 {
		args = append(args, "--nemesis", strings.Join(t.Nemesis, ","))
	}
	if t.KeyCount > 0 {
		args = append(args, "--key-count", strconv.Itoa(t.KeyCount))
	}
	if t.Availability != nil {
		least := "total"
		if *t.Availability < 1 {
			least = number(*t.Availability)
		}
		args = append(args, "--availability", least)
	}
	for _, flag := range []struct {
		name string
		on   bool
	}{{"--log-stderr", o.logStderr}, {"--log-net-send", o.logNetSend}, {"--log-net-recv", o.logNetRecv}} {
		if flag.on {
			args = append(args, flag.name)
		}
	}
	if len(t.Args) > 0 {
		args = append(append(args, "--"), t.Args...)
	}
	return args
}

func readResults(path string) (edn.Map, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	v, err := edn.NewDecoder(bytes.NewReader(text)).Decode()
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	m, ok := v.(edn.Map)
	if !ok {
		return nil, fmt.Errorf("%s: expected a map", path)
	}
	return m, nil
}

// netOf takes the network statistics from Maelstrom's results, which saves reading its
// journal.
func netOf(results edn.Map) *journal.Stats {
	v, _ := results.Get(edn.Keyword("net"))
	net, ok := v.(edn.Map)
	if !ok {
		return nil
	}
	traffic := func(group string) journal.Traffic {
		v, _ := net.Get(edn.Keyword(group))
		counts, _ := v.(edn.Map)
		number := func(name string) int64 {
			v, _ := counts.Get(edn.Keyword(name))
			n, _ := v.(int64)
			return n
		}
		return journal.Traffic{SendCount: number("send-count"), RecvCount: number("recv-count"), MsgCount: number("msg-count")}
	}
	return &journal.Stats{All: traffic("all"), Clients: traffic("clients"), Servers: traffic("servers")}
}
