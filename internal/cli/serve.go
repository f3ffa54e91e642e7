package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"glomers/internal/compare"
	"glomers/internal/recorded"
	"glomers/internal/runner"
	"glomers/internal/web"
	"glomers/stages"
)

// serve shows the workbook in the browser.
func (a *app) serve() *cobra.Command {
	addr, root := "127.0.0.1:7070", "store"
	cmd := &cobra.Command{
		Use:   "serve [SOLUTION …]",
		Short: "Show the workbook in the browser: write-ups, runs, and a button that runs a stage",
		Long: "Show the workbook in the browser, until Ctrl-C: the stages with their write-ups and hints, what you have\n" +
			"passed, all runs of the store, and a button that runs a stage with its reference, its other designs and wrong\n" +
			"solutions, or yours. A solution is a Go package, an executable or a .wasm module. One whose name is that of a\n" +
			"stage (3c, 3c-broadcast) can be run in this stage, any other in every stage.",
		Example: "  glomers serve\n  glomers serve ./my/3c ./my/4\n  glomers serve --addr 127.0.0.1:0   # any free port",
		Args:    cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.serveUntil(cmd.Context(), addr, root, args)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", addr, "`address` to listen on; beyond this machine everybody who can reach it can use it")
	cmd.Flags().StringVar(&root, "store", root, "`directory` that runs are kept in")
	return cmd
}

// serveUntil serves until the context ends.
func (a *app) serveUntil(ctx context.Context, addr, root string, solutions []string) error {
	p, err := findPrograms(solutions)
	if err != nil {
		return err
	}
	if err := checkStore(root); err != nil {
		return err
	}
	listener, err := listen(addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	config := web.Config{Store: root, Programs: p.listed, Runner: &stageRunner{p.words, root}, Report: func(w io.Writer, run string) error { return reportTo(w, filepath.Join(root, filepath.FromSlash(run))) }}
	shown := listener.Addr().String()
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() {
		a.err.printf("%s %s is not only this machine: everybody who can reach it can read the store and run the programs of the\nworkbook and yours. There is no password. A tunnel (ssh -L 7070:127.0.0.1:7070) is safer.\n", a.err.warn("warning:"), shown)
		if name, err := os.Hostname(); err == nil {
			config.Names = append(config.Names, name)
			if tcp.IP.IsUnspecified() {
				shown = net.JoinHostPort(name, fmt.Sprint(tcp.Port))
			}
		}
	}
	a.out.printf("the workbook is at http://%s/   (Ctrl-C ends)\n", shown)
	return web.Serve(ctx, listener, config)
}

// listen listens on the address that --addr gives.
func listen(addr string) (net.Listener, error) {
	const anyPort = "127.0.0.1:0 takes any free port"
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return nil, fmt.Errorf("--addr is %q, expected HOST:PORT with a port from 0 to 65535, such as 127.0.0.1:7070; %s", addr, anyPort)
	}
	listener, err := net.Listen("tcp", addr)
	var dns *net.DNSError
	var system *os.SyscallError
	switch {
	case errors.As(err, &dns):
		return nil, fmt.Errorf("--addr is %q, whose host %s is unknown (%s); %s", addr, dns.Name, dns.Err, anyPort)
	case errors.As(err, &system):
		return nil, fmt.Errorf("cannot listen on --addr %s: %w; %s", addr, system.Err, anyPort)
	case err != nil:
		return nil, fmt.Errorf("cannot listen on --addr %s: %w; %s", addr, err, anyPort)
	}
	return listener, nil
}

// reportTo writes the report of the run in a directory.
func reportTo(w io.Writer, dir string) error {
	r, err := recorded.Open(dir)
	if err != nil {
		return err
	}
	q, from, err := r.Question()
	if err != nil {
		return err
	}
	judged, err := r.Show(q, from, nil)
	if err != nil {
		return err
	}
	return judged.WritePage(w)
}

// programs are the programs that the page of a stage offers to run.
type programs struct {
	listed map[string][]web.Program       // by stage
	words  map[string]map[string][]string // by stage and program: what follows glomers test STAGE
}

func (p *programs) add(stage stages.Stage, program web.Program, words ...string) {
	if p.words[stage.ID] == nil {
		p.words[stage.ID] = map[string][]string{}
	}
	p.listed[stage.ID] = append(p.listed[stage.ID], program)
	p.words[stage.ID][program.ID] = words
}

// findPrograms lists the given solutions and, within a workbook, its own programs.
func findPrograms(solutions []string) (*programs, error) {
	p := &programs{map[string][]web.Program{}, map[string]map[string][]string{}}
	for _, path := range solutions {
		words, err := solutionWords(path)
		if err != nil {
			return nil, err
		}
		of := stages.All()
		if stage, err := stages.Find(filepath.Base(filepath.Clean(path))); err == nil {
			of = []stages.Stage{stage}
		}
		for _, stage := range of {
			p.add(stage, web.Program{ID: path, Title: "your solution"}, words...)
		}
	}
	for _, stage := range stages.All() {
		dir, err := referenceDir(stage)
		if err != nil {
			return p, nil // not within a workbook
		}
		designs, err := compare.Find(dir)
		if err != nil {
			return nil, err
		}
		for _, d := range designs {
			id := d.Name
			if id != compare.Reference {
				id = "alternatives/" + id
			}
			p.add(stage, web.Program{ID: id, Title: d.Title}, d.Dir)
		}
		broken, err := filepath.Glob(filepath.Join(dir, "broken", "*"))
		if err != nil {
			return nil, err
		}
		for _, dir := range broken {
			p.add(stage, web.Program{ID: "broken/" + filepath.Base(dir), Title: "a wrong solution"}, dir)
		}
	}
	return p, nil
}

// solutionWords are the words by which glomers test takes a solution.
func solutionWords(path string) ([]string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the solution %s: %w", path, err)
	case info.IsDir() || strings.HasSuffix(path, ".go"):
		return []string{path}, nil
	case strings.HasSuffix(path, ".wasm"):
		return []string{"--wasm", path}, nil
	}
	return []string{"--bin", path}, nil
}

// stageRunner runs stages as glomers test does.
type stageRunner struct {
	words map[string]map[string][]string // see programs
	store string
}

// follower observes the runs of a command.
type follower struct {
	began    func(dir string) // a run that is kept there
	progress func(runner.Progress)
}

// Run runs a stage.
func (s *stageRunner) Run(ctx context.Context, o web.Order, report func(web.Progress)) web.End {
	target, ok := s.words[o.Stage][o.Program]
	if !ok {
		return web.End{Output: fmt.Sprintf("stage %s has no program %q", o.Stage, o.Program)}
	}
	words := slices.Concat([]string{"test", o.Stage}, target)
	if s.store != "store" {
		words = append(words, "--store", s.store)
	}
	if o.Seed != "" {
		words = withFlag(words, "seed", o.Seed)
	}
	if o.Engine != "" {
		words = withFlag(words, "engine", o.Engine)
	}
	if o.Strict {
		words = append(words, "--strict")
	}
	if o.Hard {
		words = append(words, "--hard")
	}
	end := web.End{Command: commandLine(words)}
	var out, problems bytes.Buffer
	test := &app{out: newTerminal(&out), err: newTerminal(&problems), words: words}
	test.follow = &follower{
		began: func(dir string) {
			if rel, err := filepath.Rel(s.store, dir); err == nil {
				end.Runs = append(end.Runs, filepath.ToSlash(rel))
			}
		},
		progress: func(p runner.Progress) {
			report(web.Progress{
				Phase: string(p.Phase), Elapsed: p.Elapsed, Total: p.Total, Invoked: p.Invoked, OK: p.OK, Fail: p.Fail, Info: p.Info,
				Rate: p.Rate, Latency: p.Latency, Faults: p.Faults, Messages: p.Messages,
			})
		},
	}
	cmd := test.testStage()
	cmd.SetArgs(words[1:])
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err := cmd.ExecuteContext(ctx)
	test.report(err)
	switch {
	case err == nil:
		end.Outcome = "pass"
	case errors.Is(err, errFailed):
		end.Outcome = "fail"
	case errors.Is(err, errUnknown):
		end.Outcome = "unknown"
	default: // no verdict: say why
		out.Write(problems.Bytes())
	}
	end.Output = strings.Trim(out.String(), "\n")
	return end
}
