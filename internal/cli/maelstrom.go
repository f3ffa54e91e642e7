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

	"glomers/checkers/edn"
	"glomers/checkers/journal"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/internal/verdict"
	"glomers/stages"
)

// realMaelstrom finds the executable of the real Maelstrom, which is not this
// command under that name.
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
func (a *app) runMaelstrom(ctx context.Context, o output, t *spec.Test, bin string, stage *stages.Stage) (*verdict.Verdict, error) {
	path, err := realMaelstrom()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(o.store, "maelstrom") // it makes a store of its own there
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	args := maelstromArgs(t, o, bin)
	a.err.printf("%s\n%s %s\n", a.err.bold(title(t, stage)), path, strings.Join(args, " "))
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = terminalWriter{a.err}, terminalWriter{a.err}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	runErr := cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return nil, errors.New("interrupted")
	case errors.As(runErr, &exit) && exit.ExitCode() > 2:
		return nil, fmt.Errorf("%s ended with status %d", path, exit.ExitCode())
	case runErr != nil && !errors.As(runErr, &exit):
		return nil, fmt.Errorf("run %s: %w", path, runErr)
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
		r.notes = append(r.notes, fmt.Sprintf("Maelstrom's own verdict is :valid? %s, ours is %s: one of the two is wrong", edn.String(valid), v.Results.Valid))
	}
	a.print(r, o.json)
	return v, nil
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
	for name, on := range map[string]bool{"--log-stderr": o.logStderr, "--log-net-send": o.logNetSend, "--log-net-recv": o.logNetRecv} {
		if on {
			args = append(args, name)
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

// netOf takes the message counts from Maelstrom's results: its journal is in a
// format of its own.
func netOf(results edn.Map) *journal.Stats {
	v, _ := results.Get(edn.Keyword("net"))
	net, ok := v.(edn.Map)
	if !ok {
		return nil
	}
	traffic := func(group string) (t journal.Traffic) {
		v, _ := net.Get(edn.Keyword(group))
		counts, _ := v.(edn.Map)
		for name, field := range map[string]*int64{"send-count": &t.SendCount, "recv-count": &t.RecvCount, "msg-count": &t.MsgCount} {
			v, _ := counts.Get(edn.Keyword(name))
			*field, _ = v.(int64)
		}
		return t
	}
	return &journal.Stats{All: traffic("all"), Clients: traffic("clients"), Servers: traffic("servers")}
}
