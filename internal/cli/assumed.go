package cli

import (
	"fmt"
	"strings"

	"glomers/checkers"
	"glomers/internal/jepsen"
)

// assumed are the options by which a run that glomers did not record is judged, and
// where each comes from: a verdict says little unless its question is known.
type assumed struct {
	workload, models, availability string // the sources
}

// assume sets the options that the store of the real Maelstrom tells. It is called
// before the flags are applied, which override them.
func assume(r *recordedRun, o *checkers.Options) (assumed, error) {
	from := assumed{"the path", "the default", "the default"}
	if r.test != nil || r.store == nil {
		return from, nil
	}
	found, err := r.store.ForeignOptions()
	if err != nil || found == nil {
		return from, err
	}
	o.Workload = found.Workload
	o.Nodes, o.Concurrency = found.Nodes, found.Concurrency
	o.Availability, o.ConsistencyModels = found.Availability, found.ConsistencyModels
	from.set(found)
	return from, nil
}

func (a *assumed) set(found *jepsen.Options) {
	for option, source := range map[string]*string{"workload": &a.workload, "consistency-models": &a.models, "availability": &a.availability} {
		if place := found.Place(option); place != "" {
			*source = place
		}
	}
}

// override notes which options the user gave.
func (a *assumed) override(f *checkFlags) {
	if f.workload != "" {
		a.workload = "--workload"
	}
	if f.models != nil {
		a.models = "--consistency-models"
	}
	if f.availability != nil {
		a.availability = "--availability"
	}
}

// describe says in one line how the run is judged.
func (a assumed) describe(o checkers.Options) string {
	parts := []string{fmt.Sprintf("workload %s (%s)", o.Workload, a.workload)}
	if strings.HasPrefix(o.Workload, "txn-") {
		models := o.ConsistencyModels
		if models == nil {
			models = []string{"strict-serializable"}
		}
		parts = append(parts, fmt.Sprintf("consistency models %s (%s)", strings.Join(models, ", "), a.models))
	}
	least := "any"
	if o.Availability != nil {
		least = fmt.Sprint("at least ", *o.Availability)
		if *o.Availability == 1 {
			least = "total"
		}
	}
	return strings.Join(append(parts, fmt.Sprintf("availability %s (%s)", least, a.availability)), ", ")
}
