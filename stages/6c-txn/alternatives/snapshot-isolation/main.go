// Snapshot isolation: transactions read a snapshot, and of two that write the same
// key the first to commit wins. The first node is the leader, which numbers the
// commits. Every node keeps a copy of the database as of some commit, its snapshot.
// A transaction executes on it, under a lock; if it wrote something, the writes go to
// the leader together with the snapshot's number.
//
// The leader refuses writes to a key that was committed to after the snapshot; the
// node then gets the newer commits and executes the transaction again, which it may,
// because the client has not seen anything of it. So no update is lost, and all reads
// of a transaction come from one moment. What remains is write skew: two transactions
// that each read what the other one writes may both commit.
//
// What it costs: two messages for each attempt of a transaction that writes at a node
// other than the leader, and a batch of commits with its answer every 20 ms: 0.75 +
// 0.1 messages an operation. Transactions that only read cost nothing and always
// succeed, on a snapshot that may be old. Those that write fail on nodes that cannot
// reach the leader: someone must decide who was first, so availability is lost, as
// with serializability, but only for writes.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	timeout  = time.Second           // of a request to another node
	interval = 20 * time.Millisecond // between batches of commits to the same node

	// Maelstrom's library reads lines of 64 KiB at most, and a partition leaves more.
	batchLimit = 1000 // writes
)

// op is one micro-operation of a transaction: ["r", key, null] or ["w", key, value].
type op struct {
	f     string
	key   int
	value *int
}

func (o *op) UnmarshalJSON(text []byte) error {
	return json.Unmarshal(text, &[]any{&o.f, &o.key, &o.value})
}

func (o op) MarshalJSON() ([]byte, error) {
	return json.Marshal([]any{o.f, o.key, o.value})
}

// writes has the last value of each key that a transaction wrote.
type writes map[int]*int

// version is a value with the number of the commit that wrote it.
type version struct {
	commit int
	value  *int
}

type server struct {
	node *maelstrom.Node

	mu      sync.Mutex
	commits []writes // commit number i is commits[i-1]
	store   map[int]version
}

func main() {
	s := &server{node: maelstrom.NewNode(), store: map[int]version{}}
	s.node.Handle("init", s.init)
	s.node.Handle("txn", s.txn)
	s.node.Handle("commit", s.commit)
	s.node.Handle("commits", s.receive)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) leader() string { return s.node.NodeIDs()[0] }

func (s *server) init(maelstrom.Message) error {
	if s.node.ID() == s.leader() {
		for _, id := range s.node.NodeIDs()[1:] {
			go s.replicateTo(id)
		}
	}
	return nil
}

func (s *server) txn(msg maelstrom.Message) error {
	var body struct {
		Txn []op `json:"txn"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	for _, o := range body.Txn {
		if o.f != "r" && o.f != "w" {
			return maelstrom.NewRPCError(maelstrom.NotSupported, fmt.Sprintf("unknown operation %q", o.f))
		}
	}
	for committed := false; !committed; {
		var err error
		if committed, err = s.attempt(body.Txn); err != nil {
			return err
		}
	}
	return s.node.Reply(msg, map[string]any{"type": "txn_ok", "txn": body.Txn})
}

// attempt executes a transaction on the snapshot, fills in its reads, and tries to
// commit it.
func (s *server) attempt(txn []op) (committed bool, err error) {
	s.mu.Lock()
	snapshot := len(s.commits)
	w := writes{}
	for i := range txn {
		switch o := &txn[i]; o.f {
		case "r":
			value, own := w[o.key]
			if !own {
				value = s.store[o.key].value // nil if nobody wrote it
			}
			o.value = value
		case "w":
			w[o.key] = o.value
		}
	}
	defer s.mu.Unlock()
	if len(w) == 0 {
		return true, nil
	}
	if s.node.ID() == s.leader() {
		return s.decide(snapshot, w), nil
	}
	s.mu.Unlock()
	answer, err := s.askLeader(snapshot, w)
	s.mu.Lock()
	if err == nil {
		s.apply(snapshot, answer.Commits)
	}
	return answer.Committed, err
}

// decision is the leader's answer: whether the writes are committed, and the
// commits since the snapshot, as many as fit into a message.
type decision struct {
	Type      string   `json:"type"`
	Committed bool     `json:"committed"`
	Commits   []writes `json:"commits"`
}

// askLeader tries to commit. The request is not repeated: without an answer, the
// outcome is open.
func (s *server) askLeader(snapshot int, w writes) (answer decision, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	msg, err := s.node.SyncRPC(ctx, s.leader(), map[string]any{"type": "commit", "snapshot": snapshot, "writes": w})
	if err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(msg.Body, &answer)
}

// commit decides for another node.
func (s *server) commit(msg maelstrom.Message) error {
	var body struct {
		Snapshot int    `json:"snapshot"`
		Writes   writes `json:"writes"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	committed := s.decide(body.Snapshot, body.Writes)
	answer := decision{"commit_ok", committed, s.after(body.Snapshot)}
	s.mu.Unlock()
	return s.node.Reply(msg, answer)
}

// decide commits writes unless one of their keys was committed to after the snapshot.
func (s *server) decide(snapshot int, w writes) bool {
	for key := range w {
		if s.store[key].commit > snapshot {
			return false
		}
	}
	s.apply(len(s.commits), []writes{w})
	return true
}

// apply takes the commits after the first n, save those that this node has.
func (s *server) apply(n int, commits []writes) {
	for i, w := range commits {
		if n+i != len(s.commits) {
			continue
		}
		s.commits = append(s.commits, w)
		for key, value := range w {
			s.store[key] = version{len(s.commits), value}
		}
	}
}

// after returns commits after the first n, as many as fit into a message. A leader
// that was killed may have fewer than n.
func (s *server) after(n int) []writes {
	first := min(n, len(s.commits))
	end := first
	for writes := 0; end < len(s.commits) && writes < batchLimit; end++ {
		writes += len(s.commits[end])
	}
	return s.commits[first:end]
}

// replicateTo keeps sending a node the commits that it has not acknowledged.
func (s *server) replicateTo(id string) {
	acknowledged := 0
	for range time.Tick(interval) {
		s.mu.Lock()
		commits := s.after(acknowledged)
		s.mu.Unlock()
		if len(commits) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		_, err := s.node.SyncRPC(ctx, id, map[string]any{"type": "commits", "after": acknowledged, "commits": commits})
		cancel()
		if err == nil {
			acknowledged += len(commits)
		}
	}
}

func (s *server) receive(msg maelstrom.Message) error {
	var body struct {
		After   int      `json:"after"`
		Commits []writes `json:"commits"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	s.apply(body.After, body.Commits)
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "commits_ok"})
}
