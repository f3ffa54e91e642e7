package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"glomers/internal/compare"
	picture "glomers/internal/report"
	"glomers/internal/scratch"
	"glomers/internal/spec"
	"glomers/internal/verdict"
	"glomers/stages"
)

// compareFlags are the flags of glomers compare.
type compareFlags struct {
	seed, hardSeeds uint64
	jobs            int
	write           bool
	plot, sweep     string
	engine          string
}

// compare measures the designs of a stage.
func (a *app) compare() *cobra.Command {
	var f compareFlags
	cmd := &cobra.Command{
		Use:   "compare STAGE [PACKAGE...]",
		Short: "Measure the designs of a stage side by side, and your own",
		Long: "Measure the reference solution of a stage, the alternatives that people tried, and the given Go\n" +
			"packages: messages, latency and availability under the challenge's own options, and whether they\n" +
			"survive partitions and the stage's hard mode, both under strict checks. All runs are simulated.",
		Example: "  glomers compare 3d ./my/3d",
		Args:    arguments(1, math.MaxInt, "a stage, and Go packages if you like, such as: glomers compare 3d ./my/3d"),
		RunE: func(cmd *cobra.Command, args []string) error {
			stage, err := stages.Find(args[0])
			if err != nil {
				return err
			}
			switch {
			case f.jobs < 1:
				return fmt.Errorf("--jobs is %d, expected at least 1", f.jobs)
			case f.sweep != "" && f.plot == "":
				return errors.New("--sweep is drawn in a plot: add --plot FILE")
			case f.write && len(args) > 1:
				return errors.New("--write is for the workbook's own designs: leave out the other packages")
			}
			return a.compareDesigns(cmd.Context(), stage, args[1:], f)
		},
	}
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of the runs; those of hard mode have this one and the next ones")
	cmd.Flags().Uint64Var(&f.hardSeeds, "hard-seeds", 3, "how many seeds of hard mode to try")
	cmd.Flags().IntVar(&f.jobs, "jobs", runtime.NumCPU(), "how many designs to measure at a time")
	choiceVar(cmd.Flags(), &f.engine, "engine", "", "", []string{engineSim, engineNative, engineWasm}, "what simulates the nodes: sim, native or wasm (default: as glomers test)")
	cmd.Flags().BoolVar(&f.write, "write", false, "put the table into the stage's write-up")
	cmd.Flags().StringVar(&f.plot, "plot", "", "`file` for a plot of messages against latency, as SVG")
	cmd.Flags().StringVar(&f.sweep, "sweep", "", "also plot a design with several values of one of its flags: `DESIGN/FLAG=VALUE,VALUE...`")
	return cmd
}

func (a *app) compareDesigns(ctx context.Context, stage stages.Stage, others []string, f compareFlags) error {
	home, err := referenceDir(stage)
	if err != nil {
		return err
	}
	designs, err := compare.Find(home)
	if err != nil {
		return err
	}
	for _, dir := range others {
		d, err := compare.Read(dir)
		if err != nil {
			return err
		}
		designs = append(designs, d)
	}
	var swept *sweep
	if f.sweep != "" {
		if swept, err = parseSweep(f.sweep, designs); err != nil {
			return err
		}
	}
	rows, latency, err := a.measureAll(ctx, stage, designs, f)
	if err != nil {
		return err
	}
	w := a.out.newTable()
	header := table.Row{}
	for _, name := range compare.Header(latency) {
		header = append(header, name)
	}
	w.AppendHeader(header)
	for _, r := range rows {
		cells := table.Row{}
		for _, cell := range r.Cells() {
			cells = append(cells, cell)
		}
		w.AppendRow(cells)
	}
	w.Render()
	if f.plot != "" {
		var curve picture.Sweep
		if swept != nil {
			if curve, err = a.sweep(ctx, stage, swept, f); err != nil {
				return err
			}
		}
		if err := plotDesigns(f.plot, stage, rows, curve, latency); err != nil {
			return err
		}
	}
	if !f.write {
		return nil
	}
	path := filepath.Join(home, "README.md")
	page, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if page, err = compare.WriteTable(page, compare.Sum(designs), compare.Markdown(rows, latency)); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, page, 0o666)
}

// measureAll measures the designs, f.jobs at a time, and returns a row for each, in
// their order, and the name of the latency that was measured.
func (a *app) measureAll(ctx context.Context, stage stages.Stage, designs []compare.Design, f compareFlags) ([]compare.Row, string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	rows := make([]compare.Row, len(designs))
	var (
		mu      sync.Mutex
		failed  error
		latency string
		workers sync.WaitGroup
		next    = make(chan int)
	)
	bar := newCounter(a.err, int64(len(designs)))
	for range f.jobs {
		workers.Go(func() {
			for i := range next {
				m := &measuring{app: a, stage: &stage, flags: f}
				err := m.design(ctx, designs[i])
				mu.Lock()
				if err != nil && failed == nil {
					failed = fmt.Errorf("measure %s: %w", designs[i].Name, err)
					cancel()
				}
				rows[i], latency = m.row, m.latency
				bar.add(designs[i].Name)
				mu.Unlock()
			}
		})
	}
	for i := range designs {
		if ctx.Err() == nil {
			next <- i
		}
	}
	close(next)
	workers.Wait()
	bar.finish()
	if failed == nil && ctx.Err() != nil {
		failed = errors.New("interrupted; nothing was written")
	}
	return rows, latency, failed
}

// measuring is the measurement of one design.
type measuring struct {
	app     *app
	stage   *stages.Stage
	flags   compareFlags
	args    []string // the program's own
	row     compare.Row
	latency string
}

func (m *measuring) design(ctx context.Context, d compare.Design) error {
	nan := math.NaN()
	m.row = compare.Row{Design: d, MsgsPerOp: nan, Median: nan, P99: nan, Max: nan, Availability: nan}
	m.latency = m.stage.LatencyOf(nil).Of
	for _, run := range []struct {
		trial *compare.Trial
		words []string
		seeds uint64
	}{
		{&m.row.Official, nil, 1},
		{&m.row.Partition, []string{"--nemesis", "partition", "--strict"}, 1},
		{&m.row.Hard, []string{"--hard"}, m.flags.hardSeeds},
	} {
		if run.trial == &m.row.Partition && m.stage.Nodes() == 1 {
			continue // no links that a partition could cut
		}
		for n := range run.seeds {
			v, err := m.run(ctx, d, run.words, m.flags.seed+n)
			if err != nil {
				return err
			}
			run.trial.Seeds++
			if v.Outcome == verdict.Pass {
				run.trial.Passed++
			} else if run.trial.Failure == "" {
				run.trial.Failure = failureOf(v)
			}
			if run.trial == &m.row.Official && v.Results != nil {
				m.figures(v)
			}
		}
	}
	return nil
}

// failureOf says why a run is no pass: the first thing that is wrong with it, or all limits
// that it breaks if there is nothing worse.
func failureOf(v *verdict.Verdict) string {
	if len(v.Findings) == 0 {
		return "unknown"
	}
	kinds := []string{v.Findings[0].Kind}
	if v.Findings[0].Source == verdict.Limited {
		for _, f := range v.Findings[1:] {
			if f.Source == verdict.Limited {
				kinds = append(kinds, f.Kind)
			}
		}
	}
	return strings.Join(kinds, ", ")
}

func (m *measuring) figures(v *verdict.Verdict) {
	r := v.Results
	if r.Net != nil && r.Net.Servers.MsgsPerOp != nil {
		m.row.MsgsPerOp = float64(*r.Net.Servers.MsgsPerOp)
	}
	l := m.stage.LatencyOf(r)
	m.row.Median, m.row.P99, m.row.Max = l.Median, l.P99, l.Max
	m.row.Availability = float64(r.Availability.WithoutCrashes)
}

// run runs one test of a design. A node that crashes or breaks the protocol is a
// failure like any other.
func (m *measuring) run(ctx context.Context, d compare.Design, words []string, seed uint64) (*verdict.Verdict, error) {
	f := &testFlags{}
	cmd := &cobra.Command{}
	f.register(cmd.Flags())
	f.registerHard(cmd.Flags())
	flags := []string{"--seed", fmt.Sprint(seed)}
	if m.flags.engine != "" {
		flags = append(flags, "--engine", m.flags.engine)
	}
	if err := cmd.ParseFlags(append(flags, words...)); err != nil {
		return nil, err
	}
	plan, err := m.app.plan(ctx, cmd, f, target{dir: d.Dir, args: m.args}, m.stage)
	if err != nil {
		return nil, err
	}
	test := plan[0]
	subject, err := m.app.prepareQuietly(ctx, target{dir: d.Dir}, test.Host)
	if err != nil {
		return nil, err
	}
	defer subject.close()
	q := verdict.Ask(&test, m.stage)
	if len(words) > 0 {
		q.Limits = nil // they are for a network without faults
	}
	v, err := verdict.Run(ctx, &test, q, subject.engine(test.Host, noFiles{}, quiet, false), verdict.Observation{})
	if finding, ok := verdict.Blame(err); ok && ctx.Err() == nil {
		return &verdict.Verdict{Outcome: verdict.Fail, Findings: []verdict.Finding{finding}}, nil
	}
	return v, err
}

// prepareQuietly builds a target without printing that it does.
func (a *app) prepareQuietly(ctx context.Context, t target, h spec.Host) (*subject, error) {
	build, remove, err := scratch.Dir()
	if err != nil {
		return nil, err
	}
	defer remove()
	return a.loadProgram(ctx, t, h, build)
}

// plotDesigns draws messages against latency, with the limits of the stage.
func plotDesigns(path string, stage stages.Stage, rows []compare.Row, curve picture.Sweep, latency string) error {
	p := &picture.Tradeoff{Sweep: curve, Title: fmt.Sprintf("Stage %s: messages against latency", stage.ID), X: "messages per operation between servers, logarithmic", Y: latency + ", ms: median (bar) to maximum (dot)"}
	for _, r := range rows {
		if r.MsgsPerOp > 0 && !math.IsNaN(r.Max) {
			p.Points = append(p.Points, picture.Design{Name: r.Design.Name, X: r.MsgsPerOp, Median: r.Median, Max: r.Max})
		}
	}
	if len(p.Points) == 0 {
		return fmt.Errorf("--plot %s: no design of stage %s sends messages between servers, so there is nothing to plot", path, stage.ID)
	}
	if len(stage.Criteria) >= 3 { // messages, median, maximum
		p.LimitX, p.LimitY = stage.Criteria[0].Limit, stage.Criteria[2].Limit
		p.Bound = picture.Bound{Name: "bound: rounds in which all hear all", Points: compare.RoundBound(stage.Nodes(), 100, 100)}
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := p.WriteSVG(file); err != nil {
		file.Close()
		return err
	}
	return file.Close()
}
