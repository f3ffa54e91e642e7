// One leader, and followers that answer polls. The first node takes all sends and
// commits; every 20 ms it sends each follower the messages that it lacks, and every
// node answers polls from what it has.
//
// The leader gives each message its place, and a follower takes messages in the
// order of the leader. So a follower's logs are the leader's as they were a moment
// ago: polls may be old, but leave nothing out and agree on all offsets. This is
// primary-backup replication with stale reads.
//
// What it costs: with two nodes, two messages for each send and commit of a client
// at the follower, and a batch with its answer every 20 ms: half of the operations
// are sends, half of them come to the follower, so 0.5 messages an operation, 0.1 for
// the batches and a little for commits. The price is staleness of 20 ms, or as long
// as a partition lasts; while it does, followers cannot send, and without the leader
// nobody can. Nothing is kept in lin-kv: a follower that was killed gets all messages
// from the leader again, but a leader that was killed begins at offset 0.
package main

import (
	"context"
	"encoding/json"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	timeout   = time.Second           // of a request to another node
	interval  = 20 * time.Millisecond // between batches to a follower
	pollLimit = 100                   // messages of a key that a poll returns at most

	// Maelstrom's library reads lines of 64 KiB at most, and a partition leaves more.
	batchLimit = 1000 // messages
)

type entry struct {
	Key string `json:"key"`
	Msg int    `json:"msg"`
}

type server struct {
	node *maelstrom.Node

	mu        sync.Mutex
	all       []entry          // in the leader's order
	logs      map[string][]int // the same by key; the index is the offset
	committed map[string]int
}

func main() {
	s := &server{node: maelstrom.NewNode(), logs: map[string][]int{}, committed: map[string]int{}}
	s.node.Handle("init", s.init)
	s.node.Handle("replicate", s.replicate)
	s.node.Handle("send", s.atLeader(s.send))
	s.node.Handle("poll", s.poll)
	s.node.Handle("commit_offsets", s.atLeader(s.commit))
	s.node.Handle("list_committed_offsets", s.atLeader(s.listCommitted))
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) init(maelstrom.Message) error {
	ids := s.node.NodeIDs()
	if s.node.ID() == ids[0] {
		for _, id := range ids[1:] {
			go s.replicateTo(id)
		}
	}
	return nil
}

// replicateTo keeps sending a follower what it lacks. Once a second it asks even if that is
// nothing: a follower that was killed has lost everything.
func (s *server) replicateTo(id string) {
	has, asked := 0, time.Now()
	for range time.Tick(interval) {
		s.mu.Lock()
		entries := s.all[has:min(has+batchLimit, len(s.all))]
		s.mu.Unlock()
		if len(entries) == 0 && time.Since(asked) < time.Second {
			continue
		}
		asked = time.Now()
		if answer, err := s.ask(id, has, entries); err == nil {
			s.mu.Lock()
			has = min(answer, len(s.all))
			s.mu.Unlock()
		}
	}
}

// ask sends a follower messages and returns how many it has.
func (s *server) ask(id string, from int, entries []entry) (has int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	msg, err := s.node.SyncRPC(ctx, id, map[string]any{"type": "replicate", "from": from, "entries": entries})
	if err != nil {
		return 0, err
	}
	var answer struct {
		Has int `json:"has"`
	}
	err = json.Unmarshal(msg.Body, &answer)
	return answer.Has, err
}

// replicate takes messages of the leader, save those that this node has.
func (s *server) replicate(msg maelstrom.Message) error {
	var body struct {
		From    int     `json:"from"`
		Entries []entry `json:"entries"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	for i, e := range body.Entries {
		if body.From+i == len(s.all) {
			s.append(e)
		}
	}
	has := len(s.all)
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "replicate_ok", "has": has})
}

// append adds a message to its log and returns its offset.
func (s *server) append(e entry) int {
	offset := len(s.logs[e.Key])
	s.all = append(s.all, e)
	s.logs[e.Key] = append(s.logs[e.Key], e.Msg)
	return offset
}

// atLeader passes a request on to the leader, unless this node is the leader.
func (s *server) atLeader(handle maelstrom.HandlerFunc) maelstrom.HandlerFunc {
	return func(msg maelstrom.Message) error {
		leader := s.node.NodeIDs()[0]
		if s.node.ID() == leader {
			return handle(msg)
		}
		var body map[string]any
		if err := json.Unmarshal(msg.Body, &body); err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		answer, err := s.node.SyncRPC(ctx, leader, body)
		if err != nil {
			return err // perhaps the leader has it, perhaps not
		}
		return s.node.Reply(msg, answer.Body)
	}
}

func (s *server) send(msg maelstrom.Message) error {
	var e entry
	if err := json.Unmarshal(msg.Body, &e); err != nil {
		return err
	}
	s.mu.Lock()
	offset := s.append(e)
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "send_ok", "offset": offset})
}

func (s *server) poll(msg maelstrom.Message) error {
	var body struct {
		Offsets map[string]int `json:"offsets"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	msgs := map[string][][2]int{}
	s.mu.Lock()
	for key, from := range body.Offsets {
		for offset := from; offset < min(from+pollLimit, len(s.logs[key])); offset++ {
			msgs[key] = append(msgs[key], [2]int{offset, s.logs[key][offset]})
		}
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "poll_ok", "msgs": msgs})
}

func (s *server) commit(msg maelstrom.Message) error {
	var body struct {
		Offsets map[string]int `json:"offsets"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	for key, offset := range body.Offsets {
		s.committed[key] = max(s.committed[key], offset) // clients may be late
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "commit_offsets_ok"})
}

func (s *server) listCommitted(msg maelstrom.Message) error {
	var body struct {
		Keys []string `json:"keys"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	offsets := map[string]int{}
	s.mu.Lock()
	for _, key := range body.Keys {
		if offset, ok := s.committed[key]; ok {
			offsets[key] = offset
		}
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "list_committed_offsets_ok", "offsets": offsets})
}
