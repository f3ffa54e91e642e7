// Spanning tree per origin. For each node's values there is a tree with that node at the
// root: five children, the next five nodes around the ring of ids, and their
// children the nodes after those. Everyone can compute everyone's tree, so that
// a message needs to say only whose value it carries.
//
// Cost: 2(n-1) messages a broadcast with the acknowledgements, 24 an operation,
// as in a star, and two hops for every value, wherever it enters: a star needs two
// only because clients do not talk to the hub. The work is spread evenly: each
// node passes on the values of a few others, and sends each of them five times at
// most. When a node cannot be reached, only the subtrees below it wait, another one for
// every origin, where a star waits altogether.
package main

import (
	"encoding/json"
	"log"
	"slices"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

// retryAfter is how long to wait for an acknowledgement: several round trips,
// because a retry that is not needed costs messages.
const retryAfter = time.Second

// fanOut is how many children a node has.
const fanOut = 5

// value is a value with the node that it was broadcast on.
type value struct {
	Origin string `json:"origin"`
	Value  int    `json:"value"`
}

type server struct {
	node *maelstrom.Node

	mu      sync.Mutex
	values  []int
	known   map[value]bool
	unacked map[string]map[value]time.Time // by peer: when a value was last sent
}

func main() {
	s := &server{node: maelstrom.NewNode(), values: []int{}, known: map[value]bool{}, unacked: map[string]map[value]time.Time{}}
	s.node.Handle("init", s.init)
	s.node.Handle("topology", s.topology)
	s.node.Handle("broadcast", s.broadcast)
	s.node.Handle("gossip", s.gossip)
	s.node.Handle("read", s.read)
	go func() {
		for range time.Tick(retryAfter / 2) {
			s.retry()
		}
	}()
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

// init makes all other nodes peers.
func (s *server) init(maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, peer := range s.node.NodeIDs() {
		if peer != s.node.ID() {
			s.unacked[peer] = map[value]time.Time{}
		}
	}
	return nil
}

// children returns to whom this node passes on the values of an origin. In the
// tree of an origin the nodes are numbered from it around the ring of ids, and
// the children of number i are those from fanOut*i+1 on.
func (s *server) children(origin string) []string {
	ids := s.node.NodeIDs()
	root := slices.Index(ids, origin)
	self := (slices.Index(ids, s.node.ID()) - root + len(ids)) % len(ids)
	var children []string
	for child := fanOut*self + 1; child <= fanOut*self+fanOut && child < len(ids); child++ {
		children = append(children, ids[(root+child)%len(ids)])
	}
	return children
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
	s.add(value{s.node.ID(), body.Message})
	return s.node.Reply(msg, map[string]any{"type": "broadcast_ok"})
}

// gossip takes values from a peer. The acknowledgement says that this node now
// sees to it that they reach the nodes below it.
func (s *server) gossip(msg maelstrom.Message) error {
	var body struct {
		Messages []value `json:"messages"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.add(body.Messages...)
	return s.node.Reply(msg, map[string]any{"type": "gossip_ok"})
}

// add remembers new values and passes each on to its children.
func (s *server) add(values ...value) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := map[string][]value{} // by child
	for _, v := range values {
		if s.known[v] {
			continue
		}
		s.known[v] = true
		s.values = append(s.values, v.Value)
		for _, child := range s.children(v.Origin) {
			fresh[child] = append(fresh[child], v)
		}
	}
	for child, values := range fresh {
		s.send(child, values)
	}
}

// retry sends every peer what it should have acknowledged by now, in one
// message.
func (s *server) retry() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for peer, unacked := range s.unacked {
		var values []value
		for v, sent := range unacked {
			if time.Since(sent) >= retryAfter {
				values = append(values, v)
			}
		}
		if len(values) > 0 {
			s.send(peer, values)
		}
	}
}

// send sends values to a peer. The caller holds the mutex.
func (s *server) send(peer string, values []value) {
	for _, v := range values {
		s.unacked[peer][v] = time.Now()
	}
	body := map[string]any{"type": "gossip", "messages": values}
	err := s.node.RPC(peer, body, func(maelstrom.Message) error {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, v := range values {
			delete(s.unacked[peer], v)
		}
		return nil
	})
	if err != nil {
		log.Print(err) // retry will send them again
	}
}

func (s *server) read(msg maelstrom.Message) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "messages": s.values})
}
