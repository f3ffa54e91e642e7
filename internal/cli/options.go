package cli

import (
	"fmt"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"glomers/internal/nemesis"
	"glomers/internal/network"
	"glomers/internal/runner"
	"glomers/internal/store"
	"glomers/internal/wasm"
	"glomers/internal/workload"
)

// testFlags are the options of Maelstrom's test command, with its names and
// defaults, and a few of our own.
type testFlags struct {
	workload          string
	bin               string
	availability      string
	consistencyModels string
	keyCount          int
	latency           int
	latencyDist       string
	logNetSend        bool
	logNetRecv        bool
	logStderr         bool
	maxTxnLength      int
	maxWritesPerKey   int
	nodeCount         int
	nemesis           string
	nemesisInterval   float64
	rate              float64
	topology          string

	node        []string
	nodes       string
	nodesFile   string
	concurrency string
	loggingJSON bool
	leaveDB     bool
	testCount   int
	timeLimit   int

	engine     string
	wasm       string
	cpuCost    time.Duration
	nodeMemory int

	seed     string
	store    string
	recovery float64
	race     bool
	strict   bool
	hard     bool
	json     bool
}

// shaping are the options that make a run another test than the challenge's.
// The others only say what to run and how to report it.
var shaping = []string{
	"availability", "consistency-models", "key-count", "latency", "latency-dist", "max-txn-length", "max-writes-per-key",
	"node-count", "nemesis", "nemesis-interval", "rate", "topology", "node", "nodes", "nodes-file", "concurrency", "time-limit", "recovery", "cpu-cost", "node-memory", "hard",
}

// register adds the options that every test takes.
func (f *testFlags) register(flags *pflag.FlagSet) {
	flags.StringVar(&f.bin, "bin", "", "path of an executable that runs a node")
	flags.StringVar(&f.availability, "availability", "", "the fraction of client requests that must succeed: a number from 0 to 1, or total")
	flags.StringVar(&f.consistencyModels, "consistency-models", "strict-serializable", "consistency models to check, separated by commas")
	flags.IntVar(&f.keyCount, "key-count", 0, "for the transactional tests, how many keys to test at once (default 10)")
	flags.IntVar(&f.latency, "latency", 0, "mean latency between servers, in `ms`")
	flags.StringVar(&f.latencyDist, "latency-dist", "constant", "distribution of the latency: constant, uniform or exponential")
	flags.BoolVar(&f.logNetSend, "log-net-send", false, "log messages as they are sent")
	flags.BoolVar(&f.logNetRecv, "log-net-recv", false, "log messages as they are received")
	flags.BoolVar(&f.logStderr, "log-stderr", false, "show what nodes print on stderr")
	flags.IntVar(&f.maxTxnLength, "max-txn-length", 4, "the most operations of a transaction")
	flags.IntVar(&f.maxWritesPerKey, "max-writes-per-key", 16, "how many times a key is written")
	flags.IntVar(&f.nodeCount, "node-count", 0, "how many nodes to run; overrides --nodes")
	flags.StringVar(&f.nemesis, "nemesis", "", "faults to inject, separated by commas: "+strings.Join(nemesis.Faults, ", "))
	flags.Float64Var(&f.nemesisInterval, "nemesis-interval", 10, "`seconds` between the operations of the nemesis, on average")
	flags.Float64Var(&f.rate, "rate", 5, "requests a second, about")
	flags.StringVar(&f.topology, "topology", "grid", "topology to offer to nodes: "+strings.Join(workload.Topologies, ", "))

	flags.StringArrayVarP(&f.node, "node", "n", nil, "id of a node; may be given several times")
	flags.StringVar(&f.nodes, "nodes", "", "ids of nodes, separated by commas")
	flags.StringVar(&f.nodesFile, "nodes-file", "", "file with ids of nodes, one a line")
	flags.StringVar(&f.concurrency, "concurrency", "1n", "how many workers: a number, with n after it to multiply it by the number of nodes")
	flags.BoolVar(&f.loggingJSON, "logging-json", false, "write the run log as JSON")
	flags.BoolVar(&f.leaveDB, "leave-db-running", false, "accepted and ignored: nodes cannot outlive their stdin")
	flags.IntVar(&f.testCount, "test-count", 1, "how many times to run the test")
	flags.IntVar(&f.timeLimit, "time-limit", 60, "how long the test lasts, in `seconds`, without setup and teardown")

	// Jepsen's options for logging in to remote machines. Maelstrom takes and
	// ignores them, since all nodes run here.
	for _, name := range []string{"username", "password", "ssh-private-key"} {
		flags.String(name, "", "accepted and ignored: nodes run on this machine")
		flags.MarkHidden(name)
	}
	for _, name := range []string{"no-ssh", "strict-host-key-checking"} {
		flags.Bool(name, false, "accepted and ignored: nodes run on this machine")
		flags.MarkHidden(name)
	}

	flags.StringVar(&f.engine, "engine", "", "what hosts the nodes: sim, process, or maelstrom for the real Maelstrom (default: sim for Go packages, process for executables)")
	flags.StringVar(&f.wasm, "wasm", "", "path of a WebAssembly module for wasip1 that is a node, in whatever language")
	flags.DurationVar(&f.cpuCost, "cpu-cost", defaultCPUCost, "sim: virtual time that a node needs for each message")
	flags.IntVar(&f.nodeMemory, "node-memory", wasm.DefaultMemory>>20, "sim: the most memory of a node, in `MiB`")
	flags.StringVar(&f.seed, "seed", "", "seed of all random choices (default: a new one)")
	flags.StringVar(&f.store, "store", "store", "`directory` that runs are kept in")
	flags.Float64Var(&f.recovery, "recovery", 10, "`seconds` between healing the network and the final operations")
	flags.BoolVar(&f.strict, "strict", false, "look for errors that the official checks cannot see, too; they fail the test")
	flags.BoolVar(&f.race, "race", false, "build the Go package with the race detector; a data race fails the test")
	flags.BoolVar(&f.json, "json", false, "print the results as JSON")
}

// registerHard adds the option that only stages have.
func (f *testFlags) registerHard(flags *pflag.FlagSet) {
	flags.BoolVar(&f.hard, "hard", false, "the stage's hard mode: more faults, and strict checks")
}

// nodeIDs returns the ids of the nodes, by Jepsen's rules.
func (f *testFlags) nodeIDs(set func(string) bool) ([]string, error) {
	if set("node-count") {
		if f.nodeCount < 1 {
			return nil, fmt.Errorf("--node-count is %d, expected at least 1", f.nodeCount)
		}
		ids := make([]string, f.nodeCount)
		for i := range ids {
			ids[i] = fmt.Sprintf("n%d", i)
		}
		return ids, nil
	}
	var ids []string
	if f.nodesFile != "" {
		text, err := os.ReadFile(f.nodesFile)
		if err != nil {
			return nil, fmt.Errorf("read --nodes-file: %w", err)
		}
		ids = append(ids, strings.Fields(string(text))...)
	}
	for _, id := range strings.Split(f.nodes, ",") {
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	ids = append(ids, f.node...)
	if len(ids) == 0 {
		ids = []string{"n1", "n2", "n3", "n4", "n5"}
	}
	seen := map[string]bool{}
	for _, id := range ids {
		switch {
		case seen[id]:
			return nil, fmt.Errorf("the node id %q is given twice", id)
		case strings.HasPrefix(id, "c"):
			return nil, fmt.Errorf("the node id %q begins with c, which is how clients are told from nodes; choose another", id)
		case slices.Contains([]string{"lin-kv", "seq-kv", "lww-kv", "lin-tso"}, id), strings.ContainsAny(id, `/\`):
			return nil, fmt.Errorf("the node id %q cannot be used: it is the name of a service or not the name of a file", id)
		}
		seen[id] = true
	}
	return ids, nil
}

var concurrencyForm = regexp.MustCompile(`^(\d+)(n?)$`)

func parseConcurrency(s string, nodes int) (int, error) {
	m := concurrencyForm.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("--concurrency is %q, expected a number, optionally followed by n (as 2n) to multiply it by the number of nodes", s)
	}
	n, err := strconv.Atoi(m[1])
	if err != nil || n > 10_000 {
		return 0, fmt.Errorf("--concurrency is %q, expected at most 10000", s)
	}
	if m[2] == "n" {
		n *= nodes
	}
	if n < 1 {
		return 0, fmt.Errorf("--concurrency is %q, expected at least one worker", s)
	}
	return n, nil
}

// parseAvailability returns nil for no expectation.
func parseAvailability(s string) (*float64, error) {
	if s == "" {
		return nil, nil
	}
	least := 1.0
	if s != "total" {
		var err error
		if least, err = strconv.ParseFloat(s, 64); err != nil || least < 0 || least > 1 {
			return nil, fmt.Errorf("--availability is %q, expected total or a number between 0 and 1", s)
		}
	}
	return &least, nil
}

func splitList(s string) []string {
	var out []string
	for _, part := range strings.Split(s, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// test checks the options and returns what they describe.
func (f *testFlags) test(set func(string) bool) (store.Test, error) {
	t := store.Test{
		Workload: f.workload, Rate: f.rate, TimeLimit: float64(f.timeLimit),
		LatencyMS: float64(f.latency), LatencyDist: f.latencyDist, NemesisInterval: f.nemesisInterval,
		Topology: f.topology, KeyCount: f.keyCount, MaxTxnLength: f.maxTxnLength, MaxWritesPerKey: f.maxWritesPerKey,
		Recovery: f.recovery, Strict: f.strict,
	}
	var err error
	if t.Nodes, err = f.nodeIDs(set); err != nil {
		return t, err
	}
	if t.Concurrency, err = parseConcurrency(f.concurrency, len(t.Nodes)); err != nil {
		return t, err
	}
	if t.Availability, err = parseAvailability(f.availability); err != nil {
		return t, err
	}
	if t.ConsistencyModels, err = parseModels(f.consistencyModels); err != nil {
		return t, err
	}
	for _, fault := range splitList(f.nemesis) {
		if !slices.Contains(nemesis.Faults, fault) {
			return t, fmt.Errorf("--nemesis has the fault %q, expected one of %s", fault, strings.Join(nemesis.Faults, ", "))
		}
		t.Nemesis = append(t.Nemesis, fault)
	}
	for _, check := range []struct {
		bad  bool
		flag string
		want string
		have any
	}{
		{f.timeLimit < 1, "time-limit", "at least 1 second", f.timeLimit},
		{f.rate < 0, "rate", "0 or more", f.rate},
		{f.nemesisInterval <= 0, "nemesis-interval", "more than 0 seconds", f.nemesisInterval},
		{f.keyCount < 0 || set("key-count") && f.keyCount == 0, "key-count", "at least 1", f.keyCount},
		{f.maxTxnLength < 1, "max-txn-length", "at least 1", f.maxTxnLength},
		{f.maxWritesPerKey < 1, "max-writes-per-key", "at least 1", f.maxWritesPerKey},
		{f.testCount < 1, "test-count", "at least 1", f.testCount},
		{f.recovery < 0, "recovery", "0 seconds or more", f.recovery},
		{!slices.Contains(workload.Topologies, f.topology), "topology", "one of " + strings.Join(workload.Topologies, ", "), f.topology},
		{f.cpuCost < 0, "cpu-cost", "0 or more, such as 50µs", f.cpuCost},
		{f.nodeMemory < 16 || f.nodeMemory > 4095, "node-memory", "16 to 4095 MiB", f.nodeMemory},
		{f.engine != "" && !slices.Contains(engines, f.engine), "engine", "one of " + strings.Join(engines, ", "), f.engine},
	} {
		if check.bad {
			return t, fmt.Errorf("--%s is %v, expected %s", check.flag, check.have, check.want)
		}
	}
	if !slices.Contains(workload.Names(), f.workload) {
		return t, fmt.Errorf("--workload is %q, expected one of %s", f.workload, strings.Join(workload.Names(), ", "))
	}
	if t.Seed, err = f.parseSeed(); err != nil {
		return t, err
	}
	return t, config(t, f).Validate()
}

func (f *testFlags) parseSeed() (uint64, error) {
	if f.seed == "" {
		return rand.Uint64N(1_000_000_000), nil // short enough to type
	}
	seed, err := strconv.ParseUint(f.seed, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("--seed is %q, expected a whole number from 0", f.seed)
	}
	return seed, nil
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// config is the test as the runner wants it.
func config(t store.Test, f *testFlags) runner.Config {
	latency := time.Duration(t.LatencyMS * float64(time.Millisecond))
	return runner.Config{
		Workload: t.Workload,
		Options: workload.Options{
			Nodes: t.Nodes, Concurrency: t.Concurrency, Topology: t.Topology, KeyCount: t.KeyCount,
			MaxTxnLength: t.MaxTxnLength, MaxWritesPerKey: t.MaxWritesPerKey, MeanLatency: latency, Strict: t.Strict,
		},
		Pace:            workload.Pace{Rate: t.Rate, TimeLimit: seconds(t.TimeLimit)},
		Latency:         network.Latency{Mean: latency, Dist: network.Dist(t.LatencyDist)},
		Faults:          t.Nemesis,
		NemesisInterval: seconds(t.NemesisInterval),
		Recovery:        seconds(t.Recovery),
		InitSpread:      runner.DefaultInitSpread,
		Seed:            t.Seed,
		LogSend:         f.logNetSend,
		LogRecv:         f.logNetRecv,
	}
}

// applyDefaults sets options as if they had been typed, unless the user typed
// others.
func applyDefaults(cmd *cobra.Command, words []string) error {
	defaults := pflag.NewFlagSet("defaults", pflag.ContinueOnError)
	new(testFlags).register(defaults)
	if err := defaults.Parse(words); err != nil {
		return err
	}
	var err error
	defaults.Visit(func(d *pflag.Flag) {
		if flag := cmd.Flags().Lookup(d.Name); !flag.Changed && err == nil {
			err = flag.Value.Set(d.Value.String())
		}
	})
	return err
}
