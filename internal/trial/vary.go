package trial

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"glomers/internal/spec"
)

// Variation holds the bounds within which Vary chooses what differs from machine to
// machine, and on one machine from run to run. A zero bound leaves the test as it is.
type Variation struct {
	LeastCPUCost spec.Duration `json:"least-cpu-cost,omitempty"` // of a message
	MostCPUCost  spec.Duration `json:"most-cpu-cost,omitempty"`
	LeastLatency float64       `json:"least-latency,omitempty"` // as a part of the latency of the test; the most is all of it
	LeastYields  float64       `json:"least-yields,omitempty"`  // probability with which goroutines give way; one of four seeds has none
	MostYields   float64       `json:"most-yields,omitempty"`
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
	if v.MostYields > 0 && r.IntN(4) > 0 {
		p := v.LeastYields * math.Pow(v.MostYields/v.LeastYields, r.Float64())
		t.Yields = math.Round(p*1000) / 1000
		options = append(options, Option{"yields", fmt.Sprint(t.Yields)})
	}
	return t, options
}
