// Every node hands out offsets of its own, from Lamport clocks. Of two nodes one
// takes the even offsets and the other the odd ones; each key has a clock, and a
// new message gets the first of the node's own offsets above it. Every 10 ms nodes
// exchange their messages and clocks.
//
// Why it is correct: a clock that another node announces is a promise that it gives
// away no offset up to it any more, and what it did give away came along. So what
// lies at or below the clocks of all nodes is complete, and polls return only that.
// Offsets have gaps, which the specification allows. This is Lamport's total order
// by logical clocks, with one order for each key.
//
// What it costs: one message per node, peer and interval, whatever the load: two
// nodes send 200 a second, 0.2 an operation. No client ever waits for another node,
// so that sends, polls and commits all succeed during a partition. The price: a
// message is visible only when every node has announced a later clock, after up to
// two intervals, and a partition, or one node that is down, stops that for all
// keys. A design with an owner loses only the owner's keys.
package main

import (
	"cmp"
	"encoding/json"
	"log"
	"slices"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	interval  = 10 * time.Millisecond  // between batches to the same node
	retry     = 500 * time.Millisecond // until a batch without an acknowledgement is repeated
	pollLimit = 100                    // messages of a key that a poll returns at most

	// A partition leaves thousands of entries to send, and Maelstrom's library reads
	// lines of 64 KiB at most.
	batchLimit = 1000 // entries
)

type entry struct {
	Key    string `json:"key"`
	Offset int    `json:"offset"`
	Msg    int    `json:"msg"`
}

func byOffset(e entry, offset int) int { return cmp.Compare(e.Offset, offset) }

// batch is what nodes send to each other. Its clocks and entries belong to one
// moment.
type batch struct {
	Type    string         `json:"type"`
	Number  int            `json:"number"` // counts the batches from this node to that one; 0 if there is only an acknowledgement
	Entries []entry        `json:"entries"`
	Clocks  map[string]int `json:"clocks"`
	Commits map[string]int `json:"commits"`
	Ack     int            `json:"ack"` // the number of the receiver's last batch that arrived
}

type server struct {
	node *maelstrom.Node

	mu        sync.Mutex
	index     int // of this node among all
	nodes     int
	logs      map[string][]entry // by key, in the order of offsets
	clocks    map[string]int     // the highest offset of each key that this node has heard of
	committed map[string]int
	peers     map[string]*peer
}

// peer is what a node knows about another one. At most one batch is under way to
// it; next collects what the one after it will hold.
type peer struct {
	clocks   map[string]int // the peer's: it gives away no offset up to them any more
	next     batch
	inFlight *batch
	sent     time.Time
	received int  // the number of the last batch from the peer
	owed     bool // that number is not acknowledged yet
}

func main() {
	s := &server{node: maelstrom.NewNode(), logs: map[string][]entry{}, clocks: map[string]int{}, committed: map[string]int{}}
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

func (s *server) init(maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers = map[string]*peer{}
	s.nodes = len(s.node.NodeIDs())
	for i, id := range s.node.NodeIDs() {
		if id == s.node.ID() {
			s.index = i
			continue
		}
		s.peers[id] = &peer{clocks: map[string]int{}, next: newBatch(1)}
		go s.exchange(id, s.peers[id])
	}
	return nil
}

func newBatch(number int) batch {
	return batch{Type: "batch", Number: number, Clocks: map[string]int{}, Commits: map[string]int{}}
}

func (s *server) send(msg maelstrom.Message) error {
	var e entry
	if err := json.Unmarshal(msg.Body, &e); err != nil {
		return err
	}
	s.mu.Lock()
	e.Offset = s.clocks[e.Key] + 1
	for e.Offset%s.nodes != s.index {
		e.Offset++
	}
	s.insert(e)
	for _, p := range s.peers {
		p.next.Entries = append(p.next.Entries, e)
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "send_ok", "offset": e.Offset})
}

// insert puts an entry in its place and raises the clock.
func (s *server) insert(e entry) {
	i, found := slices.BinarySearchFunc(s.logs[e.Key], e.Offset, byOffset)
	if !found {
		s.logs[e.Key] = slices.Insert(s.logs[e.Key], i, e)
	}
	s.raise(e.Key, e.Offset)
}

// raise raises the clock of a key, and tells everybody.
func (s *server) raise(key string, clock int) {
	if clock <= s.clocks[key] {
		return
	}
	s.clocks[key] = clock
	for _, p := range s.peers {
		p.next.Clocks[key] = clock
	}
}

// exchange sends a batch in every interval in which there is something to send.
func (s *server) exchange(id string, p *peer) {
	for range time.Tick(interval) {
		s.mu.Lock()
		b, ok := p.due()
		s.mu.Unlock()
		if ok {
			s.node.Send(id, b)
		}
	}
}

// due returns the batch to send now, if there is one.
func (p *peer) due() (batch, bool) {
	b := batch{Type: "batch"}
	switch {
	case p.inFlight == nil && len(p.next.Clocks)+len(p.next.Commits) > 0:
		b = p.next
		p.next = newBatch(b.Number + 1)
		if len(b.Entries) > batchLimit { // the clocks come last: they say that nothing is missing before them
			p.next.Entries, p.next.Clocks, p.next.Commits = b.Entries[batchLimit:], b.Clocks, b.Commits
			b.Entries, b.Clocks, b.Commits = b.Entries[:batchLimit:batchLimit], nil, nil
		}
		p.inFlight, p.sent = &b, time.Now()
	case p.inFlight != nil && time.Since(p.sent) >= retry:
		b, p.sent = *p.inFlight, time.Now()
	case !p.owed:
		return b, false
	}
	b.Ack, p.owed = p.received, false
	return b, true
}

// receive takes a batch of another node. Taking it twice does no harm.
func (s *server) receive(msg maelstrom.Message) error {
	var b batch
	if err := json.Unmarshal(msg.Body, &b); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[msg.Src]
	if p == nil {
		return nil // not initialized yet; the batch will be repeated
	}
	if p.inFlight != nil && b.Ack == p.inFlight.Number {
		p.inFlight = nil
	}
	for _, e := range b.Entries {
		s.insert(e)
	}
	for key, clock := range b.Clocks {
		p.clocks[key] = max(p.clocks[key], clock)
		s.raise(key, clock)
	}
	for key, offset := range b.Commits {
		s.committed[key] = max(s.committed[key], offset)
	}
	if b.Number > 0 {
		p.received, p.owed = b.Number, true
	}
	return nil
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
		entries := s.logs[key]
		first, _ := slices.BinarySearchFunc(entries, from, byOffset)
		end, _ := slices.BinarySearchFunc(entries, s.complete(key)+1, byOffset)
		for i := first; i < min(end, first+pollLimit); i++ {
			msgs[key] = append(msgs[key], [2]int{entries[i].Offset, entries[i].Msg})
		}
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "poll_ok", "msgs": msgs})
}

// complete returns the offset up to which nobody can add to the log of a key.
func (s *server) complete(key string) int {
	clock := s.clocks[key]
	for _, p := range s.peers {
		clock = min(clock, p.clocks[key])
	}
	return clock
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
		if offset > s.committed[key] { // offsets begin at 1
			s.committed[key] = offset
			for _, p := range s.peers {
				p.next.Commits[key] = offset
			}
		}
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
