// A log of additions with unique ids, sent in batches. An addition gets the id of
// its node and a number; every node keeps all additions that it knows by id, sends
// its own to the others in batches until they acknowledge them, and adds them up for
// a read.
//
// The id makes a repetition harmless: an addition that arrives twice is counted
// once. This is the operation-based way to build the same counter as a vector of
// totals does; the vector needs no ids and no log because a total already says which
// additions it holds.
//
// What it costs: a batch and its acknowledgement for each pair of nodes and each
// direction in half a second: 24 messages a second with three nodes, whatever the
// load; 0.24 an operation at 100 a second. Memory and the time for a read grow
// with every addition, and a partition makes the next batches long. As with the
// vector, an addition that is acknowledged lives on one node until the next batch,
// and is gone if that node is killed before. Worse, a node that comes back numbers
// its additions from 0 again, and the others take them for repetitions: the hard
// mode finds both.
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
	interval = 500 * time.Millisecond // between batches to the same node
	timeout  = time.Second            // until a batch without an acknowledgement is repeated

	// A partition leaves many additions to send, and Maelstrom's library reads lines
	// of 64 KiB at most.
	batchLimit = 1000 // additions
)

// addition is one add of a client. Node and Number are its id.
type addition struct {
	Node   string `json:"node"`
	Number int    `json:"number"`
	Delta  int    `json:"delta"`
}

type id struct {
	node   string
	number int
}

type server struct {
	node *maelstrom.Node

	mu     sync.Mutex
	own    []addition
	deltas map[id]int // of all known additions
}

func main() {
	s := &server{node: maelstrom.NewNode(), deltas: map[id]int{}}
	s.node.Handle("init", s.init)
	s.node.Handle("add", s.add)
	s.node.Handle("read", s.read)
	s.node.Handle("additions", s.additions)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) init(maelstrom.Message) error {
	for _, id := range s.node.NodeIDs() {
		if id != s.node.ID() {
			go s.sendTo(id)
		}
	}
	return nil
}

func (s *server) add(msg maelstrom.Message) error {
	var body struct {
		Delta int `json:"delta"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	a := addition{s.node.ID(), len(s.own), body.Delta}
	s.own = append(s.own, a)
	s.deltas[id{a.Node, a.Number}] = a.Delta
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "add_ok"})
}

func (s *server) read(msg maelstrom.Message) error {
	sum := 0
	s.mu.Lock()
	for _, delta := range s.deltas {
		sum += delta
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "read_ok", "value": sum})
}

// sendTo sends another node the additions that it has not acknowledged.
func (s *server) sendTo(node string) {
	acknowledged := 0
	for range time.Tick(interval) {
		s.mu.Lock()
		batch := s.own[acknowledged:min(acknowledged+batchLimit, len(s.own))]
		s.mu.Unlock()
		if len(batch) == 0 {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		_, err := s.node.SyncRPC(ctx, node, map[string]any{"type": "additions", "additions": batch})
		cancel()
		if err == nil {
			acknowledged += len(batch)
		}
	}
}

func (s *server) additions(msg maelstrom.Message) error {
	var body struct {
		Additions []addition `json:"additions"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	s.mu.Lock()
	for _, a := range body.Additions {
		s.deltas[id{a.Node, a.Number}] = a.Delta
	}
	s.mu.Unlock()
	return s.node.Reply(msg, map[string]any{"type": "additions_ok"})
}
