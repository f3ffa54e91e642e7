package web

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"glomers/internal/standing"
	"glomers/internal/store"
	"glomers/stages"
)

// stageView is a stage with what the store knows of it.
type stageView struct {
	stages.Stage
	Standing standing.Standing
	Passed   time.Time // last; zero for never
	Medals   []medalView
}

type medalView struct {
	stages.Medal
	Earned bool
}

// Options are the flags of the stage's runs, for people.
func (v stageView) Options() []string {
	out := []string{v.Workload + " " + strings.Join(v.Flags, " ")}
	for _, again := range v.Again {
		out = append(out, "and again with "+strings.Join(again, " "))
	}
	return out
}

// standings returns the stages with what the store knows of them.
func (s *server) standings() ([]stageView, error) {
	passes, _ := standing.Split(store.Passes(s.config.Store)) // those of the workbook's own programs do not count
	best, err := standing.Best(s.config.Store, passes)
	if err != nil {
		return nil, err
	}
	last := map[string]time.Time{}
	for _, p := range passes { // from the oldest to the newest
		last[p.Stage] = p.When
	}
	var all []stageView
	for _, stage := range stages.All() {
		v := stageView{Stage: stage, Standing: best[stage.ID], Passed: last[stage.ID]}
		if v.Passed.IsZero() {
			v.Standing = standing.Of(&stage, stages.Record{})
		}
		for i, m := range stage.Medals() {
			v.Medals = append(v.Medals, medalView{m, i < v.Standing.Rank})
		}
		all = append(all, v)
	}
	return all, nil
}

func (s *server) home(w http.ResponseWriter, _ *http.Request) error {
	all, err := s.standings()
	if err != nil {
		return err
	}
	runs, err := s.archive.list()
	if err != nil {
		return err
	}
	passed := 0
	for _, v := range all {
		if !v.Passed.IsZero() {
			passed++
		}
	}
	return s.show(w, "home.html", struct {
		frame
		Stages []stageView
		Passed int
		Runs   []*run
	}{s.frame("Workbook", "stages"), all, passed, runs[:min(len(runs), 8)]})
}

// find returns the stage that a request names.
func (s *server) find(r *http.Request) (stageView, error) {
	all, err := s.standings()
	if err != nil {
		return stageView{}, err
	}
	for _, v := range all {
		if v.ID == r.PathValue("id") {
			return v, nil
		}
	}
	return stageView{}, &statusError{http.StatusNotFound, fmt.Sprintf("there is no stage %q", r.PathValue("id"))}
}

func (s *server) stage(w http.ResponseWriter, r *http.Request) error {
	v, err := s.find(r)
	if err != nil {
		return err
	}
	text, err := s.book.render("stages/" + v.Dir + "/README.md")
	if err != nil {
		return err
	}
	given, err := store.ReadHints(s.config.Store)
	if err != nil {
		return err
	}
	hints := v.Hints()
	had := min(max(given[v.ID], 0), len(hints))
	all, err := s.archive.list()
	if err != nil {
		return err
	}
	own := slices.DeleteFunc(all, func(r *run) bool { return r.Test.Stage != v.ID })
	return s.show(w, "stage.html", struct {
		frame
		Stage    stageView
		WriteUp  page
		Programs []Program
		Hints    []stages.Hint
		AllHints int
		Runs     []*run
		Sources  []source
	}{s.frame("Stage "+v.ID+" · "+v.Title, "stages"), v, text, s.config.Programs[v.ID], hints[:had], len(hints), own[:min(len(own), 6)], s.book.sources(v.Dir)})
}

func (s *server) hint(w http.ResponseWriter, r *http.Request) error {
	v, err := s.find(r)
	if err != nil {
		return err
	}
	given, err := store.ReadHints(s.config.Store)
	if err != nil {
		return err
	}
	given[v.ID] = min(max(given[v.ID], 0)+1, len(v.Hints()))
	if err := store.WriteHints(s.config.Store, given); err != nil {
		return err
	}
	http.Redirect(w, r, "/stages/"+v.ID+"#hints", http.StatusSeeOther)
	return nil
}

// engines are the values of the form for engine; the first is the default one.
var engines = []string{"", "native", "wasm", "process"}

func (s *server) run(w http.ResponseWriter, r *http.Request) error {
	v, err := s.find(r)
	if err != nil {
		return err
	}
	form := r.PostForm // parsed by the guard
	o := Order{Stage: v.ID, Program: form.Get("program"), Seed: strings.TrimSpace(form.Get("seed")), Engine: form.Get("engine"), Strict: form.Get("strict") != "", Hard: form.Get("hard") != ""}
	i := slices.IndexFunc(s.config.Programs[v.ID], func(p Program) bool { return p.ID == o.Program })
	if i < 0 {
		return &statusError{http.StatusBadRequest, fmt.Sprintf("stage %s has no program %q", v.ID, o.Program)}
	}
	if !slices.Contains(engines, o.Engine) {
		return &statusError{http.StatusBadRequest, fmt.Sprintf("there is no engine %q", o.Engine)}
	}
	if o.Seed != "" {
		if _, err := strconv.ParseUint(o.Seed, 10, 64); err != nil {
			return &statusError{http.StatusBadRequest, fmt.Sprintf("the seed is %q, expected a whole number from 0 to 18446744073709551615", o.Seed)}
		}
	}
	if !s.jobs.begin(o, s.config.Programs[v.ID][i]) {
		return &statusError{http.StatusConflict, "another run is under way, and they would disturb each other; wait for its end or cancel it"}
	}
	http.Redirect(w, r, "/now", http.StatusSeeOther)
	return nil
}
