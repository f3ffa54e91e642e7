package checkers

import (
	"math"
	"time"

	"glomers/checkers/history"
)

// offsetRecord is an answer that showed a higher offset of its key than all before
// it. From then on, every offset up to it was known to exist.
type offsetRecord struct {
	offset int64
	time   time.Duration
}

// worstRealtimeLag finds the poll that was farthest behind; see Lag.
func (k *kafkaHistory) worstRealtimeLag() Lag {
	type offsets struct {
		key    any
		offset int64
	}
	highest := func(o *kafkaOp) (out []offsets) {
		for _, p := range o.polls {
			high := int64(-1)
			for _, pair := range p.pairs {
				high = max(high, pair.offset)
			}
			out = append(out, offsets{p.log.key, high})
		}
		for _, s := range o.sends {
			if s.offset >= 0 {
				out = append(out, offsets{s.log.key, s.offset})
			}
		}
		return out
	}
	records := map[any][]offsetRecord{}
	for i := range k.ops {
		o := &k.ops[i]
		if o.op.Type == history.Fail {
			continue
		}
		for _, h := range highest(o) {
			list := records[mapKey(h.key)]
			if h.offset >= 0 && (len(list) == 0 || h.offset > list[len(list)-1].offset) {
				records[mapKey(h.key)] = append(list, offsetRecord{h.offset, o.op.Time})
			}
		}
	}
	// position is how far a client has read one key. behind holds the positions below
	// the highest offset ever known of their key: only they can lag.
	type position struct {
		key     any
		at      int64
		records []offsetRecord // those of offsets beyond at
	}
	type client struct {
		positions map[any]*position
		behind    []*position
	}
	clients := map[int]*client{}
	var worst Lag
	for i := range k.history.Ops {
		op := &k.history.Ops[i]
		if op.Type != history.OK {
			continue
		}
		c := clients[op.Process]
		if c == nil {
			c = &client{positions: map[any]*position{}}
			clients[op.Process] = c
		}
		if op.F == "subscribe" { // to topics: which keys it will poll is not known
			delete(clients, op.Process)
			continue
		}
		if op.F == "assign" {
			keys, _ := sequence(op.Value)
			next := &client{positions: map[any]*position{}}
			for _, key := range keys {
				p := c.positions[mapKey(key)]
				if p == nil {
					p = &position{key, -1, records[mapKey(key)]}
				}
				next.positions[mapKey(key)] = p
				next.behind = append(next.behind, p)
			}
			clients[op.Process] = next
			continue
		}
		o := k.byIndex[op.Index]
		if o == nil || op.F == "send" {
			continue
		}
		for _, h := range highest(o) {
			p := c.positions[mapKey(h.key)]
			if p == nil {
				p = &position{h.key, math.MinInt64, records[mapKey(h.key)]}
				c.positions[mapKey(h.key)] = p
				c.behind = append(c.behind, p)
			}
			p.at = max(p.at, h.offset)
		}
		began := k.history.Invocation(op).Time
		behind := c.behind[:0]
		for _, p := range c.behind {
			lag := time.Duration(0)
			for len(p.records) > 0 && p.records[0].offset <= p.at {
				p.records = p.records[1:]
			}
			if len(p.records) > 0 {
				lag = max(began-p.records[0].time, 0)
				behind = append(behind, p)
			}
			if !worst.found || lag > worst.Lag {
				worst = Lag{lag, began, op.Process, p.key, true}
			}
		}
		c.behind = behind
	}
	return worst
}
