// Command node does what its first argument says, once it has read a line.
package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

var (
	never   bool
	flag    atomic.Bool
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
		compute()
	case "select":
		pollUntil(in, func() {
			select {
			case <-nothing:
			default:
			}
		})
	case "lock":
		var mu sync.Mutex
		pollUntil(in, func() { mu.Lock(); mu.Unlock() })
	case "gosched":
		pollUntil(in, runtime.Gosched)
	case "clock":
		pollUntil(in, func() { time.Now() })
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
	case "return":
		return
	case "panic":
		panic("out of ideas")
	case "fatal":
		log.Fatal("cannot go on")
	case "deadlock":
		<-nothing
	case "race":
		race()
	case "lost":
		lostUpdates()
	case "isolation":
		isolation()
	case "files":
		files()
	case "disk":
		disk()
	case "gaps":
		gaps()
	case "recursion":
		recurse(1)
	case "tick":
		go ticks()
	case "survives":
		text, err := os.ReadFile("/data/kept")
		fmt.Println(string(text), err != nil)
		check(os.MkdirAll("/data", 0o777))
		check(os.WriteFile("/data/kept", []byte("content"), 0o666))
	}
	in.ReadString('\n')
}

//go:noinline
func compute() {
	for i := 0; !never; i++ {
	}
}

// pollUntil polls until another goroutine has read a line.
func pollUntil(in *bufio.Reader, poll func()) {
	go func() {
		in.ReadString('\n')
		flag.Store(true)
	}()
	for !flag.Load() {
		poll()
	}
	fmt.Println("polled")
}

func race() {
	x := 0
	done := make(chan bool)
	go func() {
		x++
		done <- true
	}()
	x++
	<-done
	fmt.Println("raced", x)
}

// lostUpdates counts with a lock that is released between reading and writing.
func lostUpdates() {
	var mu sync.Mutex
	var wg sync.WaitGroup
	count := 0
	for range 500 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			mu.Lock()
			old := count
			mu.Unlock()
			mu.Lock()
			count = old + 1
			mu.Unlock()
		}()
	}
	wg.Wait()
	fmt.Println("counted", count)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func isolation() {
	_, err := net.Dial("tcp", "127.0.0.1:80")
	fmt.Println("dial:", err)
	_, err = net.Listen("tcp", "127.0.0.1:0")
	fmt.Println("listen:", err)
	fmt.Println("run:", exec.Command("/bin/true").Run())
	_, err = exec.Command("/bin/true").Output()
	fmt.Println("output:", err)
	fmt.Println("exec:", syscall.Exec("/bin/true", nil, nil))
	host, err := os.Hostname()
	fmt.Println("host:", host, err, os.Getpid(), runtime.NumCPU(), runtime.GOMAXPROCS(8), runtime.GOMAXPROCS(0))
	fmt.Println("environment:", strings.Join(os.Environ(), " "))
	fmt.Println("kill:", syscall.Kill(1, 0))
	var tv syscall.Timeval
	check(syscall.Gettimeofday(&tv))
	fmt.Println("time of day:", time.Unix(tv.Unix()).UTC().Format(time.DateTime))
}

// disk fills the disk, makes room and writes again, many times what it can hold.
func disk() {
	block := make([]byte, 1<<20)
	f, err := os.Create("full")
	check(err)
	written := 0
	for err == nil {
		_, err = f.Write(block)
		written++
	}
	fmt.Println(written > 20, err)
	check(f.Close())
	check(os.Remove("full"))
	for range 40 {
		check(os.WriteFile("again", block, 0o666))
	}
	fmt.Println(os.Truncate("again", 1<<30))
	f, err = os.Create("part")
	check(err)
	_, err = f.WriteAt(block, 1<<20)
	check(err)
	from, err := os.Open("part")
	check(err)
	n, err := io.Copy(f, from)
	fmt.Println(n, err)
}

// gaps extends files by what takes no space on the disk of the machine: gaps, and names.
func gaps() {
	block := make([]byte, 20<<20)
	f, err := os.Create("gap")
	check(err)
	_, err = f.WriteAt([]byte("x"), 1<<42)
	fmt.Println(err)
	_, err = f.Seek(1<<42, io.SeekStart)
	check(err)
	_, err = f.Write([]byte("x"))
	fmt.Println(err)
	fmt.Println(f.Truncate(1 << 42))
	for range 100 { // the same bytes again, which take no more space
		_, err = f.WriteAt(block[:1<<20], 20<<20)
		check(err)
	}
	check(f.Truncate(0))
	appended, err := os.OpenFile("gap", os.O_WRONLY|os.O_APPEND, 0)
	check(err)
	for err == nil {
		_, err = appended.Write(block[:1<<20])
	}
	fmt.Println(err)
	info, err := f.Stat()
	check(err)
	fmt.Println(info.Size() < 48<<20)

	check(os.Remove("gap")) // it is open, and so its space is not free
	fmt.Println(os.WriteFile("more", block, 0o666))
	check(f.Close())
	check(appended.Close())
	fmt.Println(os.WriteFile("more", block, 0o666))

	f, err = os.Create("rest")
	check(err)
	for size := 1 << 20; size > 0; size /= 16 {
		for err = nil; err == nil; {
			_, err = f.Write(block[:size])
		}
	}
	made := 0
	for err = nil; err == nil; made++ {
		err = os.Mkdir(fmt.Sprint(made), 0o777)
	}
	fmt.Println(made < 10, errors.Is(err, syscall.ENOSPC))
}

func recurse(n int) int { return recurse(n+1) + n }

//go:noinline
func ticks() {
	for range time.Tick(1) {
	}
}

func files() {
	for _, path := range []string{"/etc/passwd", "../../../../../../etc/passwd", "/proc/self/maps", "/tmp/../../etc/passwd"} {
		_, err := os.ReadFile(path)
		fmt.Println(path, errors.Is(err, fs.ErrNotExist))
	}
	fmt.Println(os.Getwd())
	fmt.Println("link:", os.Symlink("/etc/passwd", "passwd"))
	check(os.WriteFile("a.txt", []byte("a"), 0o666))
	check(os.MkdirAll("/deep/er", 0o777))
	check(os.Chdir("/deep/er"))
	fmt.Println(os.Getwd())
	check(os.WriteFile("../b.txt", []byte("bb"), 0o666))
	check(os.Rename("/tmp/a.txt", "a2.txt"))
	check(filepath.WalkDir("/", func(path string, d fs.DirEntry, err error) error {
		fmt.Println(path, d.IsDir(), err)
		return err
	}))
	info, err := os.Stat("/deep/b.txt")
	check(err)
	fmt.Println(info.Name(), info.Size(), info.ModTime().UTC().Format(time.DateTime))
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	check(err)
	fmt.Fprintln(null, "nothing")
	check(null.Close())
	check(os.RemoveAll("/deep"))
	_, err = os.Stat("/deep")
	fmt.Println(errors.Is(err, fs.ErrNotExist))
	root, err := os.OpenRoot("/tmp")
	check(err)
	_, err = root.Open("../tmp")
	fmt.Println("root:", err != nil)
	f, err := root.Create("kept")
	check(err)
	fmt.Fprint(f, "kept")
	check(f.Close())
}
