// Direct fan-out without acknowledgements, repaired from digests. A node sends a
// value straight to all others: one hop, the least time that the network allows.
// Nobody acknowledges. Every node numbers its values instead, so that a receiver
// sees a gap in another node's numbers, and asks for what is missing with a
// digest: how many values it has of each node, without a gap. When nothing new
// has come for a second, a node also sends its digest to one peer, chosen at random:
// that repairs the loss of a node's last value, after which no gap shows.
//
// Cost: n-1 messages for a broadcast, 12 an operation with 25 nodes when half of
// the operations are broadcasts, and next to none for the digests while values
// come. A few percent are saved by waiting for a second value to send along, few
// because a node has only two values a second. Reads wait about as long before
// they are answered, which makes up for it: how stale an answer is counts from
// the question, so that the price is paid in read latency, in the open, and not in
// staleness. No node is special: a partition delays only what has to cross it.
package main

import (
	"encoding/json"
	"log"
	"math/rand/v2"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const (
	// gather is how long a value waits for others of the same node.
	gather = 24 * time.Millisecond
	// readWait is how long a read waits for values that are on the way.
	readWait = 20 * time.Millisecond
	// gapAfter is how long a gap may be one of messages that overtook each other.
	gapAfter = 300 * time.Millisecond
	// quietAfter is how long nothing new may come before a node asks a random
	// peer; it doubles up to quietMost while the answers bring nothing.
	quietAfter = time.Second
	quietMost  = 4 * time.Second
	// pushLimit keeps an answer below the 64 KiB that the library reads: it is the
	// most values of one node in a message.
	pushLimit = 200
)

type server struct {
	node *maelstrom.Node

	mu      sync.Mutex
	values  []int
	streams map[string]*stream // by the node that the values were broadcast on
	sent    int                // how many of this node's own values were sent
	asking  bool               // whether a gap is about to be asked for
	quiet   time.Duration      // before the next digest
	timer   *time.Timer        // for it
}

// stream is what is known of the values of one node.
type stream struct {
	values map[int]int // by number
	next   int         // the first number that is missing
}

// batch is a part of a stream.
type batch struct {
	First  int   `json:"first"`
	Values []int `json:"values"`
}

// news is sent to all, and an answer to a digest. Have is the sender's own digest
// if it lacks something, too.
type news struct {
	Type    string           `json:"type"`
	Streams map[string]batch `json:"streams"`
	Have    map[string]int   `json:"have,omitempty"`
}

type digest struct {
	Type string         `json:"type"`
	Have map[string]int `json:"have"`
}

func main() {
	s := &server{node: maelstrom.NewNode(), values: []int{}, streams: map[string]*stream{}}
	s.node.Handle("init", s.init)
	s.node.Handle("topology", s.topology)
	s.node.Handle("broadcast", s.broadcast)
	s.node.Handle("read", s.read)
	s.node.Handle("news", s.news)
	s.node.Handle("digest", s.digest)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) init(maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.node.NodeIDs() {
		s.streams[id] = &stream{values: map[int]int{}}
	}
	s.quiet = quietAfter
	s.timer = time.AfterFunc(s.quiet, s.askAnyone)
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
	own := s.streams[s.node.ID()]
	if own.next == s.sent {
		time.AfterFunc(gather, s.publish)
	}
	s.add(s.node.ID(), batch{own.next, []int{body.Message}})
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "broadcast_ok"})
}

// publish sends this node's new values to all others.
func (s *server) publish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	own := s.streams[s.node.ID()]
	body := news{Type: "news", Streams: map[string]batch{s.node.ID(): own.from(s.sent)}}
	s.sent = own.next
	for _, peer := range s.node.NodeIDs() {
		if peer != s.node.ID() {
			s.send(peer, body)
		}
	}
}

// from returns the values from a number on, as far as there is no gap.
func (st *stream) from(first int) batch {
	b := batch{First: first}
	for i := first; i < min(st.next, first+pushLimit); i++ {
		b.Values = append(b.Values, st.values[i])
	}
	return b
}

// add remembers the values of a node. The caller holds the mutex.
func (s *server) add(origin string, b batch) {
	st := s.streams[origin]
	for i, v := range b.Values {
		if _, ok := st.values[b.First+i]; ok {
			continue
		}
		st.values[b.First+i] = v
		s.values = append(s.values, v)
		s.quiet = quietAfter
		s.timer.Reset(s.quiet)
	}
	for len(st.values) > st.next {
		if _, ok := st.values[st.next]; !ok {
			return
		}
		st.next++
	}
}

// news takes values, and asks for those whose absence they show.
func (s *server) news(msg maelstrom.Message) error {
	var body news
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for origin, b := range body.Streams {
		s.add(origin, b)
	}
	if body.Have != nil {
		s.answer(msg.Src, body.Have, false)
	}
	if s.gap() && !s.asking {
		s.asking = true
		time.AfterFunc(gapAfter, func() { s.askAboutGap(msg.Src) })
	}
	return nil
}

// gap reports whether there are values behind a missing one.
func (s *server) gap() bool {
	for _, st := range s.streams {
		if len(st.values) > st.next {
			return true
		}
	}
	return false
}

func (s *server) askAboutGap(peer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asking = false
	if s.gap() {
		s.send(peer, digest{"digest", s.have()})
	}
}

func (s *server) askAnyone() {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := s.node.NodeIDs()
	if peer := ids[rand.IntN(len(ids))]; peer != s.node.ID() {
		s.send(peer, digest{"digest", s.have()})
	}
	s.timer.Reset(s.quiet)
	s.quiet = min(2*s.quiet, quietMost)
}

func (s *server) have() map[string]int {
	have := map[string]int{}
	for origin, st := range s.streams {
		have[origin] = st.next
	}
	return have
}

// digest answers with what the sender lacks, and asks for what this node lacks.
func (s *server) digest(msg maelstrom.Message) error {
	var body digest
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer(msg.Src, body.Have, true)
	return nil
}

// answer sends a peer what it lacks. The caller holds the mutex.
func (s *server) answer(peer string, have map[string]int, ask bool) {
	body := news{Type: "news", Streams: map[string]batch{}}
	for origin, st := range s.streams {
		if have[origin] < st.next {
			body.Streams[origin] = st.from(have[origin])
		}
		if have[origin] > st.next && ask {
			body.Have = s.have()
		}
	}
	if len(body.Streams) > 0 || body.Have != nil {
		s.send(peer, body)
	}
}

func (s *server) send(to string, body any) {
	if err := s.node.Send(to, body); err != nil {
		log.Print(err) // digests will show it
	}
}

func (s *server) read(msg maelstrom.Message) error {
	time.Sleep(readWait)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "messages": s.values})
}
