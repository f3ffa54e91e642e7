// Wrong: of two nodes one hands out the even offsets and the other the odd ones, and a
// poll returns what the node has heard of. Its author saw that so no offset is given
// away twice and nobody waits for anybody, which is true. But a lower offset may still
// be on its way from the other node: a client that polled a higher one has gone past
// it. Polls must stop where all nodes have promised to give away no lower offset.
// Caught by: poll-skip, int-poll-skip, in 20 of 20 seeds
// Command: glomers test 5c ./stages/5c-kafka/broken/offsets-of-its-own --seed 1
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
	next     batch
	inFlight *batch
	sent     time.Time
	received int  // the highest number of a batch from the peer
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
		s.peers[id] = &peer{next: newBatch(1)}
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
		p.inFlight, p.sent = &b, time.Now()
		p.next = newBatch(b.Number + 1)
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
		s.raise(key, clock)
	}
	for key, offset := range b.Commits {
		s.committed[key] = max(s.committed[key], offset)
	}
	if b.Number > 0 {
		p.received, p.owed = max(p.received, b.Number), true
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
		for i := first; i < min(len(entries), first+pollLimit); i++ {
			msgs[key] = append(msgs[key], [2]int{entries[i].Offset, entries[i].Msg})
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
