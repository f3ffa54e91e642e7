package trial

import (
	"context"
	"sync"
)

// Explore runs seeds, jobs of them at a time, and returns the outcomes when all are done
// or the context ends. done is called after each run, one call at a time; it may be nil.
// The first error of a run ends the exploration.
func Explore(ctx context.Context, seeds Seeds, jobs int, run func(ctx context.Context, seed uint64) (Outcome, error), done func(Outcome)) ([]Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var outcomes []Outcome
	var failed error
	var started uint64
	var workers sync.WaitGroup
	for range jobs {
		workers.Go(func() {
			for {
				mu.Lock()
				if started == seeds.Count || ctx.Err() != nil {
					mu.Unlock()
					return
				}
				seed := seeds.At(started)
				started++
				mu.Unlock()
				o, err := run(ctx, seed)
				mu.Lock()
				switch {
				case err == nil:
					outcomes = append(outcomes, o)
					if done != nil {
						done(o)
					}
				case ctx.Err() == nil:
					failed = err
					cancel()
				}
				mu.Unlock()
			}
		})
	}
	workers.Wait()
	return outcomes, failed
}
