package process

import (
	"fmt"
	"time"
)

// A node floods the network if it prints more than maxMessages messages within a second
// and more than floodRatio for each that it gets from others. A fast node under load
// prints as many, but in answer to requests; so the number alone, which depends on the
// machine, says nothing. Messages of a node to itself are no requests.
const (
	maxMessages = 10_000
	floodRatio  = 100
)

// traffic counts the messages of a node within the current second of the run.
type traffic struct {
	second            time.Duration
	printed, toItself int
	fromOthers        int
}

// at begins a new count when a new second has begun.
func (t *traffic) at(now time.Duration) {
	if second := now.Truncate(time.Second); second != t.second {
		*t = traffic{second: second}
	}
}

// print counts a message that the node printed.
func (t *traffic) print(toItself bool) error {
	t.printed++
	if toItself {
		t.toItself++
	}
	if t.printed <= maxMessages || t.printed <= floodRatio*t.fromOthers {
		return nil
	}
	return fmt.Errorf("floods the network: it printed %d messages within a second, %d of them to itself, and got %d from others", t.printed, t.toItself, t.fromOthers)
}
