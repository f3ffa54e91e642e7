package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"glomers/stages"
)

// jobView is a job for a page.
type jobView struct {
	Order    Order
	Program  Program
	Stage    stages.Stage
	Start    time.Time
	Progress Progress
	End      *End
}

func viewOf(j *job) *jobView {
	progress, end, _ := j.state()
	stage, _ := stages.Find(j.Order.Stage) // it was checked when the job began
	return &jobView{j.Order, j.Program, stage, j.Start, progress, end}
}

func (s *server) now(w http.ResponseWriter, r *http.Request) error {
	j := s.jobs.current()
	if j == nil {
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return nil
	}
	v := viewOf(j)
	var runs []*run
	if v.End != nil {
		for _, id := range v.End.Runs {
			if r, err := s.archive.get(id); err == nil {
				runs = append(runs, r)
			}
		}
	}
	title := "Running stage " + v.Stage.ID
	if v.End != nil {
		title = "Stage " + v.Stage.ID + ": " + verdictText(v.End.Outcome)
	}
	f := s.frame(title, "stages")
	f.Job = nil // this page is about it
	return s.show(w, "now.html", struct {
		frame
		View *jobView
		Runs []*run
	}{f, v, runs})
}

func (s *server) cancel(w http.ResponseWriter, r *http.Request) error {
	if j := s.jobs.current(); j != nil {
		j.cancel()
	}
	http.Redirect(w, r, "/now", http.StatusSeeOther)
	return nil
}

// message is an event for the browser.
type message struct {
	Phase    string  `json:"phase"`
	Elapsed  float64 `json:"elapsed"` // seconds
	Total    float64 `json:"total"`   // seconds, 0 if unknown
	Invoked  int     `json:"invoked"`
	OK       int     `json:"ok"`
	Fail     int     `json:"fail"`
	Info     int     `json:"info"`
	Rate     float64 `json:"rate"`
	Latency  float64 `json:"latency"` // milliseconds
	Faults   string  `json:"faults"`
	Messages int64   `json:"messages"`
	Since    float64 `json:"since"`  // seconds since the button was pressed
	From     int     `json:"from"`   // number of the first of Points
	Points   []point `json:"points"` // of the course of the latency, that were not sent yet
}

// The paces of events: not more than the eye follows, and a sign of life now and then.
const (
	eventPause = 100 * time.Millisecond
	heartbeat  = 15 * time.Second
)

// events tells a browser how the job goes, until it ends.
func (s *server) events(w http.ResponseWriter, r *http.Request) error {
	j := s.jobs.current()
	if j == nil {
		return &statusError{http.StatusNotFound, "nothing has been run since the server was started"}
	}
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	send := func(format string, args ...any) error {
		control.SetWriteDeadline(time.Now().Add(writeTimeout)) // a writer without deadlines needs none
		if _, err := fmt.Fprintf(w, format, args...); err != nil {
			return err
		}
		return control.Flush()
	}
	shown, sent := 0, 0 // the number of the course, and how many of its points
	for {
		p, end, changed := j.state()
		number, course := j.points()
		if number != shown {
			shown, sent = number, 0
		}
		text, err := json.Marshal(message{p.Phase, p.Elapsed.Seconds(), p.Total.Seconds(), p.Invoked, p.OK, p.Fail, p.Info,
			p.Rate, float64(p.Latency) / float64(time.Millisecond), p.Faults, p.Messages, time.Since(j.Start).Seconds(), sent, course[sent:]})
		if err != nil {
			return err
		}
		sent = len(course)
		if send("event: progress\ndata: %s\n\n", text) != nil {
			return nil // the browser left
		}
		if end != nil {
			send("event: end\ndata: {}\n\n")
			return nil
		}
		select {
		case <-changed:
		case <-time.After(heartbeat):
		case <-r.Context().Done():
			return nil
		}
		select { // what changed meanwhile goes into one event
		case <-time.After(eventPause):
		case <-r.Context().Done():
			return nil
		}
	}
}
