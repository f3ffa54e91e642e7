package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"glomers/internal/sim/native/overlay"
	"glomers/internal/toolchaintest"
)

func TestMain(m *testing.M) {
	run := func() { os.Exit(Main(os.Args, os.Stdout, os.Stderr)) }
	testscript.Main(m, map[string]func(){"glomers": run, "maelstrom": run, "node": node, "fake-maelstrom": fakeMaelstrom, "stubborn": stubborn})
}

// TestScripts runs testdata/*.txtar. $NODE is the path of a node that behaves as
// its first argument says.
func TestScripts(t *testing.T) { runScripts(t, "testdata", nil) }

// TestEngines runs testdata/engines/*.txtar with each engine that simulates, which
// is $ENGINE there.
func TestEngines(t *testing.T) {
	for _, engine := range []string{engineWasm, engineNative} {
		t.Run(engine, func(t *testing.T) {
			if err := overlay.Supported(runtime.GOOS, runtime.GOARCH); engine == engineNative && err != nil {
				t.Skip(err)
			}
			runScripts(t, filepath.Join("testdata", "engines"), map[string]string{"ENGINE": engine})
		})
	}
}

// TestToolchains runs testdata/toolchains/*.txtar with each version of Go that native
// simulation is kept working with, which is $VERSION there; $OLDEST is the oldest.
func TestToolchains(t *testing.T) {
	if os.Getenv("GLOMERS_LONG") == "" && os.Getenv(toolchaintest.Required) == "" {
		t.Skip("takes some seconds for each version: make test-all")
	}
	if err := overlay.Supported(runtime.GOOS, runtime.GOARCH); err != nil {
		t.Skip(err)
	}
	toolchaintest.Each(t, func(t *testing.T, version string) {
		runScripts(t, filepath.Join("testdata", "toolchains"), map[string]string{"VERSION": version, "OLDEST": toolchaintest.Versions()[0]})
	})
}

// runScripts runs the scripts in a directory with additional variables.
func runScripts(t *testing.T, dir string, vars map[string]string) {
	names := []string{"GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY", "GOFLAGS", "GOTOOLCHAIN"}
	out, err := exec.Command("go", append([]string{"env"}, names...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	values := strings.Split(string(out), "\n")
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Condition: func(name string) (bool, error) {
			switch name {
			case "wasi-libc":
				_, err := os.Stat("/usr/include/wasm32-wasi")
				return err == nil, nil
			case "native":
				return overlay.Supported(runtime.GOOS, runtime.GOARCH) == nil, nil
			case "long":
				return os.Getenv("GLOMERS_LONG") != "", nil
			}
			if engine, ok := strings.CutPrefix(name, "engine:"); ok {
				return vars["ENGINE"] == engine, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Setup: func(env *testscript.Env) error {
			env.Setenv(engineVariable, os.Getenv(engineVariable))
			for name, value := range vars {
				env.Setenv(name, value)
			}
			for i, name := range names {
				env.Setenv(name, values[i])
			}
			for name, command := range map[string]string{"NODE": "node", "FAKE": "fake-maelstrom"} {
				path, err := exec.LookPath(command)
				if err != nil {
					return err
				}
				env.Setenv(name, path)
			}
			cache := os.Getenv("GLOMERS_CACHE")
			if user, err := os.UserCacheDir(); err == nil && cache == "" { // scripts have no home
				cache = filepath.Join(user, "glomers")
			}
			env.Setenv("GLOMERS_CACHE", cache)
			oracle, err := filepath.Abs("../../testdata/oracle")
			if err != nil {
				return err
			}
			env.Setenv("ORACLE", oracle)
			workbook, err := filepath.Abs("../..")
			if err != nil {
				return err
			}
			env.Setenv("WORKBOOK", workbook)
			return nil
		},
	})
}

// stubborn is a command that does not end when it is interrupted. It says what happens
// in the file that its argument names.
func stubborn() {
	signal.Reset(os.Interrupt) // a shell lets its background ignore it
	say := func(text string) {
		if err := os.WriteFile(os.Args[1], []byte(text+"\n"), 0o666); err != nil {
			panic(err)
		}
	}
	cmd := interruptible(&cobra.Command{Args: cobra.ArbitraryArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		say("begins")
		<-cmd.Context().Done()
		say("interrupted")
		select {}
	}})
	cmd.SetContext(context.Background())
	if err := cmd.Execute(); err != nil {
		panic(err)
	}
}

// node is a program that misbehaves on demand. Without an argument it answers
// init and echo.
func node() {
	mode := "good"
	if len(os.Args) > 1 {
		mode = os.Args[1]
	}
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	id, count := "", 0
	for in.Scan() {
		var msg struct {
			Src, Dest string
			Body      map[string]any
		}
		if err := json.Unmarshal(in.Bytes(), &msg); err != nil {
			panic(err)
		}
		reply := func(body map[string]any) {
			body["in_reply_to"] = msg.Body["msg_id"]
			text, _ := json.Marshal(map[string]any{"src": id, "dest": msg.Src, "body": body})
			fmt.Println(string(text))
		}
		if msg.Body["type"] == "init" {
			id, _ = msg.Body["node_id"].(string)
			switch mode {
			case "silent-init":
				continue
			case "wrong-init":
				reply(map[string]any{"type": "hello"})
				continue
			case "exit":
				fmt.Fprintln(os.Stderr, "cannot find my configuration")
				os.Exit(7)
			case "child":
				// A child that would outlive its parent, with the parent's pipes.
				child := exec.Command("sleep", "1000")
				child.Stdout, child.Stderr = os.Stdout, os.Stderr
				if err := child.Start(); err != nil {
					panic(err)
				}
				os.WriteFile(os.Args[2], []byte(fmt.Sprint(child.Process.Pid)), 0o666)
			}
			reply(map[string]any{"type": "init_ok"})
			continue
		}
		count++
		switch mode {
		case "garbage":
			fmt.Println("listening on port 80")
		case "not-an-object":
			fmt.Println(`{"src": "n0", "dest": "c1", "body": [1, 2]}`)
		case "long-line":
			fmt.Printf(`{"src": "n0", "dest": "c1", "body": {"type": "echo_ok", "echo": "%s"}}`+"\n", strings.Repeat("x", 10<<20))
		case "nobody":
			fmt.Println(`{"src": "n0", "dest": "n7", "body": {"type": "gossip"}}`)
		case "impostor":
			fmt.Println(`{"src": "n1", "dest": "n0", "body": {"type": "gossip"}}`)
		case "flood":
			for {
				fmt.Println(`{"src": "n0", "dest": "n0", "body": {"type": "gossip", "text": "` + strings.Repeat("x", 1000) + `"}}`)
			}
		case "panic":
			panic("index out of range")
		case "silent":
		case "malformed-answer":
			reply(map[string]any{"type": "ok"})
		case "exit-later":
			if count == 5 {
				os.Exit(0)
			}
			reply(map[string]any{"type": "echo_ok", "echo": msg.Body["echo"]})
		default:
			reply(map[string]any{"type": "echo_ok", "echo": msg.Body["echo"]})
		}
	}
	if mode == "stubborn" {
		time.Sleep(time.Hour) // it does not end with its stdin
	}
}

// fakeMaelstrom leaves a run behind as the real Maelstrom does. $FAKE_RUN is the
// run that it pretends to have made.
func fakeMaelstrom() {
	fmt.Println("fake maelstrom", strings.Join(os.Args[1:], " "))
	if os.Getenv("FAKE_DEAF") != "" {
		signal.Ignore(os.Interrupt)
		fmt.Println("deaf")
		for parent := os.Getppid(); os.Getppid() == parent; { // until the command has ended
			time.Sleep(10 * time.Millisecond)
		}
		return
	}
	if code := os.Getenv("FAKE_EXIT"); code != "" {
		os.Exit(254)
	}
	dir := filepath.Join("store", "echo", "20260101T000000.000Z")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		panic(err)
	}
	os.Symlink(filepath.Join("echo", filepath.Base(dir)), filepath.Join("store", "latest"))
	text, err := os.ReadFile(filepath.Join(os.Getenv("FAKE_RUN"), "results.edn"))
	if err != nil {
		panic(err)
	}
	if os.Getenv("FAKE_LIE") != "" {
		text = []byte(strings.ReplaceAll(string(text), ":valid? true", ":valid? false"))
	}
	os.WriteFile(filepath.Join(dir, "results.edn"), text, 0o666)
	out, err := exec.Command("gunzip", "-c", filepath.Join(os.Getenv("FAKE_RUN"), "history.edn.gz")).Output()
	if err != nil {
		panic(err)
	}
	os.WriteFile(filepath.Join(dir, "history.edn"), out, 0o666)
}
