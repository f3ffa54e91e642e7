// Wrong: others see a transaction while it is under way, with values that it replaces
// itself. Its author locks the database for each operation, and thought that this
// makes operations safe. The unit is the transaction.
// Caught by: G1b, in 20 of 20 seeds
// Command: glomers test 6c ./stages/6c-txn/broken/half-done --seed 1
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"sync"
	"time"

	maelstrom "github.com/jepsen-io/maelstrom/demo/go"
)

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
	return s.node.Reply(msg, map[string]any{"type": "txn_ok", "txn": body.Txn})
}

// execute applies a transaction and fills in its reads.
func (s *server) execute(txn []op) error {
	for i := range txn {
		time.Sleep(time.Millisecond) // as if the storage were slow
		s.mu.Lock()
		switch o := &txn[i]; o.f {
		case "r":
			o.value = s.store[o.key] // nil if nobody wrote it
		case "w":
			s.store[o.key] = o.value
		default:
			s.mu.Unlock()
			return maelstrom.NewRPCError(maelstrom.NotSupported, fmt.Sprintf("unknown operation %q", o.f))
		}
		s.mu.Unlock()
	}
	return nil
}
