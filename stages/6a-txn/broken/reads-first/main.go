// Wrong: all reads of a transaction are executed before its writes. Its author thought
// of a transaction as a set of operations that happen at one instant. It is a list:
// who writes a key and then reads it must get what it wrote.
// Caught by: internal (strict), in 20 of 20 seeds
// Command: glomers test 6a ./stages/6a-txn/broken/reads-first --strict --seed 1
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"sync"

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
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range txn {
		if o := &txn[i]; o.f == "r" {
			o.value = s.store[o.key] // nil if nobody wrote it
		}
	}
	for _, o := range txn {
		switch o.f {
		case "r":
		case "w":
			s.store[o.key] = o.value
		default:
			return maelstrom.NewRPCError(maelstrom.NotSupported, fmt.Sprintf("unknown operation %q", o.f))
		}
	}
	return nil
}
