package cli

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"glomers/checkers/journal"
	"glomers/internal/nemesis"
	"glomers/internal/sim/wasm"
	"glomers/internal/spec"
	"glomers/internal/verdict"
	"glomers/internal/workload"
)

// testFlags are the flags of a test. Most of them are fields of the description of
// the test; the others say what to build, or how to report.
type testFlags struct {
	spec.Test

	// Flags that the description of the test has in another form.
	nodeCount   int
	node        []string
	nodes       string
	nodesFile   string
	concurrency string
	seeded      bool // --seed was given

	bin, wasm string
	testCount int
	leaveDB   bool

	output
}

// output says where a run is kept and what is printed about it.
type output struct {
	store       string
	json        bool
	logNetSend  bool
	logNetRecv  bool
	logStderr   bool
	loggingJSON bool
}

// flagTraits are what commands need to know of a flag besides its value.
type flagTraits uint

const (
	shapes   flagTraits = 1 << iota // it changes the test, which is then no longer the challenge's
	ours                            // the real Maelstrom has no such option, so that --engine maelstrom refuses it
	noTraits flagTraits = 0
)

// flagTable lists the flags of tests under the headings and in the order of --help.
var flagTable = []struct {
	heading string
	flags   []listedFlag
}{
	{"What is tested", []listedFlag{
		{"workload", noTraits}, {"bin", noTraits}, {"wasm", noTraits}, {"engine", noTraits}, {"race", noTraits},
		{"cpu-cost", shapes | ours}, {"yields", shapes | ours}, {"node-memory", shapes | ours},
	}},
	{"Nodes and load", []listedFlag{
		{"node-count", shapes}, {"node", shapes}, {"nodes", shapes}, {"nodes-file", shapes}, {"concurrency", shapes},
		{"rate", shapes}, {"time-limit", shapes}, {"recovery", shapes | ours}, {"topology", shapes},
		{"key-count", shapes}, {"max-txn-length", shapes}, {"max-writes-per-key", shapes},
	}},
	{"Network and faults", []listedFlag{
		{"latency", shapes}, {"latency-dist", shapes}, {"nemesis", shapes}, {"nemesis-interval", shapes}, {"hard", shapes},
	}},
	{"Verdict", []listedFlag{{"availability", shapes}, {"consistency-models", shapes}, {"strict", noTraits}}},
	{"Runs", []listedFlag{
		{"seed", ours}, {"seeds", noTraits}, {"shard", noTraits}, {"merge", noTraits}, {"vary", noTraits}, {"jobs", noTraits},
		{"tries", noTraits}, {"test-count", noTraits}, {"store", noTraits},
	}},
	{"Output", []listedFlag{
		{"json", noTraits}, {"log-stderr", noTraits}, {"log-net-send", noTraits}, {"log-net-recv", noTraits}, {"logging-json", noTraits},
	}},
}

type listedFlag struct {
	name   string
	traits flagTraits
}

// flagsWith returns the names of the flags that have a trait.
func flagsWith(trait flagTraits) []string {
	var names []string
	for _, group := range flagTable {
		for _, f := range group.flags {
			if f.traits&trait != 0 {
				names = append(names, f.name)
			}
		}
	}
	return names
}

// defaultCPUCost is about how much CPU time a small Go node needs for a message on a
// common machine, including the system's share.
const defaultCPUCost = 50 * time.Microsecond

// defaultStore is where runs are kept.
const defaultStore = "store"

// register adds the flags that describe a test: Maelstrom's, with its names and
// defaults, and a few of our own.
func (f *testFlags) register(flags *pflag.FlagSet) {
	flags.IntVar(&f.nodeCount, "node-count", 0, "how many nodes to run; overrides --nodes")
	flags.StringArrayVarP(&f.node, "node", "n", nil, "`id` of a node; may be given several times")
	flags.StringVar(&f.nodes, "nodes", "", "`ids` of nodes, separated by commas")
	flags.StringVar(&f.nodesFile, "nodes-file", "", "`file` with ids of nodes, one a line")

	flags.StringVar(&f.concurrency, "concurrency", "1n", "how many workers: a `number`, with n after it to multiply it by the number of nodes")
	flags.Float64Var(&f.Rate, "rate", 5, "requests a second, about")
	wholeVar(flags, &f.TimeLimit, "time-limit", 60, "how long the test lasts, in `seconds`, without setup and teardown")
	flags.Float64Var(&f.Recovery, "recovery", 10, "`seconds` between healing the network and the final operations")
	choiceVar(flags, &f.Topology, "topology", "", "grid", workload.Topologies, "topology to offer to nodes: "+strings.Join(workload.Topologies, ", "))
	flags.IntVar(&f.KeyCount, "key-count", 0, "for the transactional tests, how many keys to test at once (default 10)")
	flags.IntVar(&f.MaxTxnLength, "max-txn-length", 4, "the most operations of a transaction")
	flags.IntVar(&f.MaxWritesPerKey, "max-writes-per-key", 16, "how many times a key is written")

	wholeVar(flags, &f.LatencyMS, "latency", 0, "mean latency between servers, in `ms`")
	choiceVar(flags, &f.LatencyDist, "latency-dist", "", "constant", []string{"constant", "uniform", "exponential"}, "distribution of the latency: constant, uniform or exponential")
	choicesVar(flags, &f.Nemesis, "nemesis", nemesis.Names(), "faults to inject, separated by commas: "+strings.Join(nemesis.Names(), ", "))
	flags.Float64Var(&f.NemesisInterval, "nemesis-interval", 10, "`seconds` between the operations of the nemesis, on average")

	availabilityVar(flags, &f.Availability, "the `fraction` of client requests that must succeed: a number from 0 to 1, or total")
	modelsVar(flags, &f.ConsistencyModels, "strict-serializable", "consistency `models` to check, separated by commas")
	flags.BoolVar(&f.Strict, "strict", false, "look for errors that the official checks cannot see, too; they fail the test")

	flags.StringVar(&f.bin, "bin", "", "`path` of an executable that runs a node")
	flags.StringVar(&f.wasm, "wasm", "", "`path` of a WebAssembly module for wasip1 that is a node, in whatever language")
	choiceVar(flags, &f.Engine, "engine", "", "", engines, "what hosts the nodes: native or wasm for virtual time, sim for native where it is available and wasm elsewhere, process for real time, or maelstrom for the real Maelstrom (default: sim for Go packages, process for executables)")
	flags.DurationVar((*time.Duration)(&f.CPUCost), "cpu-cost", defaultCPUCost, "sim: virtual time that a node needs for each message")
	flags.Float64Var(&f.Yields, "yields", 0, "native: `probability` with which a goroutine gives way at locks, channels and stdout, and with which a message is read together with the one before (with --race: 0.1)")
	flags.IntVar(&f.NodeMemory, "node-memory", wasm.DefaultMemory>>20, "sim: the most memory of a node, in `MiB`")
	flags.BoolVar(&f.Race, "race", false, "build the Go package with the race detector; a data race fails the test")
	seedVar(flags, &f.Seed, &f.seeded, "`number` that all random choices follow from (default: a new one)")
}

// registerRun adds the flags of commands that keep what they run.
func (f *testFlags) registerRun(flags *pflag.FlagSet) {
	f.output.register(flags)
	flags.BoolVar(&f.logNetSend, "log-net-send", false, "log messages as they are sent")
	flags.BoolVar(&f.logNetRecv, "log-net-recv", false, "log messages as they are received")
	flags.BoolVar(&f.logStderr, "log-stderr", false, "show what nodes print on stderr")
	flags.BoolVar(&f.loggingJSON, "logging-json", false, "write the run log as JSON")
	flags.IntVar(&f.testCount, "test-count", 1, "how many times to run the test, with one seed after the other")
	flags.BoolVar(&f.leaveDB, "leave-db-running", false, "accepted and ignored: nodes cannot outlive their stdin")

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
}

func (o *output) register(flags *pflag.FlagSet) {
	flags.StringVar(&o.store, "store", defaultStore, "`directory` that runs are kept in")
	flags.BoolVar(&o.json, "json", false, "print the results as JSON")
}

// registerHard adds the flag that only stages have.
func (f *testFlags) registerHard(flags *pflag.FlagSet) {
	flags.BoolVar(&f.Hard, "hard", false, "the stage's hard mode: more faults, and strict checks")
}

// resolve returns the description of the test, complete and validated. set reports
// whether a flag was used.
func (f *testFlags) resolve(set func(string) bool) (spec.Test, error) {
	t := f.Test
	var err error
	if t.Nodes, err = f.nodeIDs(set); err != nil {
		return t, err
	}
	if t.Concurrency, err = parseConcurrency(f.concurrency, len(t.Nodes)); err != nil {
		return t, err
	}
	switch { // where 0 in the description means that the option does not apply
	case set("key-count") && f.KeyCount == 0:
		return t, &spec.BoundError{Option: "key-count", Value: 0, Want: "at least 1"}
	case set("node-memory") && f.NodeMemory == 0:
		return t, &spec.BoundError{Option: "node-memory", Value: 0, Want: "at least 16 MiB"}
	}
	return t, verdict.Validate(&t)
}

// nodeIDs returns the ids of the nodes, by Jepsen's rules.
func (f *testFlags) nodeIDs(set func(string) bool) ([]string, error) {
	if set("node-count") {
		if f.nodeCount < 1 || f.nodeCount > maxNodes {
			return nil, fmt.Errorf("--node-count is %d, expected 1 to %d nodes", f.nodeCount, maxNodes)
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
	ids = append(append(ids, splitList(f.nodes)...), f.node...)
	switch {
	case len(ids) > 0:
	case f.nodes != "":
		return nil, fmt.Errorf("--nodes is %q, expected ids separated by commas", f.nodes)
	case f.nodesFile != "":
		return nil, fmt.Errorf("--nodes-file is %s, which has no ids; expected one a line", f.nodesFile)
	default:
		ids = []string{"n1", "n2", "n3", "n4", "n5"}
	}
	seen := map[string]bool{}
	for _, id := range ids {
		switch {
		case seen[id]:
			return nil, fmt.Errorf("the node id %q is given twice", id)
		case strings.HasPrefix(id, "c"):
			return nil, fmt.Errorf("the node id %q begins with c, which is how clients are told from nodes; choose another", id)
		case journal.IsService(id), strings.ContainsAny(id, `/\`):
			return nil, fmt.Errorf("the node id %q cannot be used: it is the name of a service or not the name of a file", id)
		}
		seen[id] = true
	}
	return ids, nil
}

// applyDefaults sets flags as if they had been typed, unless the user typed others.
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
