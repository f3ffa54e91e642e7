package workload

import (
	"encoding/json"
	"fmt"
	"time"

	"glomers/checkers/brief"
	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/kernel"
)

// Network is what a client needs of the network.
type Network interface {
	Send(src, dest string, body json.RawMessage) error
}

// DefaultTimeout is how long a client waits for an answer.
const DefaultTimeout = 5 * time.Second

// Client sends requests to one node, one at a time, and waits for the answers.
type Client struct {
	kernel   *kernel.Kernel
	net      Network
	id       string
	node     string
	nextID   int64
	waiting  *call
	timeouts map[int64]bool // requests that got no answer in time

	// OnStray, if set, is called for every message that answers no request.
	OnStray func(Stray)
}

// A Stray is a message to a client that answers none of its requests.
type Stray struct {
	Message journal.Message
	Reason  string
}

func (s Stray) String() string {
	return fmt.Sprintf("%s: %s", s.Reason, brief.Text(s.Message.String(), 300))
}

type call struct {
	rpc   RPC
	msgID int64
	timer *kernel.Timer
	done  func(Reply, *Error)
}

// NewClient returns a client with an id of its own that talks to node. The caller
// attaches it to the network.
func NewClient(k *kernel.Kernel, net Network, id, node string) *Client {
	return &Client{kernel: k, net: net, id: id, node: node, nextID: 1, timeouts: map[int64]bool{}}
}

// ID returns the client's id on the network, such as c7.
func (c *Client) ID() string { return c.id }

// Node returns the id of the node that the client talks to.
func (c *Client) Node() string { return c.node }

// Close gives up on the request in flight, if any, without calling its callback.
func (c *Client) Close() {
	if c.waiting != nil {
		c.waiting.timer.Cancel()
		c.waiting = nil
	}
}

// Call sends a request with the given fields. It calls done once: with the reply,
// which has the shape that the RPC requires, or with an error.
func (c *Client) Call(rpc RPC, fields edn.Map, timeout time.Duration, done func(Reply, *Error)) {
	msgID := c.nextID
	c.nextID++
	body := make(edn.Map, 0, len(fields)+2)
	body = append(body, edn.Entry{Key: "type", Value: rpc.Request})
	body = append(body, fields...)
	body = append(body, edn.Entry{Key: "msg_id", Value: msgID})
	w := &call{rpc: rpc, msgID: msgID, done: done}
	w.timer = c.kernel.After(timeout, func() {
		c.waiting = nil
		c.timeouts[msgID] = true
		done(Reply{}, &Error{Name: "net-timeout"})
	})
	c.waiting = w
	if err := c.net.Send(c.id, c.node, edn.ToJSON(body)); err != nil {
		panic(fmt.Sprintf("client %s: %v", c.id, err)) // the runner attached both
	}
}

// Deliver takes a message from the network. As in Maelstrom, one that does not
// answer the request in flight is ignored; it is reported as a stray unless it is
// the late answer to a request that timed out.
func (c *Client) Deliver(m journal.Message) {
	v, err := edn.FromJSON(m.Body)
	body, ok := v.(edn.Map)
	switch {
	case err != nil: // the node's line was JSON, so it is a value such as 1e400
		c.stray(m, fmt.Sprintf("its body cannot be read: %v", err))
		return
	case !ok:
		c.stray(m, "its body is not a JSON object")
		return
	}
	to, reason := inReplyTo(body)
	w := c.waiting
	switch {
	case reason != "":
		c.stray(m, reason)
	case w != nil && to == w.msgID:
		c.waiting = nil
		w.timer.Cancel()
		w.done(w.rpc.reply(c.node, body))
	case c.timeouts[to]:
		delete(c.timeouts, to)
	case to > 0 && to < c.nextID:
		c.stray(m, fmt.Sprintf("request %d has been answered before", to))
	default:
		c.stray(m, fmt.Sprintf(`its "in_reply_to" is %d, but %s sent no request with that msg_id`, to, c.id))
	}
}

func (c *Client) stray(m journal.Message, reason string) {
	if c.OnStray != nil {
		c.OnStray(Stray{m, reason})
	}
}

// inReplyTo returns the id of the request that a body answers, or why it answers
// none.
func inReplyTo(body edn.Map) (id int64, reason string) {
	v, ok := lastValue(body, "in_reply_to")
	if !ok {
		for _, e := range body {
			if name := e.Key.(string); journal.SameLetters(name, "in_reply_to") {
				return 0, fmt.Sprintf(`it has the field %q, expected "in_reply_to"`, name)
			}
		}
		return 0, `it has no "in_reply_to", the msg_id of the request`
	}
	id, ok = v.(int64)
	if !ok {
		return 0, fmt.Sprintf(`its "in_reply_to" is %s, expected the msg_id of the request, an integer`, jsonText(v))
	}
	return id, ""
}

// Error is why a request brought no reply.
type Error struct {
	Name     string
	Text     string
	Definite bool // the operation certainly did not happen
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Name, e.Text) }

func (e *Error) malformed() bool { return e.Name == malformedReply }

// EDN returns the error as histories hold it.
func (e *Error) EDN() any {
	if e.Text == "" {
		return edn.Keyword(e.Name)
	}
	return []any{edn.Keyword(e.Name), e.Text}
}

// A SetupError is a node that did not answer, as it must, a request that its client
// sends before the load.
type SetupError struct {
	Node    string
	Request string        // topology
	Timeout time.Duration // for so long the client waited
	Err     *Error
}

// Silent reports whether the node did not answer at all.
func (e *SetupError) Silent() bool { return e.Err.Name == "net-timeout" }

func (e *SetupError) Error() string {
	if e.Silent() {
		return fmt.Sprintf("node %s %v", e.Node, e.Omission())
	}
	return fmt.Sprintf("node %s did not answer %s with %[2]s_ok: %v", e.Node, e.Request, e.Err)
}

// Omission completes "node n0 …" for a node that did not answer at all.
func (e *SetupError) Omission() error {
	return fmt.Errorf("did not answer %s within %v: is there a handler for it, and does it answer %[1]s_ok?", e.Request, e.Timeout)
}

// Unwrap returns the error that the client got.
func (e *SetupError) Unwrap() error { return e.Err }

// errorCodes are Maelstrom's (doc/protocol.md). Codes that are not here are
// indefinite.
var errorCodes = map[int64]Error{
	0:  {Name: "timeout"},
	1:  {Name: "node-not-found", Definite: true},
	10: {Name: "not-supported", Definite: true},
	11: {Name: "temporarily-unavailable", Definite: true},
	12: {Name: "malformed-request", Definite: true},
	13: {Name: "crash"},
	14: {Name: "abort", Definite: true},
	20: {Name: "key-does-not-exist", Definite: true},
	21: {Name: "key-already-exists", Definite: true},
	22: {Name: "precondition-failed", Definite: true},
	30: {Name: "txn-conflict", Definite: true},
}

// fromBody returns the error that the body of a message of type error describes.
func fromBody(body edn.Map) *Error {
	e := Error{Name: "unknown"}
	code, _ := lastValue(body, "code")
	if code, ok := code.(int64); ok {
		if known, ok := errorCodes[code]; ok {
			e = known
		}
	}
	text, _ := lastValue(body, "text")
	switch text := text.(type) {
	case nil:
		e.Text = "no text"
	case string:
		e.Text = text
	default:
		e.Text = jsonText(text)
	}
	return &e
}

// failed completes op after an error: as fail if it certainly did not happen, or if it
// is idempotent, so that it makes no difference whether it did; otherwise as info.
// After a malformed reply the outcome of every operation is unknown.
func failed(op history.Op, e *Error, idempotent bool) history.Op {
	op.Type = history.Info
	if e.Definite || idempotent && !e.malformed() {
		op.Type = history.Fail
	}
	op.Error = e.EDN()
	return op
}

func succeeded(op history.Op, value any) history.Op {
	op.Type = history.OK
	op.Value = value
	return op
}
