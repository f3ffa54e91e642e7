// Wrong: every key has a lock of its own, and a transaction takes and releases them one
// after the other. Its author wanted transactions on different keys to run side by
// side, and thought that one which waits for nothing between two operations is done
// before another begins. Nothing makes it so: a transaction that gives way between two
// locks lets others read what it is about to overwrite, and reads what they have not
// finished. Two-phase locking keeps every lock until the last one is taken.
// Caught by: G1b, in 20 of 20 seeds
// Command: glomers test 6c ./stages/6c-txn/broken/lock-per-key --engine native --yields 0.3 --cpu-cost 400µs --seed 1
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

// register is the value of a key.
type register struct {
	mu    sync.Mutex
	value *int // nil if nobody wrote it
}

type server struct {
	node *maelstrom.Node

	mu        sync.Mutex // for the map, not for the registers
	registers map[int]*register
}

func main() {
	s := &server{node: maelstrom.NewNode(), registers: map[int]*register{}}
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
	for i := range body.Txn {
		if err := s.execute(&body.Txn[i]); err != nil {
			return err
		}
	}
	return s.node.Reply(msg, map[string]any{"type": "txn_ok", "txn": body.Txn})
}

// execute executes an operation, and fills in the value of a read.
func (s *server) execute(o *op) error {
	r := s.register(o.key)
	r.mu.Lock()
	defer r.mu.Unlock()
	switch o.f {
	case "r":
		o.value = r.value
	case "w":
		r.value = o.value
	default:
		return maelstrom.NewRPCError(maelstrom.NotSupported, fmt.Sprintf("unknown operation %q", o.f))
	}
	return nil
}

func (s *server) register(key int) *register {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.registers[key] == nil {
		s.registers[key] = &register{}
	}
	return s.registers[key]
}
