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
	kernel  *kernel.Kernel
	net     Network
	id      string
	node    string
	nextID  int64
	waiting *call
}

type call struct {
	msgID   int64
	timer   *kernel.Timer
	request string
	done    func(Reply, *Error)
}

// NewClient returns a client with an id of its own that talks to node. The caller
// attaches it to the network.
func NewClient(k *kernel.Kernel, net Network, id, node string) *Client {
	return &Client{kernel: k, net: net, id: id, node: node, nextID: 1}
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

// Reply is the body of an answer.
type Reply struct{ body edn.Map }

// Get returns a field of the body, nil if it is absent.
func (r Reply) Get(field string) any {
	v, _ := r.body.Get(field)
	return v
}

// Call sends a request of the given type and fields. It calls done once: with
// the reply, which has the type request_ok, or with an error.
func (c *Client) Call(request string, fields edn.Map, timeout time.Duration, done func(Reply, *Error)) {
	msgID := c.nextID
	c.nextID++
	body := make(edn.Map, 0, len(fields)+2)
	body = append(body, edn.Entry{Key: "type", Value: request})
	body = append(body, fields...)
	body = append(body, edn.Entry{Key: "msg_id", Value: msgID})
	w := &call{msgID: msgID, request: request, done: done}
	w.timer = c.kernel.After(timeout, func() {
		c.waiting = nil
		done(Reply{}, &Error{Name: "net-timeout"})
	})
	c.waiting = w
	if err := c.net.Send(c.id, c.node, edn.ToJSON(body)); err != nil {
		panic(fmt.Sprintf("client %s: %v", c.id, err)) // the runner attached both
	}
}

// Deliver takes an answer from the network. Answers to requests that were given
// up are ignored.
func (c *Client) Deliver(m journal.Message) {
	var head struct {
		Type      string `json:"type"`
		InReplyTo *int64 `json:"in_reply_to"`
	}
	headErr := json.Unmarshal(m.Body, &head)
	w := c.waiting
	if w == nil || head.InReplyTo == nil || *head.InReplyTo != w.msgID {
		return
	}
	c.waiting = nil
	w.timer.Cancel()
	v, err := edn.FromJSON(m.Body)
	body, ok := v.(edn.Map)
	switch {
	case err != nil || headErr != nil || !ok:
		w.done(Reply{}, malformed(c.node, m.Body, "an object with a type"))
	case head.Type == "error":
		w.done(Reply{}, fromBody(Reply{body}))
	case head.Type != w.request+"_ok":
		w.done(Reply{}, malformed(c.node, m.Body, fmt.Sprintf("the type %q", w.request+"_ok")))
	default:
		w.done(Reply{body}, nil)
	}
}

// Error is why a request brought no reply.
type Error struct {
	Name     string
	Text     string
	Definite bool // the operation certainly did not happen
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Name, e.Text) }

// EDN returns the error as histories hold it.
func (e *Error) EDN() any {
	if e.Text == "" {
		return edn.Keyword(e.Name)
	}
	return []any{edn.Keyword(e.Name), e.Text}
}

// malformed is an answer that has the wrong shape. Nobody knows whether the
// operation happened.
func malformed(node string, body json.RawMessage, want string) *Error {
	const shown = 200
	return &Error{Name: "malformed-rpc-response", Text: fmt.Sprintf("node %s answered %s, expected %s", node, brief.JSON(body, shown), want)}
}

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

func fromBody(r Reply) *Error {
	e := Error{Name: "unknown"}
	if code, ok := r.Get("code").(int64); ok {
		if known, ok := errorCodes[code]; ok {
			e = known
		}
	}
	if text, ok := r.Get("text").(string); ok {
		e.Text = text
	}
	if e.Text == "" {
		e.Text = "no text"
	}
	return &e
}

// failed completes op after an error: as fail if it certainly did not happen or
// is idempotent, which is harmless to believe; otherwise as info.
func failed(op history.Op, e *Error, idempotent bool) history.Op {
	op.Type = history.Info
	if e.Definite || idempotent {
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
