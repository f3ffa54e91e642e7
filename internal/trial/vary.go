package trial

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"glomers/internal/spec"
)

// Variation is what differs between the machines of learners, within which Vary
// chooses. A zero bound leaves the test as it is.
type Variation struct {
	LeastCPUCost, MostCPUCost time.Duration // of a message
	LeastLatency              float64       // as a part of the latency of the test; the most is all of it
}

// Vary returns the test with the values that a seed chooses, and these as options, so
// that the test can be repeated with them alone. It leaves the seed of the test as it is.
func (v Variation) Vary(t spec.Test, seed uint64) (spec.Test, []Option) {
	// A stream of its own: what happens in the run does not depend on these draws
	// except through the values.
	r := rand.New(rand.NewPCG(seed, 0x76617279))
	var options []Option
	if v.MostCPUCost > 0 {
		// As likely to double as to halve, from one seed to another.
		least, most := float64(v.LeastCPUCost), float64(v.MostCPUCost)
		cost := time.Duration(least * math.Pow(most/least, r.Float64())).Round(time.Microsecond)
		t.CPUCost = spec.Duration(cost)
		options = append(options, Option{"cpu-cost", cost.String()})
	}
	if v.LeastLatency > 0 && t.LatencyMS > 1 {
		ms := math.Round(t.LatencyMS * (v.LeastLatency + (1-v.LeastLatency)*r.Float64()))
		t.LatencyMS = ms
		options = append(options, Option{"latency", fmt.Sprint(ms)})
	}
	return t, options
}
