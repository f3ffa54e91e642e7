package web

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"glomers/checkers/edn"
	"glomers/internal/spec"
	"glomers/internal/store"
	"glomers/stages"
)

// Outcomes of a run, as the filter names them.
const (
	pass    = "pass"
	fail    = "fail"
	unknown = "unknown"
)

// run is a run of the store, as far as its small files tell.
type run struct {
	ID       string // its directory in the store, with slashes
	Workload string
	When     time.Time
	Test     spec.Test // as far as known: of the real Maelstrom's runs, nothing
	Foreign  bool      // of the real Maelstrom
	Outcome  string
	Why      string // what is to say about the outcome; may be empty
	Results  edn.Map
	Notes    []string
	Warnings []string // notes of what may be a fault of the nodes
	Criteria []criterion
	Damaged  []string // what could not be read, and why
}

// criterion is a limit of a stage and the figure of the run.
type criterion struct {
	Title    string
	Limit    float64
	Figure   float64
	Measured bool
	Met      bool
}

// Stage returns the stage of the run, nil for none.
func (r *run) Stage() *stages.Stage {
	if s, err := stages.Find(r.Test.Stage); err == nil && r.Test.Stage != "" {
		return &s
	}
	return nil
}

// Engine names what hosted the nodes.
func (r *run) Engine() string {
	if r.Foreign {
		return "maelstrom"
	}
	return r.Test.Engine
}

// runName is the name of the directory of a run: the time of its start.
var runName = regexp.MustCompile(`^2\d{7}T\d{6}(\.\d{1,9})?([+-]\d{4}|Z)?$`)

// runTime returns the time that the name of a run's directory tells.
func runTime(name string) time.Time {
	for _, layout := range []string{"20060102T150405.999999999-0700", "20060102T150405.999999999Z0700", "20060102T150405.999999999"} {
		if t, err := time.Parse(layout, name); err == nil {
			return t
		}
	}
	return time.Time{}
}

// maxSmall is how much of a file is read to make a page: results of the longest
// tests have a few megabytes.
const maxSmall = 16 << 20

// archive reads the runs of a store, and nothing outside it.
type archive struct {
	root *os.Root

	mu    sync.Mutex
	known map[string]cached
}

// cached is a run with what tells that its files have changed.
type cached struct {
	stamp string
	run   *run
}

// foreignRoot is where glomers puts the store of the real Maelstrom.
const foreignRoot = "maelstrom/store"

// list returns the runs, the newest first.
func (a *archive) list() ([]*run, error) {
	var runs []*run
	for _, root := range []string{".", foreignRoot} {
		workloads, err := a.dirs(root)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, w := range workloads {
			if root == "." && w == store.Explorations {
				continue
			}
			names, err := a.dirs(path.Join(root, w))
			if err != nil {
				continue // not a directory of runs
			}
			for _, name := range names {
				if !runName.MatchString(name) {
					continue
				}
				if r, err := a.get(path.Join(root, w, name)); err == nil {
					runs = append(runs, r)
				}
			}
		}
	}
	slices.SortFunc(runs, func(x, y *run) int {
		return cmp.Or(y.When.Compare(x.When), strings.Compare(x.ID, y.ID))
	})
	return runs, nil
}

// dirs returns the names of the directories in a directory; links are none.
func (a *archive) dirs(name string) ([]string, error) {
	f, err := a.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// validID reports whether a text can be the ID of a run.
func validID(id string) bool {
	return fs.ValidPath(id) && runName.MatchString(path.Base(id)) && strings.Contains(id, "/")
}

// get reads the run in a directory.
func (a *archive) get(id string) (*run, error) {
	if !validID(id) {
		return nil, fmt.Errorf("%q is not the name of a run: %w", id, fs.ErrNotExist)
	}
	info, err := a.root.Lstat(id)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%q is not a directory: %w", id, fs.ErrNotExist)
	}
	stamp := ""
	for _, name := range []string{store.TestJSON, store.EndJSON, store.ResultsEDN} {
		if info, err := a.root.Lstat(path.Join(id, name)); err == nil {
			stamp += fmt.Sprintf("%s %d %d;", name, info.Size(), info.ModTime().UnixNano())
		}
	}
	a.mu.Lock()
	known, ok := a.known[id]
	a.mu.Unlock()
	if ok && known.stamp == stamp {
		return known.run, nil
	}
	r := a.read(id)
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.known) > 10_000 { // runs are also deleted
		clear(a.known)
	}
	a.known[id] = cached{stamp, r}
	return r, nil
}

// read reads the small files of a run. What is damaged is left out, and said.
func (a *archive) read(id string) *run {
	r := &run{ID: id, Workload: path.Base(path.Dir(id)), When: runTime(path.Base(id)), Foreign: true}
	damaged := func(name string, err error) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			r.Damaged = append(r.Damaged, fmt.Sprintf("%s cannot be read: %v", name, err))
		}
	}
	text, err := a.small(path.Join(id, store.TestJSON))
	if err == nil {
		r.Foreign = false
		if err = json.Unmarshal(text, &r.Test); err == nil && !r.Test.Start.IsZero() {
			r.When = r.Test.Start
		}
	}
	damaged(store.TestJSON, err)

	var end *store.End
	if text, err = a.small(path.Join(id, store.EndJSON)); err == nil {
		end = &store.End{}
		if err = json.Unmarshal(text, end); err == nil {
			r.Notes = slices.Concat(end.Warnings, end.Notes)
		}
	}
	damaged(store.EndJSON, err)

	if text, err = a.small(path.Join(id, store.ResultsEDN)); err == nil {
		var v any
		if v, err = edn.NewDecoder(bytes.NewReader(text)).Decode(); err == nil {
			var ok bool
			if r.Results, ok = v.(edn.Map); !ok {
				err = errors.New("expected a map")
			}
		}
	}
	damaged(store.ResultsEDN, err)
	r.Criteria = criteriaOf(r.Results)
	r.judge(end)
	return r
}

// small reads a file that a page is made of.
func (a *archive) small(name string) ([]byte, error) {
	f, size, err := a.open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size > maxSmall {
		return nil, fmt.Errorf("it has %d bytes, expected at most %d", size, maxSmall)
	}
	return io.ReadAll(io.LimitReader(f, maxSmall))
}

// open opens a file of the store. It must be a regular one: opening a pipe would wait
// for somebody who writes to it.
func (a *archive) open(name string) (*os.File, int64, error) {
	if !fs.ValidPath(name) {
		return nil, 0, fmt.Errorf("%q is not the name of a file: %w", name, fs.ErrNotExist)
	}
	info, err := a.root.Lstat(name)
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is not a plain file: %w", name, fs.ErrNotExist)
	}
	f, err := a.root.Open(name)
	if err != nil {
		return nil, 0, err
	}
	return f, info.Size(), nil
}

// judge reads the outcome from the results.
func (r *run) judge(end *store.End) {
	r.Outcome = unknown
	valid := value(r.Results, "valid?")
	passed, ours := value(r.Results, "passed").(bool)
	switch {
	case r.Results == nil && len(r.Damaged) > 0:
		r.Why = "its files are damaged"
	case r.Results == nil && end != nil && end.Ended == store.Interrupted:
		r.Why = "the run was interrupted"
	case r.Results == nil && end != nil && end.Ended != store.Complete:
		r.Why = "the run ended early: " + end.Reason
	case r.Results == nil && end == nil && !r.Foreign:
		r.Why = "the run has no end record: the command was killed, or is still running"
	case r.Results == nil:
		r.Why = "there are no results"
	case value(r.Results, "incomplete") != nil:
		r.Why, _ = value(r.Results, "incomplete").(string)
	case passed || !ours && valid == true:
		r.Outcome = pass
	case valid == false || value(r.Results, "strict", "valid?") == false || r.Test.Race ||
		slices.ContainsFunc(r.Criteria, func(c criterion) bool { return !c.Met }):
		r.Outcome = fail
	}
}

// value returns the value at a path of keywords in results; nil if there is none.
func value(m edn.Map, keys ...string) any {
	for i, key := range keys {
		v, ok := m.Get(edn.Keyword(key))
		if !ok {
			return nil
		}
		if i == len(keys)-1 {
			return v
		}
		if m, ok = v.(edn.Map); !ok {
			return nil
		}
	}
	return nil
}

func criteriaOf(results edn.Map) []criterion {
	list, _ := value(results, "criteria").(edn.List)
	if list == nil {
		vector, _ := value(results, "criteria").([]any)
		list = vector
	}
	var out []criterion
	for _, item := range list {
		m, ok := item.(edn.Map)
		if !ok {
			continue
		}
		c := criterion{}
		c.Title, _ = value(m, "title").(string)
		c.Limit, _ = float(value(m, "limit"))
		c.Figure, c.Measured = float(value(m, "figure"))
		c.Met = value(m, "met?") == true
		out = append(out, c)
	}
	return out
}

func float(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case float32:
		return float64(v), true
	case int64:
		return float64(v), true
	}
	return 0, false
}
