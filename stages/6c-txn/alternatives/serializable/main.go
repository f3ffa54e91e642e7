// Serializable, by way of one leader. The first node executes all transactions, one
// after the other, on the only copy; the others pass theirs on to it.
//
// What executes one at a time is serializable, and since every transaction executes
// between its request and its answer, strictly so. A forwarded transaction is not
// repeated when the answer does not come, because it may have been executed: its
// outcome is open. Should the network repeat it, the leader knows it by its id.
//
// What it costs: two messages for each transaction of a client at another node, 1 an
// operation with two nodes, and one more trip for those clients. And availability:
// a node that cannot reach the leader cannot execute anything, not even reads. That is
// no weakness of this design: no serializable system can let both sides of a
// partition go on (Bailis et al., Highly Available Transactions, 2013).
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"math/rand/v2"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const timeout = time.Second // of a request to the leader

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

type server struct {
	node *maelstrom.Node

	mu       sync.Mutex
	store    map[int]*int
	executed map[string]bool // ids of transactions that other nodes forwarded
}

func main() {
	s := &server{node: maelstrom.NewNode(), store: map[int]*int{}, executed: map[string]bool{}}
	s.node.Handle("txn", s.txn)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) txn(msg maelstrom.Message) error {
	var body struct {
		Txn []op   `json:"txn"`
		ID  string `json:"id"` // if another node forwards it
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	if leader := s.node.NodeIDs()[0]; s.node.ID() != leader {
		return s.forward(leader, msg, body.Txn)
	}
	if body.ID != "" && s.isRepeated(body.ID) {
		return nil
	}
	if err := s.execute(body.Txn); err != nil {
		return err
	}
	return s.node.Reply(msg, map[string]any{"type": "txn_ok", "txn": body.Txn})
}

func (s *server) isRepeated(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	repeated := s.executed[id]
	s.executed[id] = true
	return repeated
}

// forward has the leader execute a transaction.
func (s *server) forward(leader string, msg maelstrom.Message, txn []op) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	answer, err := s.node.SyncRPC(ctx, leader, map[string]any{"type": "txn", "txn": txn, "id": fmt.Sprintf("%x", rand.Uint64())})
	if err != nil {
		return err
	}
	return s.node.Reply(msg, answer.Body)
}

// execute applies a transaction and fills in its reads.
func (s *server) execute(txn []op) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range txn {
		switch o := &txn[i]; o.f {
		case "r":
			o.value = s.store[o.key] // nil if nobody wrote it
		case "w":
			s.store[o.key] = o.value
		default:
			return maelstrom.NewRPCError(maelstrom.NotSupported, fmt.Sprintf("unknown operation %q", o.f))
		}
	}
	return nil
}
