// Command node does what its first argument says, once it has read a line.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var (
	never   bool
	flag    atomic.Bool
	mu      sync.RWMutex
	nothing = make(chan int)
	sink    [][]byte
)

func main() {
	in := bufio.NewReader(os.Stdin)
	line, err := in.ReadString('\n')
	if err != nil {
		panic(err)
	}
	switch os.Args[1] {
	case "echo":
		fmt.Print(line)
	case "compute":
		for !never {
		}
	case "copy":
		buf := make([]byte, 64<<20)
		for {
			copy(buf, buf[1:])
		}
	case "recurse":
		fmt.Println(recurse(100))
	case "atomic":
		for !flag.Load() {
		}
	case "lock":
		for !never {
			mu.Lock()
			mu.Unlock()
		}
	case "rlock":
		for !never {
			mu.RLock()
			mu.RUnlock()
		}
	case "json": // which uses atomic operations
		for {
			json.Marshal([]int{1, 2, 3})
		}
	case "select":
		poll()
	case "select-many":
		for !never {
			select {
			case <-nothing:
			case nothing <- 1:
			default:
			}
		}
	case "len":
		for len(nothing) == 0 {
		}
	case "work": // looks at a channel and at the clock now and then while it computes
		sum := 0
		for i := range 20_000 {
			select {
			case <-nothing:
			default:
			}
			if time.Now().Year() < 2000 {
				panic("the clock is wrong")
			}
			for j := range 1000 {
				sum += i ^ j
			}
		}
		fmt.Println(sum > 0)
	case "pass": // goroutines that wait for each other
		there, back := make(chan int), make(chan int)
		go func() {
			for n := range there {
				select {
				case back <- n + 1:
				case <-nothing:
				}
			}
		}()
		n := 0
		for n < 200_000 {
			there <- n
			select {
			case n = <-back:
			case <-nothing:
			}
		}
		fmt.Println(n)
	case "gosched":
		for {
			runtime.Gosched()
		}
	case "clock":
		for time.Now().Year() < 3000 {
		}
	case "while":
		for begin := time.Now(); time.Since(begin) < 100*time.Millisecond; {
		}
		fmt.Println("later")
	case "memory":
		for {
			sink = append(sink, make([]byte, 1<<20))
		}
	case "print":
		for {
			fmt.Println("again")
		}
	case "exit":
		os.Exit(3)
	}
	in.ReadString('\n')
}

//go:noinline
func poll() {
	for {
		select {
		case <-nothing:
		default:
		}
	}
}

//go:noinline
func recurse(depth int) int {
	if depth == 0 {
		return 1
	}
	return recurse(depth-1) + recurse(depth-1)
}
