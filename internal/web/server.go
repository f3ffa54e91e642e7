package web

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// Config is what a server shows and runs.
type Config struct {
	Store    string               // the directory that runs are kept in
	Programs map[string][]Program // what can be run, by the id of the stage
	Runner   Runner
	Report   func(w io.Writer, run string) error // writes the report of a run, which is named by its directory in the store
	Names    []string                            // of this machine, for a server that listens beyond loopback
	Log      *slog.Logger                        // nil for none
}

// server answers requests.
type server struct {
	config  Config
	guard   *guard
	archive *archive
	book    *book
	jobs    *jobs
	pages   *template.Template
	log     *slog.Logger

	reporting sync.Mutex
}

//go:embed assets pages
var files embed.FS

// The limits of a connection. Events and downloads extend the one for writing as they
// go on.
const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 15 * time.Second
	writeTimeout    = 60 * time.Second
	idleTimeout     = 2 * time.Minute
	shutdownTimeout = 5 * time.Second
	maxHeader       = 32 << 10
)

// Serve answers requests that come to the listener until the context ends; then it
// ends the run under way, and waits a little for answers that are being written.
func Serve(ctx context.Context, l net.Listener, c Config) error {
	root, err := openStore(c.Store)
	if err != nil {
		return err
	}
	defer root.Close()
	handler, jobs, err := newServer(ctx, l.Addr(), root, c)
	if err != nil {
		return err
	}
	s := &http.Server{
		Handler: handler, BaseContext: func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // of broken connections
	}
	stopped := context.AfterFunc(ctx, func() {
		deadline, cancel := context.WithTimeout(context.Background(), shutdownTimeout)
		defer cancel()
		if s.Shutdown(deadline) != nil {
			s.Close()
		}
	})
	defer stopped()
	err = s.Serve(l)
	jobs.running.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// openStore opens the directory of the store, which the first run makes otherwise.
func openStore(dir string) (*os.Root, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("create the store: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	return root, nil
}

// newServer returns the handler of all requests.
func newServer(ctx context.Context, addr net.Addr, root *os.Root, c Config) (http.Handler, *jobs, error) {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &server{
		config: c, guard: newGuard(addr, c.Names), archive: &archive{root: root, known: map[string]cached{}}, book: newBook(),
		jobs: &jobs{runner: c.Runner, ctx: ctx}, log: c.Log,
	}
	var err error
	if s.pages, err = template.New("").Funcs(functions).ParseFS(files, "pages/*.html"); err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	for _, route := range []struct {
		pattern string
		handle  func(http.ResponseWriter, *http.Request) error
	}{
		{"GET /{$}", s.home},
		{"GET /stages/{id}", s.stage},
		{"POST /stages/{id}/hint", s.hint},
		{"POST /stages/{id}/run", s.run},
		{"GET /now", s.now},
		{"GET /now/events", s.events},
		{"POST /now/cancel", s.cancel},
		{"GET /runs", s.runs},
		{"GET /runs/{id...}", s.oneRun},
		{"GET /compare", s.compare},
		{"GET /explorations/{name}", s.explored},
		{"GET /reports/{id...}", s.report},
		{"GET /files/{path...}", s.file},
		{"GET /docs", s.docs},
		{"GET /docs/{name}", s.doc},
		{"GET /source/{path...}", s.source},
		{"GET /assets/{name}", s.asset},
	} {
		mux.HandleFunc(route.pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := route.handle(w, r); err != nil {
				s.fail(w, r, err)
			}
		})
	}
	return s.guard.protect(mux, s.refuse), s.jobs, nil
}

// statusError is an error that the request is to blame for.
type statusError struct {
	status int
	text   string
}

func (e *statusError) Error() string { return e.text }

func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var status *statusError
	switch {
	case errors.As(err, &status):
		s.refuse(w, r, status.status, status.text)
	case errors.Is(err, fs.ErrNotExist):
		s.refuse(w, r, http.StatusNotFound, "there is nothing at this address")
	case r.Context().Err() != nil: // nobody reads the answer
	default:
		s.log.Error("answer a request", "path", r.URL.Path, "error", err)
		s.refuse(w, r, http.StatusInternalServerError, err.Error())
	}
}

// refuse says why a request is not answered.
func (s *server) refuse(w http.ResponseWriter, r *http.Request, status int, reason string) {
	s.log.Info("refused", "method", r.Method, "path", r.URL.Path, "status", status, "reason", reason)
	var body bytes.Buffer
	data := struct {
		frame
		Status int
		Reason string
	}{frame{Title: http.StatusText(status)}, status, reason}
	if err := s.pages.ExecuteTemplate(&body, "error.html", data); err != nil {
		http.Error(w, reason, status)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(body.Bytes())
}

// frame is what every page has.
type frame struct {
	Title   string
	Section string // stages, runs or docs: the part of the navigation that it belongs to
	Token   string
	Job     *jobView // under way, or nil
}

// show answers with a page.
func (s *server) show(w http.ResponseWriter, name string, data any) error {
	var body bytes.Buffer // so that an error does not follow half a page
	if err := s.pages.ExecuteTemplate(&body, name, data); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(body.Bytes()) // an error is that of a reader who left
	return nil
}

func (s *server) frame(title, section string) frame {
	f := frame{Title: title, Section: section, Token: s.guard.token}
	if j := s.jobs.current(); j != nil && j.underWay() {
		f.Job = viewOf(j)
	}
	return f
}
