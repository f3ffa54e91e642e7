package network

import (
	"fmt"
	"math/rand/v2"
	"time"
)

// Dist is the shape of the distribution that latencies are drawn from.
type Dist string

// The distributions that Maelstrom offers.
const (
	Constant    Dist = "constant"    // always the mean
	Uniform     Dist = "uniform"     // from 0 to twice the mean
	Exponential Dist = "exponential" // memoryless, unbounded
)

// Latency is how long messages between servers take.
type Latency struct {
	Mean time.Duration
	Dist Dist
}

// Validate reports a negative mean or an unknown distribution.
func (l Latency) Validate() error {
	if l.Mean < 0 {
		return fmt.Errorf("latency is %v, expected 0 or more", l.Mean)
	}
	switch l.Dist {
	case Constant, Uniform, Exponential:
		return nil
	}
	return fmt.Errorf("latency distribution is %q, expected constant, uniform or exponential", l.Dist)
}

// draw returns the latency of one message.
func (l Latency) draw(r *rand.Rand) time.Duration {
	switch {
	case l.Mean <= 0 || l.Dist == Constant:
		return max(l.Mean, 0)
	case l.Dist == Uniform:
		return time.Duration(r.Int64N(2*int64(l.Mean) + 1))
	}
	return time.Duration(r.ExpFloat64() * float64(l.Mean))
}
