package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	"glomers/internal/report"
	"glomers/internal/store"
)

// exploration is an exploration of the store.
type exploration struct {
	Name string // of its directory
	When time.Time
	*report.Exploration
}

// explorations returns at most so many of the newest.
func (a *archive) explorations(most int) ([]exploration, error) {
	names, err := a.dirs(store.Explorations)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	slices.Reverse(names) // they are times
	var out []exploration
	for _, name := range names {
		if e, err := a.exploration(name); err == nil && len(out) < most {
			out = append(out, exploration{name, runTime(name), e})
		}
	}
	return out, nil
}

// exploration reads what an exploration came to.
func (a *archive) exploration(name string) (*report.Exploration, error) {
	if !runName.MatchString(name) {
		return nil, fmt.Errorf("%q is not the name of an exploration: %w", name, fs.ErrNotExist)
	}
	text, err := a.small(path.Join(store.Explorations, name, store.ExploreJSON))
	if err != nil {
		return nil, err
	}
	e := &report.Exploration{}
	if err := json.Unmarshal(text, e); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", store.ExploreJSON, err)
	}
	for i := range e.Failures {
		e.Failures[i].Report = reportAddress(e.Failures[i].Report)
	}
	return e, nil
}

// reportAddress is where the server has the report to which the page of an
// exploration links in the store.
func reportAddress(link string) string {
	id, ok := strings.CutPrefix(path.Dir(link), "../../")
	if !ok || !validID(id) {
		return ""
	}
	return "/reports/" + id
}

// explored answers with the page of an exploration, made anew from what it came to.
func (s *server) explored(w http.ResponseWriter, r *http.Request) error {
	e, err := s.archive.exploration(r.PathValue("name"))
	if err != nil {
		return notFound(err)
	}
	var body bytes.Buffer
	if err := e.WriteHTML(&body); err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", report.ExplorationPolicy()+"; frame-ancestors 'none'; sandbox")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(body.Bytes()) // an error is that of a reader who left
	return nil
}
