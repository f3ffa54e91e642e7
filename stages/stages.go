// Package stages is the workbook: the catalogue of the fourteen stages of the
// Gossip Glomers challenges (https://fly.io/dist-sys/), with the texts and
// starters that learners get.
package stages

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"
	"time"

	"glomers/checkers"
)

// Stage is one challenge.
type Stage struct {
	ID       string // as people type it: 3d
	Dir      string // below stages: 3d-broadcast
	Title    string
	Goal     string // one sentence
	Workload string
	Flags    []string   // the challenge's own, for the first run
	Again    [][]string // further runs: flags that are added to those of the first
	Criteria []Criterion
	Hint     string // where to look when it fails
	Hard     Hard
}

// Hard is the hard mode of a stage: a run with more faults than the challenge has,
// under strict checks. The limits of the stage do not apply.
type Hard struct {
	Flags []string // in place of those of the same name
	Why   string   // why a good solution survives
}

// Criterion is a limit on a figure of the results. The challenge states it, and
// Maelstrom does not enforce it.
type Criterion struct {
	Title string
	Unit  string // "ms", or empty for a plain number
	Limit float64
	figure
}

type figure func(*checkers.Results) (float64, bool)

// Measure returns the figure that the criterion limits, false if the results do
// not have it.
func (c Criterion) Measure(r *checkers.Results) (float64, bool) { return c.figure(r) }

// Met reports whether the results keep the limit.
func (c Criterion) Met(r *checkers.Results) bool {
	v, ok := c.Measure(r)
	return ok && v < c.Limit
}

func (c Criterion) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s < %g %s", c.Title, c.Limit, c.Unit))
}

func msgsPerOp(limit float64) Criterion {
	return Criterion{"messages per operation", "", limit, func(r *checkers.Results) (float64, bool) {
		if r.Net == nil || r.Net.Servers.MsgsPerOp == nil {
			return 0, false
		}
		return float64(*r.Net.Servers.MsgsPerOp), true
	}}
}

func stableLatency(title string, of func(*checkers.Quantiles) time.Duration, limitMS float64) Criterion {
	return Criterion{title, "ms", limitMS, func(r *checkers.Results) (float64, bool) {
		set, ok := r.Workload.(*checkers.SetFullResult)
		if !ok || set.StableLatencies == nil {
			return 0, false
		}
		return float64(of(set.StableLatencies)) / float64(time.Millisecond), true
	}}
}

func broadcastLimits(msgs, medianMS, maxMS float64) []Criterion {
	return []Criterion{
		msgsPerOp(msgs),
		stableLatency("median stable latency", func(q *checkers.Quantiles) time.Duration { return q.Median }, medianMS),
		stableLatency("maximum stable latency", func(q *checkers.Quantiles) time.Duration { return q.Max }, maxMS),
	}
}

func flags(s string) []string { return strings.Fields(s) }

var catalogue = []Stage{
	{
		ID: "1", Dir: "1-echo", Title: "Echo", Workload: "echo",
		Goal:  "Answer every echo message with the text it carries.",
		Flags: flags("--node-count 1 --time-limit 10"),
		Hint:  "The answer has the type echo_ok and the same field echo as the request.",
		Hard:  Hard{flags("--nemesis pause --nemesis-interval 2 --rate 50"), "A node that stands still for some seconds answers what came meanwhile when it goes on."},
	}, {
		ID: "2", Dir: "2-unique-ids", Title: "Unique ID Generation", Workload: "unique-ids",
		Goal:  "Hand out ids that no two requests ever share, on three nodes that may not be able to talk to each other.",
		Flags: flags("--node-count 3 --time-limit 30 --rate 1000 --availability total --nemesis partition"),
		Hint:  "An id that contains the node's own id needs no agreement with the others.",
		Hard:  Hard{flags("--nemesis partition,kill,clock --nemesis-interval 3 --availability 0.3"), "Ids must not repeat when a node counts from the beginning again, nor when its clock goes back."},
	}, {
		ID: "3a", Dir: "3a-broadcast", Title: "Single-Node Broadcast", Workload: "broadcast",
		Goal:  "Remember every value that is broadcast and return them all on read.",
		Flags: flags("--node-count 1 --time-limit 20 --rate 10"),
		Hint:  "Handlers run concurrently: guard the values with a mutex.",
		Hard:  Hard{flags("--nemesis pause --nemesis-interval 3"), "A node that stands still answers late, or not at all, and loses nothing."},
	}, {
		ID: "3b", Dir: "3b-broadcast", Title: "Multi-Node Broadcast", Workload: "broadcast",
		Goal:  "Spread every value to all five nodes.",
		Flags: flags("--node-count 5 --time-limit 20 --rate 10"),
		Hint:  "Pass on a value only the first time that you see it, or it travels for ever.",
		Hard:  Hard{flags("--nemesis duplicate,reorder,slow --nemesis-interval 3 --rate 50"), "A value that is new is passed on, whenever and however often it arrives."},
	}, {
		ID: "3c", Dir: "3c-broadcast", Title: "Fault-Tolerant Broadcast", Workload: "broadcast",
		Goal:  "Spread every value to all five nodes although the network loses messages between them.",
		Flags: flags("--node-count 5 --time-limit 20 --rate 10 --nemesis partition"),
		Hint:  "Send a value again until its receiver has acknowledged it.",
		Hard:  Hard{flags("--nemesis partition,loss,duplicate,reorder,slow,pause --nemesis-interval 3 --rate 50"), "What is not acknowledged is sent again, and what arrives twice is known already."},
	}, {
		ID: "3d", Dir: "3d-broadcast", Title: "Efficient Broadcast, Part I", Workload: "broadcast",
		Goal:     "Spread values over 25 nodes with few messages and in a short time.",
		Flags:    flags("--node-count 25 --time-limit 20 --rate 100 --latency 100"),
		Criteria: broadcastLimits(30, 400, 600),
		Hint:     "You need not use the topology that you are given: what is the cheapest tree, and how deep is it?",
		Hard:     Hard{flags("--nemesis partition,loss,duplicate,reorder,pause --nemesis-interval 3"), "What is not acknowledged is sent again, and what arrives twice is known already."},
	}, {
		ID: "3e", Dir: "3e-broadcast", Title: "Efficient Broadcast, Part II", Workload: "broadcast",
		Goal:     "Spread values over 25 nodes with even fewer messages, at the price of time.",
		Flags:    flags("--node-count 25 --time-limit 20 --rate 100 --latency 100"),
		Criteria: broadcastLimits(20, 1000, 2000),
		Hint:     "One message can carry many values: collect them for a while.",
		Hard:     Hard{flags("--nemesis partition,loss,duplicate,reorder,pause --nemesis-interval 3"), "What is not acknowledged is sent again, and what arrives twice is known already."},
	}, {
		ID: "4", Dir: "4-counter", Title: "Grow-Only Counter", Workload: "g-counter",
		Goal:  "Count on three nodes with the sequentially consistent store seq-kv as their memory.",
		Flags: flags("--node-count 3 --time-limit 20 --rate 100 --nemesis partition"),
		Hint:  "seq-kv may answer a read from the past. What kind of request can it not answer from the past?",
		Hard:  Hard{flags("--nemesis partition,loss,reorder,slow,pause,kill,clock --nemesis-interval 3"), "The store outlives the nodes. An addition that is written there before it is acknowledged survives, and a node that comes back reads its total before it goes on counting."},
	}, {
		ID: "5a", Dir: "5a-kafka", Title: "Single-Node Kafka-Style Log", Workload: "kafka",
		Goal:  "Keep append-only logs with offsets and committed offsets on one node.",
		Flags: flags("--node-count 1 --concurrency 2n --time-limit 20 --rate 1000"),
		Hint:  "Two sends to one key must not get the same offset, and a poll returns messages without a gap.",
		Hard:  Hard{flags("--nemesis pause --nemesis-interval 3 --rate 200"), "A client gives up on a node that stands still, but its message is in the log all the same, at an offset of its own."},
	}, {
		ID: "5b", Dir: "5b-kafka", Title: "Multi-Node Kafka-Style Log", Workload: "kafka",
		Goal:  "Keep the logs on two nodes with the linearizable store lin-kv as their memory.",
		Flags: flags("--node-count 2 --concurrency 2n --time-limit 20 --rate 1000"),
		Hint:  "Let lin-kv's compare-and-set decide who gets an offset.",
		Hard:  Hard{flags("--nemesis partition,loss,reorder,slow,pause,kill --nemesis-interval 3 --rate 200"), "All that counts is in lin-kv, and only its compare-and-set decides."},
	}, {
		ID: "5c", Dir: "5c-kafka", Title: "Efficient Kafka-Style Log", Workload: "kafka",
		Goal:  "Keep the logs on two nodes with far fewer messages and less delay than in 5b.",
		Flags: flags("--node-count 2 --concurrency 2n --time-limit 20 --rate 1000"),
		Hint:  "If one node owns a key, nobody needs to be asked for its next offset.",
		Hard:  Hard{flags("--nemesis partition,loss,reorder,slow,pause --nemesis-interval 3 --rate 200"), "Only the owner of a key hands out its offsets. A send that cannot reach it waits, and is repeated under a number by which the owner recognizes it."},
	}, {
		ID: "6a", Dir: "6a-txn", Title: "Single-Node, Totally-Available Transactions", Workload: "txn-rw-register",
		Goal:  "Execute transactions of reads and writes on one node.",
		Flags: flags("--node-count 1 --concurrency 2n --time-limit 20 --rate 1000 --consistency-models read-uncommitted --availability total"),
		Hint:  "A read of a key that nobody wrote returns null.",
		Hard:  Hard{flags("--nemesis pause --nemesis-interval 3 --rate 200 --availability 0"), "A transaction is executed at once or not at all."},
	}, {
		ID: "6b", Dir: "6b-txn", Title: "Totally-Available, Read Uncommitted Transactions", Workload: "txn-rw-register",
		Goal:  "Execute transactions on two nodes that stay available when they cannot talk, without dirty writes (G0).",
		Flags: flags("--node-count 2 --concurrency 2n --time-limit 20 --rate 1000 --consistency-models read-uncommitted --availability total"),
		Again: [][]string{flags("--nemesis partition")},
		Hint:  "Answer before the other node knows, and order the writes of all nodes by a timestamp.",
		Hard:  Hard{flags("--nemesis partition,loss,duplicate,reorder,slow --nemesis-interval 3 --rate 200"), "A node answers before others know, repeats what was not acknowledged, and the later timestamp wins wherever it arrives first."},
	}, {
		ID: "6c", Dir: "6c-txn", Title: "Totally-Available, Read Committed Transactions", Workload: "txn-rw-register",
		Goal:  "As 6b, and no transaction sees what another one has not committed (G1a, G1b, G1c).",
		Flags: flags("--node-count 2 --concurrency 2n --time-limit 20 --rate 1000 --consistency-models read-committed --availability total"),
		Again: [][]string{flags("--nemesis partition")},
		Hint:  "Apply a transaction, one's own or another node's, as a whole.",
		Hard:  Hard{flags("--nemesis partition,loss,duplicate,reorder,slow --nemesis-interval 3 --rate 200"), "As in 6b; and a transaction is applied as a whole, whenever it arrives."},
	},
}

// All returns the stages in the order of the challenges.
func All() []Stage { return append([]Stage{}, catalogue...) }

// Find returns the stage of an id such as 3d, or of its directory's name.
func Find(id string) (Stage, error) {
	var ids []string
	for _, s := range catalogue {
		if strings.EqualFold(id, s.ID) || id == s.Dir {
			return s, nil
		}
		ids = append(ids, s.ID)
	}
	return Stage{}, fmt.Errorf("unknown stage %q, expected one of %s", id, strings.Join(ids, ", "))
}

//go:embed */README.md */*.svg */main.go */starter/main.go */alternatives/*/*.go */broken/*/*.go
var files embed.FS

// Files returns the write-ups, their pictures and the programs of the stages, by
// their names below the directory of stages.
func Files() fs.FS { return files }

// Text returns the write-up of the stage, as Markdown.
func (s Stage) Text() (string, error) {
	text, err := fs.ReadFile(files, path.Join(s.Dir, "README.md"))
	return string(text), err
}

// Starter returns the Go source that a learner begins with.
func (s Stage) Starter() ([]byte, error) {
	return fs.ReadFile(files, path.Join(s.Dir, "starter", "main.go"))
}
