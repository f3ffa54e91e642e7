package workload

import (
	"fmt"
	"math/rand/v2"
	"time"

	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/internal/kernel"
)

// echo: nodes send back what they get.
type echo struct{ random *rand.Rand }

func newEcho(_ Options, k *kernel.Kernel) (Workload, error) {
	return &echo{k.Rand("generator")}, nil
}

func (w *echo) Next(_ time.Duration, free []Worker) (history.Op, Worker, bool) {
	return history.Op{F: "echo", Value: fmt.Sprintf("Please echo %d", w.random.IntN(128))}, pick(w.random, free), true
}

func (w *echo) Open(c *Client) Session { return echoSession{c} }

type echoSession struct{ *Client }

func (s echoSession) Invoke(op history.Op, done func(history.Op)) {
	s.Call(EchoRPC, fields("echo", op.Value), DefaultTimeout, func(r Reply, err *Error) {
		if err != nil {
			done(failed(op, err, false))
			return
		}
		// The whole body is the value, its field names as keywords.
		body := make(edn.Map, len(r.body))
		for i, e := range r.body {
			body[i] = edn.Entry{Key: edn.Keyword(fmt.Sprint(e.Key)), Value: e.Value}
		}
		edn.SortMap(body)
		done(succeeded(op, body))
	})
}

// uniqueIDs: nodes generate ids that no node ever repeats.
type uniqueIDs struct{ random *rand.Rand }

func newUniqueIDs(_ Options, k *kernel.Kernel) (Workload, error) {
	return &uniqueIDs{k.Rand("generator")}, nil
}

func (w *uniqueIDs) Next(_ time.Duration, free []Worker) (history.Op, Worker, bool) {
	return history.Op{F: "generate"}, pick(w.random, free), true
}

func (w *uniqueIDs) Open(c *Client) Session { return uniqueIDsSession{c} }

type uniqueIDsSession struct{ *Client }

func (s uniqueIDsSession) Invoke(op history.Op, done func(history.Op)) {
	s.Call(generateRPC, nil, DefaultTimeout, func(r Reply, err *Error) {
		if err != nil {
			done(failed(op, err, false))
			return
		}
		done(succeeded(op, r.Get("id")))
	})
}

// set is a growing set of integers. broadcast and g-set differ only in the names of
// their messages and fields.
type set struct {
	finalReads
	random   *rand.Rand
	next     int64
	protocol setProtocol
}

type setProtocol struct {
	addRPC, readRPC   RPC
	element, elements string
	topology          edn.Map // nil if clients send none
	mapErrors         bool    // operations that certainly did not happen fail; otherwise all errors are indefinite
}

func newBroadcast(o Options, k *kernel.Kernel) (Workload, error) {
	topology, err := Topology(o.Topology, o.Nodes)
	if err != nil {
		return nil, err
	}
	return &set{
		finalReads: newFinalReads(history.Op{F: "read", Final: true}),
		random:     k.Rand("generator"),
		protocol:   setProtocol{broadcastRPC, broadcastReadRPC, "message", "messages", topology, true},
	}, nil
}

func newGSet(_ Options, k *kernel.Kernel) (Workload, error) {
	return &set{
		finalReads: newFinalReads(history.Op{F: "read"}),
		random:     k.Rand("generator"),
		protocol:   setProtocol{setAddRPC, setReadRPC, "element", "value", nil, false},
	}, nil
}

func (w *set) Next(_ time.Duration, free []Worker) (history.Op, Worker, bool) {
	worker := pick(w.random, free)
	if w.random.IntN(2) == 0 {
		return history.Op{F: "read"}, worker, true
	}
	op := history.Op{F: w.protocol.addRPC.Request, Value: w.next}
	w.next++
	return op, worker, true
}

func (w *set) Prepare(c *Client, done func(error)) {
	if w.protocol.topology == nil {
		done(nil)
		return
	}
	c.Call(topologyRPC, fields("topology", w.protocol.topology), DefaultTimeout, func(_ Reply, err *Error) {
		if err != nil {
			done(&SetupError{c.Node(), topologyRPC.Request, DefaultTimeout, err})
			return
		}
		done(nil)
	})
}

func (w *set) Open(c *Client) Session { return setSession{c, w.protocol} }

type setSession struct {
	*Client
	protocol setProtocol
}

func (s setSession) Invoke(op history.Op, done func(history.Op)) {
	if op.F != "read" {
		s.Call(s.protocol.addRPC, fields(s.protocol.element, op.Value), DefaultTimeout, func(_ Reply, err *Error) {
			if err != nil {
				done(s.failed(op, err, false))
				return
			}
			done(succeeded(op, op.Value))
		})
		return
	}
	s.Call(s.protocol.readRPC, nil, DefaultTimeout, func(r Reply, err *Error) {
		if err != nil {
			done(s.failed(op, err, true))
			return
		}
		done(succeeded(op, r.Get(s.protocol.elements))) // null is no element, as in Maelstrom
	})
}

func (s setSession) failed(op history.Op, err *Error, idempotent bool) history.Op {
	if !s.protocol.mapErrors {
		err.Definite, idempotent = false, false
	}
	return failed(op, err, idempotent)
}

// counter is a counter that grows only (g-counter) or may shrink (pn-counter).
type counter struct {
	finalReads
	random   *rand.Rand
	growOnly bool
}

func newPNCounter(_ Options, k *kernel.Kernel) (Workload, error) { return newCounter(k, false), nil }
func newGCounter(_ Options, k *kernel.Kernel) (Workload, error)  { return newCounter(k, true), nil }

func newCounter(k *kernel.Kernel, growOnly bool) Workload {
	return &counter{newFinalReads(history.Op{F: "read", Final: true}), k.Rand("generator"), growOnly}
}

// Next draws a read or an add of -5 to 4. As in Maelstrom, the operations of
// g-counter are those of pn-counter without the negative adds, so that a third of
// them are adds; the rate counts only those that remain.
func (w *counter) Next(_ time.Duration, free []Worker) (history.Op, Worker, bool) {
	worker := pick(w.random, free)
	for {
		if w.random.IntN(2) == 0 {
			return history.Op{F: "read"}, worker, true
		}
		if delta := w.random.Int64N(10) - 5; delta >= 0 || !w.growOnly {
			return history.Op{F: "add", Value: delta}, worker, true
		}
	}
}

func (w *counter) Open(c *Client) Session { return counterSession{c} }

type counterSession struct{ *Client }

// Invoke treats every error as indefinite, as Maelstrom's counter clients do.
func (s counterSession) Invoke(op history.Op, done func(history.Op)) {
	indefinite := func(err *Error) history.Op {
		err.Definite = false
		return failed(op, err, false)
	}
	if op.F == "add" {
		s.Call(counterAddRPC, fields("delta", op.Value), DefaultTimeout, func(_ Reply, err *Error) {
			if err != nil {
				done(indefinite(err))
				return
			}
			done(succeeded(op, op.Value))
		})
		return
	}
	s.Call(counterReadRPC, nil, DefaultTimeout, func(r Reply, err *Error) {
		if err != nil {
			done(indefinite(err))
			return
		}
		done(succeeded(op, r.Get("value")))
	})
}
