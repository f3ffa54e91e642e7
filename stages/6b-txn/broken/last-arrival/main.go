// Wrong: a node applies its own transactions when they are executed and those of others
// when they arrive. Its author saw that every write reaches every node, and thought
// that they end up equal. Two transactions that write the same keys at the same time
// are applied in one order here and in the other one there, and each node keeps
// what came last to it: the order of writes differs between nodes, and for ever. A
// timestamp decides the same way everywhere.
// Caught by: diverged (strict), in 20 of 20 seeds
// Command: glomers test 6b ./stages/6b-txn/broken/last-arrival --strict --seed 1
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

const timeout = 500 * time.Millisecond // until a transaction is sent again

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

	mu    sync.Mutex
	store map[int]*int
}

func main() {
	s := &server{node: maelstrom.NewNode(), store: map[int]*int{}}
	s.node.Handle("txn", s.txn)
	s.node.Handle("replicate", s.replicate)
	if err := s.node.Run(); err != nil {
		log.Fatal(err)
	}
}

func (s *server) txn(msg maelstrom.Message) error {
	var body struct {
		Txn []op `json:"txn"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	if err := s.execute(body.Txn); err != nil {
		return err
	}
	for _, id := range s.node.NodeIDs() {
		if id != s.node.ID() {
			go s.replicateTo(id, body.Txn)
		}
	}
	return s.node.Reply(msg, map[string]any{"type": "txn_ok", "txn": body.Txn})
}

// replicateTo sends the transaction to another node until it acknowledges it.
func (s *server) replicateTo(id string, txn []op) {
	for {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		_, err := s.node.SyncRPC(ctx, id, map[string]any{"type": "replicate", "txn": txn})
		cancel()
		if err == nil {
			return
		}
	}
}

// replicate executes a transaction of another node; what it reads does not matter.
func (s *server) replicate(msg maelstrom.Message) error {
	var body struct {
		Txn []op `json:"txn"`
	}
	if err := json.Unmarshal(msg.Body, &body); err != nil {
		return err
	}
	if err := s.execute(body.Txn); err != nil {
		return err
	}
	return s.node.Reply(msg, map[string]any{"type": "replicate_ok"})
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
