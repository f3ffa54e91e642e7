// Command program is what the self-test of native simulation runs. It does what
// could depend on the machine, and prints what it sees: two runs with one seed
// must print the same.
package main

import (
	"bufio"
	"context"
	crand "crypto/rand"
	"fmt"
	"hash/maphash"
	"math/rand"
	randv2 "math/rand/v2"
	"os"
	"runtime"
	"sync"
	"time"
)

func main() {
	fmt.Println("start", time.Now().UTC().Format(time.RFC3339Nano), os.Getpid() > 0, runtime.NumCPU(), runtime.GOMAXPROCS(4))
	in := bufio.NewReader(os.Stdin)
	for round := 0; ; round++ {
		line, err := in.ReadString('\n')
		if err != nil {
			panic(err)
		}
		fmt.Print("read ", line)
		randomness()
		order()
		garbage(round)
		timers()
		panics()
		fmt.Println("done", round, time.Now().UnixNano())
	}
}

// randomness uses every source of random numbers.
func randomness() {
	buf := make([]byte, 16)
	if _, err := crand.Read(buf); err != nil {
		panic(err)
	}
	var h maphash.Hash
	h.WriteString("glomers")
	fmt.Printf("random %x %d %d %x\n", buf, rand.Int63(), randv2.Uint64(), h.Sum64())
}

// order is that of maps, of cases of a select, and of goroutines.
func order() {
	m := map[int]string{}
	for i := range 50 {
		m[i] = fmt.Sprint(i)
	}
	pointers := map[*int]int{}
	for i := range 50 {
		pointers[new(int)] = i
	}
	for k := range m {
		fmt.Print(k, " ")
	}
	for _, v := range pointers {
		fmt.Print(v, " ")
	}
	a, b, c := make(chan int, 100), make(chan int, 100), make(chan int, 100)
	for i := range 100 {
		a <- i
		b <- i
		c <- i
	}
	for range 100 {
		select {
		case <-a:
			fmt.Print("a")
		case <-b:
			fmt.Print("b")
		case <-c:
			fmt.Print("c")
		}
	}
	fmt.Println()
	var mu sync.Mutex
	var wg sync.WaitGroup
	var seen []int
	for i := range 200 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for j := range 5 {
				mu.Lock()
				seen = append(seen, 5*i+j)
				mu.Unlock()
				runtime.Gosched()
			}
		}()
	}
	wg.Wait()
	fmt.Println("goroutines", seen)
}

type object struct {
	next *object
	data [100]byte
}

var kept []*object

// garbage makes the collector run while goroutines allocate.
func garbage(round int) {
	var wg sync.WaitGroup
	pool := sync.Pool{New: func() any { return new(object) }}
	lengths := make([]int, 8)
	for i := range lengths {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var head *object
			for n := range 4000 {
				o := pool.Get().(*object)
				o.next, head = head, o
				if n%500 == 499 {
					lengths[i]++
					time.Sleep(time.Microsecond)
					for head != nil {
						next := head.next
						head.next = nil
						pool.Put(head)
						head = next
					}
				}
			}
			kept = append(kept, head)
		}()
	}
	wg.Wait()
	if round%3 == 2 {
		kept = nil
	}
	runtime.GC()
	fmt.Println("garbage", lengths, len(kept))
}

// timers are waited for in every way.
func timers() {
	begin := time.Now()
	var wg sync.WaitGroup
	results := make(chan string, 100)
	for i := range 20 {
		wg.Add(1)
		time.AfterFunc(time.Duration(rand.Intn(1000))*time.Microsecond, func() {
			results <- fmt.Sprint("timer ", i, " ", time.Since(begin))
			wg.Done()
		})
	}
	ticker := time.NewTicker(300 * time.Microsecond)
	for range 3 {
		<-ticker.C
		results <- fmt.Sprint("tick ", time.Since(begin))
	}
	ticker.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	<-ctx.Done()
	cancel()
	wg.Wait()
	close(results)
	for r := range results {
		fmt.Println(r)
	}
}

// panics are caught, by the program and by the runtime.
func panics() {
	defer func() { fmt.Println("recovered", recover()) }()
	var m map[string]int
	m["x"] = 1
}
