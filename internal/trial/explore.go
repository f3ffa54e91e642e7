package trial

import (
	"context"
	"sync"
)

// Explore runs the seeds from first on, count of them, on so many goroutines, and
// returns what it has when they are done or the context ends. done is called
// after each run, never at the same time; it may be nil. An error ends it.
func Explore(ctx context.Context, first, count uint64, jobs int, run func(ctx context.Context, seed uint64) (Outcome, error), done func(Outcome)) ([]Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var outcomes []Outcome
	var failed error
	next := first
	var workers sync.WaitGroup
	for range jobs {
		workers.Go(func() {
			for {
				mu.Lock()
				seed := next
				next++
				mu.Unlock()
				if seed >= first+count || ctx.Err() != nil {
					return
				}
				o, err := run(ctx, seed)
				mu.Lock()
				switch {
				case err == nil:
					outcomes = append(outcomes, o)
					if done != nil {
						done(o)
					}
				case ctx.Err() == nil && failed == nil:
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
