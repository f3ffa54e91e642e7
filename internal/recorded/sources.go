package recorded

import (
	"cmp"
	"fmt"
	"strings"

	"glomers/checkers"
	"glomers/internal/jepsen"
)

// Sources say where the options come from by which a run that glomers did not record
// is judged: a verdict says little unless its question is known.
type Sources struct {
	Workload, Models, Availability string
}

// assume sets the options that the store of the real Maelstrom holds.
func (r *Run) assume(o *checkers.Options) (Sources, error) {
	from := Sources{"the path", "the default", "the default"}
	if r.Test != nil || r.Store == nil {
		return from, nil
	}
	found, err := r.Store.ForeignOptions()
	if err != nil || found == nil {
		return from, err
	}
	o.Workload = found.Workload
	o.Nodes, o.Concurrency = found.Nodes, found.Concurrency
	o.Availability, o.ConsistencyModels = found.Availability, found.ConsistencyModels
	from.set(found)
	return from, nil
}

func (s *Sources) set(found *jepsen.Options) {
	s.Workload = cmp.Or(found.Place("workload"), s.Workload)
	s.Models = cmp.Or(found.Place("consistency-models"), s.Models)
	s.Availability = cmp.Or(found.Place("availability"), s.Availability)
}

// Describe says in one line how the run is judged.
func (s Sources) Describe(o checkers.Options) string {
	parts := []string{fmt.Sprintf("workload %s (%s)", o.Workload, s.Workload)}
	if strings.HasPrefix(o.Workload, "txn-") {
		models := o.ConsistencyModels
		if models == nil {
			models = []string{"strict-serializable"}
		}
		parts = append(parts, fmt.Sprintf("consistency models %s (%s)", strings.Join(models, ", "), s.Models))
	}
	least := "any"
	if o.Availability != nil {
		least = fmt.Sprint("at least ", *o.Availability)
		if *o.Availability == 1 {
			least = "total"
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("availability %s (%s)", least, s.Availability)), ", ")
}
