// An owner for every key, a copy of its log on every other node. The hash of a key
// names the node that hands out its offsets; every other node keeps a copy that
// answers polls. Sends to a key of another node are forwarded, and the answer to a
// forwarded batch brings along everything that the copy lacks.
//
// Why it is correct: one node alone extends a log, so an offset is given away once
// and there are no holes. A copy is a prefix of its owner's log, so a poll that it
// answers is old at worst. A forwarded batch is repeated until it is answered; it
// has a number by which the owner recognizes the repetition, so that nothing is
// appended twice. Committed offsets only rise: every node takes the maximum of what
// it hears.
//
// What it costs: polls and commits nothing of their own. A send costs two messages
// if another node owns its key, which with n nodes happens (n-1)/n of the time. With
// two nodes and half of the operations sends: 0.5 messages an operation, less where
// sends share a batch. While a partition lasts, sends to the other side wait, and
// polls return what the copy has. Logs live in memory: a node that is killed loses
// the logs of its keys and begins again at offset 0, and so do the copies.
package main

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"log"
	"maps"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	interval  = 20 * time.Millisecond  // how long commits and refreshes wait for a batch to ride on
	retry     = 500 * time.Millisecond // until a batch without an answer is repeated
	pollLimit = 100                    // messages of a key that a poll returns at most

	// A partition leaves thousands of entries to copy, and Maelstrom's library reads
	// lines of 64 KiB at most.
	batchLimit = 1000 // entries
)

// entry is a message of a key. A node's entries are those of all the keys that it
// owns, in the order in which it took them.
type entry struct {
	Key string `json:"key"`
	Msg int    `json:"msg"`
}

// batch is what a node asks of another one.
type batch struct {
	Type    string         `json:"type"`
	Number  int            `json:"number"`  // counts up, from the time at which the sender was started
	Sends   []entry        `json:"sends"`   // to keys that the receiver owns
	Commits map[string]int `json:"commits"` // offsets that rose
	Have    int            `json:"have"`    // how many of the receiver's entries the sender has
	Life    int            `json:"life"`    // in which the receiver took those entries; 0 if not known
}

type batchOK struct {
	Type    string  `json:"type"`
	Offsets []int   `json:"offsets"` // one for each of the sends
	Entries []entry `json:"entries"` // those that the sender lacks
	Life    int     `json:"life"`    // of the node that answers
}

type server struct {
	node *maelstrom.Node
	life int // when this node was started: each life of a node has entries of its own

	mu        sync.Mutex
	logs      map[string][]int // by key: own logs, and prefixes of others'
	own       []entry          // of this node's keys
	committed map[string]int
	peers     map[string]*peer
}

// peer is what a node knows about another one.
type peer struct {
	wake chan struct{} // holds a token if there are sends

	// As an owner of keys that this node has copies of:
	sends   []entry
	answers []chan int     // where the offsets of the sends go
	commits map[string]int // that it has not heard of
	stale   bool           // somebody polled keys of the peer since the last batch
	have    int            // how many of its entries this node has,
	life    int            // taken in which life of the peer

	// As a node that forwards sends to this one:
	number  int   // of its last batch
	offsets []int // the answer to it
}

func main() {
	s := &server{node: maelstrom.NewNode(), life: now(), logs: map[string][]int{}, committed: map[string]int{}}
	s.node.Handle("init", s.init)
	s.node.Handle("send", s.send)
	s.node.Handle("poll", s.poll)
	s.node.Handle("commit_offsets", s.commit)
	s.node.Handle("list_committed_offsets", s.listCommitted)
	s.node.Handle("batch", s.receive)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

func now() int { return int(time.Now().UnixMicro()) }

func (s *server) init(maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers = map[string]*peer{}
	for _, id := range s.node.NodeIDs() {
		if id != s.node.ID() {
			s.peers[id] = &peer{wake: make(chan struct{}, 1), commits: map[string]int{}}
			go s.exchange(id, s.peers[id])
		}
	}
	return nil
}

// owner returns the node that hands out the offsets of a key.
func (s *server) owner(key string) string {
	h := fnv.New32a()
	h.Write([]byte(key))
	ids := s.node.NodeIDs()
	return ids[h.Sum32()%uint32(len(ids))]
}

func (s *server) send(msg maelstrom.Message) error {
	var e entry
	if err := json.Unmarshal(msg.Body, &e); err != nil {
		return err
	}
	return s.node.Reply(msg, map[string]any{"type": "send_ok", "offset": s.append(e)})
}

// append adds an entry to its log and returns its offset, which the owner of the
// key decides.
func (s *server) append(e entry) int {
	s.mu.Lock()
	p := s.peers[s.owner(e.Key)]
	if p == nil { // it is this node
		defer s.mu.Unlock()
		return s.appendOwn(e)
	}
	answer := make(chan int, 1)
	p.sends = append(p.sends, e)
	p.answers = append(p.answers, answer)
	s.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default: // it is awake
	}
	return <-answer
}

func (s *server) appendOwn(e entry) int {
	offset := len(s.logs[e.Key])
	s.logs[e.Key] = append(s.logs[e.Key], e.Msg)
	s.own = append(s.own, e)
	return offset
}

// exchange sends batches to a peer, one at a time: sends at once, everything else
// with the next sends or after an interval.
func (s *server) exchange(id string, p *peer) {
	tick := time.Tick(interval)
	for number := now(); ; number++ {
		select {
		case <-p.wake:
		case <-tick:
		}
		s.mu.Lock()
		if len(p.sends) == 0 && len(p.commits) == 0 && !p.stale {
			s.mu.Unlock()
			continue
		}
		n := min(len(p.sends), batchLimit)
		b := batch{"batch", number, p.sends[:n], p.commits, p.have, p.life}
		answers := p.answers[:n]
		p.sends, p.answers, p.commits, p.stale = p.sends[n:], p.answers[n:], map[string]int{}, false
		s.mu.Unlock()

		answer, err := s.ask(id, b)
		for err != nil {
			answer, err = s.ask(id, b)
		}

		s.mu.Lock()
		if answer.Life != p.life { // the peer was killed, and its logs begin again
			maps.DeleteFunc(s.logs, func(key string, _ []int) bool { return s.owner(key) == id })
			p.have, p.life = 0, answer.Life
		}
		for _, e := range answer.Entries {
			s.logs[e.Key] = append(s.logs[e.Key], e.Msg)
		}
		p.have += len(answer.Entries)
		p.stale = p.stale || len(answer.Entries) == batchLimit // there is more
		s.mu.Unlock()
		for i, offset := range answer.Offsets {
			answers[i] <- offset
		}
	}
}

func (s *server) ask(id string, b batch) (answer batchOK, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), retry)
	defer cancel()
	msg, err := s.node.SyncRPC(ctx, id, b)
	if err != nil {
		return answer, err
	}
	return answer, json.Unmarshal(msg.Body, &answer)
}

// receive answers a batch of another node.
func (s *server) receive(msg maelstrom.Message) error {
	var b batch
	if err := json.Unmarshal(msg.Body, &b); err != nil {
		return err
	}
	s.mu.Lock()
	p := s.peers[msg.Src]
	if p == nil || b.Number < p.number { // too early, or a late copy of what was answered
		s.mu.Unlock()
		return nil
	}
	if b.Number > p.number {
		p.number, p.offsets = b.Number, nil
		for _, e := range b.Sends {
			p.offsets = append(p.offsets, s.appendOwn(e))
		}
		for key, offset := range b.Commits {
			s.raise(key, offset)
		}
	}
	if b.Life != s.life {
		b.Have = 0
	}
	answer := batchOK{"batch_ok", p.offsets, s.own[b.Have:min(b.Have+batchLimit, len(s.own))], s.life}
	s.mu.Unlock()
	return s.node.Reply(msg, answer)
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
		if p := s.peers[s.owner(key)]; p != nil {
			p.stale = true
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
		if s.raise(key, offset) {
			for _, p := range s.peers {
				p.commits[key] = offset
			}
		}
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "commit_offsets_ok"})
}

// raise commits an offset unless the one committed is as high already.
func (s *server) raise(key string, offset int) bool {
	old, ok := s.committed[key]
	if ok && old >= offset {
		return false
	}
	s.committed[key] = offset
	return true
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
