// Hub whose rounds the leaves align to. The hub appends values to a log and at
// the end of each round sends every other node, in one message, all that the
// node has not acknowledged of the log. The others collect values too, and send
// them so that they arrive just before a round ends: the hub's last message
// tells when that is, since its next one leaves a round after it. So a value
// waits once, not twice, and no clocks need to agree.
//
// No message is there only to acknowledge another one. A node acknowledges the
// log by its length whenever it sends the hub values, and the hub acknowledges
// a node's values by their number whenever it sends the log. What is lost is
// repaired by the next round's message, which starts where the last
// acknowledgement ended.
//
// Cost: a value waits at most a round and the margin, and travels two hops. A
// round in which everybody learns everything takes 2(n-1) messages, one to the
// hub and one from it for every other node, so that messages an operation are
// at most 2(n-1) / (round * rate) = 48 / (1.45 s * 100/s) = 0.33 here, and fewer where a node has no value in
// a round. A message that misses its round waits for another one: the margin is what
// clocks and schedulers may cost. Nodes that the hub cannot reach are stale
// until it can.
package main

import (
	"encoding/json"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	round = 1450 * time.Millisecond
	// margin is how long before the end of a round the values should be at the hub.
	margin = 30 * time.Millisecond
	// roundTrip is that of the network. If it is another one, values are merely late.
	roundTrip = 200 * time.Millisecond
	// ackAfter is how many rounds a node keeps an acknowledgement back, in the hope
	// of a value to send with it.
	ackAfter = 2
	// resendAfter is how many rounds the hub waits for an acknowledgement when it
	// has nothing new to send: two more than ackAfter, for the round trip.
	resendAfter = ackAfter + 2
	// batchLimit keeps a message below the 64 KiB that the library reads.
	batchLimit = 4000
)

type server struct {
	node *maelstrom.Node

	mu     sync.Mutex
	values []int // on the hub, the log
	known  map[int]bool
	peers  map[string]*peer // on the hub, what it knows of the others
	start  sync.Once        // on the hub, the rounds
	leaf   *leaf            // nil on the hub
}

type peer struct {
	accepted int // how many of its values are in the log
	got      int // how much of the log it has
	sent     int // how much of the log it was sent
	quiet    int // rounds since then
}

// leaf is the other end of a peer.
type leaf struct {
	hub      string
	accepted int         // how many of this node's values the hub has
	pending  []int       // those that follow
	got      int         // how much of the log is here
	reported int         // how much of it the hub was told
	quiet    int         // rounds since then
	aligned  bool        // whether the hub has been heard
	timer    *time.Timer // for this node's next turn
}

// up is what a leaf sends. The first of the values is the one with the number
// First among those of this leaf.
type up struct {
	Type   string `json:"type"`
	First  int    `json:"first"`
	Values []int  `json:"values"`
	Got    int    `json:"got"`
}

// down is what the hub sends: its log from First on.
type down struct {
	Type     string `json:"type"`
	First    int    `json:"first"`
	Values   []int  `json:"values"`
	Accepted int    `json:"accepted"`
}

func main() {
	s := &server{node: maelstrom.NewNode(), values: []int{}, known: map[int]bool{}}
	s.node.Handle("init", s.init)
	s.node.Handle("topology", s.topology)
	s.node.Handle("broadcast", s.broadcast)
	s.node.Handle("read", s.read)
	s.node.Handle("up", s.up)
	s.node.Handle("down", s.down)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

// init makes the first node the hub.
func (s *server) init(maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := s.node.NodeIDs()
	if s.node.ID() != ids[0] {
		s.leaf = &leaf{hub: ids[0]}
		s.leaf.timer = time.AfterFunc(round, s.turn)
		return nil
	}
	s.peers = map[string]*peer{}
	for _, id := range ids[1:] {
		s.peers[id] = &peer{}
	}
	return nil
}

// topology is accepted and ignored.
func (s *server) topology(msg maelstrom.Message) error {
	return s.node.Reply(msg, map[string]any{"type": "topology_ok"})
}

// broadcast takes a value from a client.
func (s *server) broadcast(msg maelstrom.Message) error {
	var body struct {
		Message int `json:"message"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	s.add(body.Message)
	if s.leaf != nil {
		s.leaf.pending = append(s.leaf.pending, body.Message)
		if !s.leaf.aligned { // nobody knows when the round ends
			s.sendUp()
		}
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "broadcast_ok"})
}

// add remembers values. The first one on the hub starts the rounds, so that the
// others soon know when they end. The caller holds the mutex.
func (s *server) add(values ...int) {
	for _, v := range values {
		if !s.known[v] {
			s.known[v] = true
			s.values = append(s.values, v)
		}
	}
	if s.leaf == nil {
		s.start.Do(func() { go s.rounds() })
	}
}

func (s *server) rounds() {
	s.endRound()
	for range time.Tick(round) {
		s.endRound()
	}
}

// turn sends the hub this leaf's values, at a time when they arrive just before
// the end of a round, or an acknowledgement that was kept back for long.
func (s *server) turn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.leaf
	l.timer.Reset(round) // in case the hub's next message does not come
	if l.got > l.reported {
		l.quiet++
	}
	if len(l.pending) == 0 && l.quiet < ackAfter {
		return
	}
	s.sendUp()
}

// sendUp sends the hub what it has not acknowledged. The caller holds the mutex.
func (s *server) sendUp() {
	l := s.leaf
	end := min(len(l.pending), batchLimit)
	s.send(l.hub, up{"up", l.accepted, l.pending[:end], l.got})
	l.reported, l.quiet = l.got, 0
}

// up takes a leaf's values and acknowledgement.
func (s *server) up(msg maelstrom.Message) error {
	var body up
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[msg.Src]
	p.accepted = max(p.accepted, body.First+len(body.Values))
	p.got = max(p.got, body.Got)
	s.add(body.Values...)
	return nil
}

// endRound sends every leaf what it has not acknowledged, if there is anything
// new or the acknowledgement is overdue.
func (s *server) endRound() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, p := range s.peers {
		p.quiet++
		if p.got == len(s.values) || p.sent == len(s.values) && p.quiet < resendAfter {
			continue
		}
		end := min(len(s.values), p.got+batchLimit)
		s.send(id, down{"down", p.got, s.values[p.got:end], p.accepted})
		p.sent, p.quiet = len(s.values), 0
	}
}

// down takes a part of the hub's log. It begins where this node's last
// acknowledgement ended, or earlier, so that there is never a gap before it.
func (s *server) down(msg maelstrom.Message) error {
	var body down
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.add(body.Values...)
	l := s.leaf
	l.got = max(l.got, body.First+len(body.Values))
	if done := body.Accepted - l.accepted; done > 0 {
		l.pending = l.pending[done:]
		l.accepted = body.Accepted
	}
	l.aligned = true
	l.timer.Reset(round - roundTrip - margin)
	return nil
}

func (s *server) send(to string, body any) {
	if err := s.node.Send(to, body); err != nil {
		log.Print(err) // what is not acknowledged is sent again
	}
}

func (s *server) read(msg maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "messages": s.values})
}
