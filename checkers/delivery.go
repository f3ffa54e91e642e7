package checkers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"glomers/checkers/journal"
)

// Delivery measures, from the journal of a broadcast run, how long values take to
// reach all nodes. The stable latency of the official check is sampled by reads: if
// no read falls into the time in which a value is still missing somewhere, the value
// counts as stable at once. The journal has every message, so nothing falls between
// two samples.
//
// A value counts as delivered to a node when the node receives a message that
// contains it, as a number anywhere in the body except msg_id and in_reply_to, from a
// node that had it before. Values that a solution encodes in a way of its own, such
// as text or bit sets, are not recognised; DeliveryResult.Everywhere is then smaller
// than Values. A number that equals a value by chance can only make a delivery
// appear too early, never too late.
type Delivery struct {
	nodes    int
	sent     map[string]time.Duration            // value → when a client sent it
	has      map[string]map[string]time.Duration // value → node → when the node received it
	inFlight map[int64]mention
}

type mention struct {
	src, dest string
	values    []string
	fresh     bool // from a client
}

// NewDelivery returns a measurement among the given number of nodes.
func NewDelivery(nodes int) *Delivery {
	return &Delivery{nodes, map[string]time.Duration{}, map[string]map[string]time.Duration{}, map[int64]mention{}}
}

// Add takes the next event of the journal; journal.Read calls a function with each.
func (d *Delivery) Add(e journal.Event) {
	switch e.Kind {
	case journal.Send:
		m := &e.Message
		if journal.IsClient(m.Dest) {
			return
		}
		if !journal.IsClient(m.Src) {
			if values := numbers(m.Body); len(values) > 0 {
				d.inFlight[m.ID] = mention{m.Src, m.Dest, values, false}
			}
			return
		}
		body := journal.FieldsOf(m.Body)
		if value := string(body["message"]); body.Text("type") == "broadcast" && d.has[value] == nil {
			d.sent[value] = e.Time
			d.has[value] = map[string]time.Duration{}
			d.inFlight[m.ID] = mention{m.Src, m.Dest, []string{value}, true}
		}
	case journal.Drop:
		delete(d.inFlight, e.Message.ID)
	case journal.Recv:
		m, ok := d.inFlight[e.Message.ID]
		if !ok {
			return
		}
		for _, value := range m.values {
			nodes := d.has[value]
			if nodes == nil {
				continue
			}
			_, known := nodes[m.src]
			_, already := nodes[m.dest]
			if (m.fresh || known) && !already {
				nodes[m.dest] = e.Time
			}
		}
	}
}

// numbers lists the numbers in a message body, leaving out msg_id and in_reply_to.
func numbers(body []byte) []string {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v map[string]any
	if dec.Decode(&v) != nil {
		return nil
	}
	delete(v, "msg_id")
	delete(v, "in_reply_to")
	var out []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case json.Number:
			out = append(out, v.String())
		case []any:
			for _, x := range v {
				walk(x)
			}
		case map[string]any:
			for _, k := range slices.Sorted(maps.Keys(v)) {
				out = append(out, k) // as in {"3": true}
				walk(v[k])
			}
		}
	}
	walk(v)
	return out
}

// DeliveryResult says how many values reached all nodes, and how fast.
type DeliveryResult struct {
	Values     int        `json:"values"`            // that clients sent
	Everywhere int        `json:"everywhere"`        // of these, that reached every node
	Latency    *Quantiles `json:"latency,omitempty"` // of those: from the client's message to the last node
}

// Result returns what was measured so far.
func (d *Delivery) Result() DeliveryResult {
	r := DeliveryResult{Values: len(d.sent)}
	var times []time.Duration
	for _, value := range slices.Sorted(maps.Keys(d.has)) {
		nodes := d.has[value]
		if len(nodes) < d.nodes {
			continue
		}
		last := time.Duration(0)
		for _, t := range nodes { // unordered: a maximum
			last = max(last, t)
		}
		times = append(times, last-d.sent[value])
	}
	if r.Everywhere = len(times); r.Everywhere > 0 {
		r.Latency = QuantilesOf(times)
	}
	return r
}

func (r DeliveryResult) String() string {
	s := fmt.Sprintf("%d of %d values everywhere", r.Everywhere, r.Values)
	if r.Latency != nil {
		s += ": " + r.Latency.String()
	}
	return s
}
