// Writes are buffered and applied together at the end. A transaction reads the
// committed state statement by statement and its own writes from the buffer; when
// it is done, the buffer is applied under the lock.
//
// Nobody sees a transaction half done, so this is read committed. It is not more:
// between two statements another transaction may commit, so two reads of a key may
// differ, and an update of what was read may be lost. In return no lock is held
// while a transaction thinks, so long transactions do not hold up short ones, and
// one that gives up simply drops its buffer. One node sends no messages to others.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"maps"
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

// execute runs a transaction, fills in its reads and applies its writes.
func (s *server) execute(txn []op) error {
	writes := map[int]*int{}
	for i := range txn {
		switch o := &txn[i]; o.f {
		case "r":
			value, own := writes[o.key]
			if !own {
				value = s.read(o.key)
			}
			o.value = value // nil if nobody wrote it
		case "w":
			writes[o.key] = o.value
		default:
			return maelstrom.NewRPCError(maelstrom.NotSupported, fmt.Sprintf("unknown operation %q", o.f))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.Copy(s.store, writes)
	return nil
}

func (s *server) read(key int) *int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.store[key]
}
