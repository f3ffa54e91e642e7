// Hub with a batching window. A node sends each value to the hub at once.
// The hub appends it to a log, waits for more until the window has passed since
// the first value that it has not sent, and then sends every other node, in one
// message, all that the node has not acknowledged of the log.
//
// No message is there only to acknowledge another one. A node acknowledges the
// log by its length whenever it sends the hub a value, and the hub acknowledges
// a node's values by their number whenever it sends the log. What is lost is
// repaired by the next message, which starts where the last acknowledgement
// ended. Timers matter only in silence.
//
// Cost: a value waits at most the window, and travels two hops. The hub sends
// n-1 messages each window, and each value is one message on its way there:
// with 25 nodes and 50 values a second (24/0.26 + 48) / 100 = 1.4 messages an
// operation. The price of saving acknowledgements is bytes: a value is sent
// again in every batch until its receiver has something to say, half a second
// on average. Nodes that the hub cannot reach are stale until it can.
package main

import (
	"encoding/json"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	window = 240 * time.Millisecond
	// ackAfter is how long a node keeps an acknowledgement back, in the hope of a
	// value to send with it.
	ackAfter = 1500 * time.Millisecond
	// resendAfter is how long the hub waits for an acknowledgement when it has
	// nothing new to send: ackAfter and a round trip, with a margin.
	resendAfter = 2 * time.Second
	// batchLimit keeps a message below the 64 KiB that the library reads.
	batchLimit = 4000
)

type server struct {
	node *maelstrom.Node

	mu     sync.Mutex
	values []int // on the hub, the log
	known  map[int]bool
	hub    *hub  // nil on the other nodes
	leaf   *leaf // nil on the hub
}

// hub is what the hub knows of the others.
type hub struct {
	peers   map[string]*peer
	timer   *time.Timer // for the next flush
	waiting bool        // whether the timer is set for the end of a window
}

type peer struct {
	accepted int // how many of its values are in the log
	got      int // how much of the log it has
}

// leaf is the other end of a peer.
type leaf struct {
	hub      string
	accepted int         // how many of this node's values the hub has
	pending  []int       // those that follow
	got      int         // how much of the log is here
	reported int         // how much of it the hub was told
	timer    *time.Timer // for a message when there was no value to send
	waiting  bool        // whether the timer is set
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
		s.leaf = &leaf{hub: ids[0], timer: time.AfterFunc(ackAfter, s.breakSilence)}
		return nil
	}
	s.hub = &hub{peers: map[string]*peer{}, timer: time.AfterFunc(resendAfter, s.flush)}
	for _, id := range ids[1:] {
		s.hub.peers[id] = &peer{}
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
		s.sendUp()
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "broadcast_ok"})
}

// add remembers values. On the hub, the first new one opens a window. The caller
// holds the mutex.
func (s *server) add(values ...int) {
	before := len(s.values)
	for _, v := range values {
		if !s.known[v] {
			s.known[v] = true
			s.values = append(s.values, v)
		}
	}
	if s.hub != nil && !s.hub.waiting && len(s.values) > before {
		s.hub.waiting = true
		s.hub.timer.Reset(window)
	}
}

// up takes a leaf's values and acknowledgement.
func (s *server) up(msg maelstrom.Message) error {
	var body up
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.hub.peers[msg.Src]
	p.accepted = max(p.accepted, body.First+len(body.Values))
	p.got = max(p.got, body.Got)
	s.add(body.Values...)
	return nil
}

// flush sends every leaf what it has not acknowledged, and sees to it that this
// happens again if no further value comes.
func (s *server) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hub.waiting = false
	for id, p := range s.hub.peers {
		if p.got == len(s.values) {
			continue
		}
		end := min(len(s.values), p.got+batchLimit)
		s.send(id, down{"down", p.got, s.values[p.got:end], p.accepted})
		s.hub.timer.Reset(resendAfter)
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
	if !l.waiting {
		l.waiting = true
		l.timer.Reset(ackAfter)
	}
	return nil
}

// sendUp sends the hub what it has not acknowledged. The caller holds the mutex.
func (s *server) sendUp() {
	l := s.leaf
	end := min(len(l.pending), batchLimit)
	s.send(l.hub, up{"up", l.accepted, l.pending[:end], l.got})
	l.reported = l.got
	l.waiting = true
	l.timer.Reset(ackAfter)
}

// breakSilence runs when this leaf has sent nothing for a while.
func (s *server) breakSilence() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leaf.waiting = false
	if len(s.leaf.pending) > 0 || s.leaf.got > s.leaf.reported {
		s.sendUp()
	}
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
