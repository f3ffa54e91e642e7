package web

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"glomers/internal/store"
	"glomers/stages"
)

// perPage is how many runs a page lists.
const perPage = 100

// filter chooses runs.
type filter struct {
	Stage, Outcome, Engine string
	From, To               string // days, as 2006-01-02
}

func filterOf(r *http.Request) filter {
	q := r.URL.Query()
	return filter{q.Get("stage"), q.Get("verdict"), q.Get("engine"), q.Get("from"), q.Get("to")}
}

func (f filter) match(r *run) bool {
	day := r.When.Local().Format(time.DateOnly)
	stage := r.Test.Stage
	if f.Stage == "none" && stage != "" || f.Stage != "none" && f.Stage != "" && stage != f.Stage {
		return false
	}
	return (f.Outcome == "" || r.Outcome == f.Outcome) && (f.Engine == "" || r.Engine() == f.Engine) &&
		(f.From == "" || day >= f.From) && (f.To == "" || day <= f.To)
}

func (s *server) runs(w http.ResponseWriter, r *http.Request) error {
	all, err := s.archive.list()
	if err != nil {
		return err
	}
	var engines []string
	for _, r := range all {
		if e := r.Engine(); !slices.Contains(engines, e) {
			engines = append(engines, e)
		}
	}
	slices.Sort(engines)
	f := filterOf(r)
	total := len(all)
	all = slices.DeleteFunc(slices.Clone(all), func(r *run) bool { return !f.match(r) })
	number, err := strconv.Atoi(r.URL.Query().Get("page"))
	if err != nil || number < 1 {
		number = 1
	}
	last := max(1, (len(all)+perPage-1)/perPage)
	number = min(number, last)
	pageURL := func(n int) string {
		q := r.URL.Query()
		q.Set("page", strconv.Itoa(n))
		return "/runs?" + q.Encode()
	}
	data := struct {
		frame
		Runs         []*run
		Explored     []exploration
		Found, Total int
		Filter       filter
		Stages       []stages.Stage
		Engines      []string
		Number, Last int
		Newer, Older string
		Outcomes     []string
	}{frame: s.frame("Runs", "runs"), Found: len(all), Total: total, Filter: f, Stages: stages.All(), Engines: engines, Number: number, Last: last, Outcomes: []string{pass, fail, unknown}}
	if data.Explored, err = s.archive.explorations(10); err != nil {
		return err
	}
	data.Runs = all[(number-1)*perPage : min(number*perPage, len(all))]
	if number > 1 {
		data.Newer = pageURL(number - 1)
	}
	if number < last {
		data.Older = pageURL(number + 1)
	}
	return s.show(w, "runs.html", data)
}

// storedFile is a file of a run.
type storedFile struct {
	Name string // below the run's directory
	Path string // in the store
	Size int64
}

// maxFiles is how many files of a run a page lists.
const maxFiles = 500

// filesOf lists the files of a run; links are left out.
func (a *archive) filesOf(id string) ([]storedFile, error) {
	var files []storedFile
	err := fs.WalkDir(a.root.FS(), id, func(name string, d fs.DirEntry, err error) error {
		if err != nil || len(files) == maxFiles {
			return fs.SkipDir // an unreadable directory shows nothing
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			files = append(files, storedFile{strings.TrimPrefix(name, id+"/"), name, info.Size()})
		}
		return nil
	})
	return files, err
}

func (s *server) oneRun(w http.ResponseWriter, r *http.Request) error {
	one, err := s.archive.get(r.PathValue("id"))
	if err != nil {
		return err
	}
	files, err := s.archive.filesOf(one.ID)
	if err != nil {
		return err
	}
	var pictures []storedFile
	for _, f := range files {
		if _, ok := pictureTypes[path.Ext(f.Name)]; ok && !strings.Contains(f.Name, "/") {
			pictures = append(pictures, f)
		}
	}
	title := one.Workload
	if stage := one.Stage(); stage != nil {
		title = "stage " + stage.ID
	}
	return s.show(w, "run.html", struct {
		frame
		Run      *run
		Sections []section
		Files    []storedFile
		Pictures []storedFile
		Report   bool
	}{s.frame("Run of "+title, "runs"), one, sectionsOf(one), files, pictures, hasReport(files)})
}

// pictureTypes are the files that are shown as pictures. A picture is no page: the
// scripts of an SVG do not run in it.
var pictureTypes = map[string]string{".svg": "image/svg+xml", ".png": "image/png"}

// file answers with a file of the store: a picture as such, text as plain text, and
// whatever else is neither, for downloading.
func (s *server) file(w http.ResponseWriter, r *http.Request) error {
	name := r.PathValue("path")
	f, _, err := s.archive.open(name)
	if err != nil {
		return notFound(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	w.Header().Set("Content-Security-Policy", picturePolicy)
	kind, isPicture := pictureTypes[path.Ext(name)]
	if !isPicture {
		begin := make([]byte, 512)
		n, err := io.ReadFull(f, begin)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return err
		}
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		if kind = "text/plain; charset=utf-8"; slices.Contains(begin[:n], 0) {
			kind = "application/octet-stream"
		}
	}
	w.Header().Set("Content-Type", kind)
	if r.URL.Query().Has("download") || kind == "application/octet-stream" {
		w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": path.Base(name)}))
	}
	http.ServeContent(patient{w, http.NewResponseController(w)}, r, "", info.ModTime(), f)
	return nil
}

// patient extends the time for an answer as long as the reader takes it, so that a
// long log arrives whole and a reader that stands still does not keep the connection.
type patient struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p patient) Write(b []byte) (int, error) {
	p.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return p.ResponseWriter.Write(b)
}

// notFound hides why a file cannot be opened: that it is missing, or outside.
func notFound(err error) error { return fmt.Errorf("%w: %w", fs.ErrNotExist, err) }

// reportTimeout is how long it may take to make and to send a report.
const reportTimeout = 3 * time.Minute

// hasReport reports whether a report can be made of a run.
func hasReport(files []storedFile) bool {
	return slices.ContainsFunc(files, func(f storedFile) bool { return strings.HasPrefix(f.Name, "history.") && f.Name != store.HistoryText })
}

// report answers with the report of a run, made of its records. A page that lies in
// the store is never shown as a page: it may be anybody's.
func (s *server) report(w http.ResponseWriter, r *http.Request) error {
	one, err := s.archive.get(r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := s.archive.plain(one.ID); err != nil {
		return &statusError{http.StatusNotFound, err.Error()}
	}
	http.NewResponseController(w).SetWriteDeadline(time.Now().Add(reportTimeout)) // a writer without deadlines needs none
	s.reporting.Lock()                                                            // each takes the memory of a whole run
	defer s.reporting.Unlock()
	var body bytes.Buffer
	if err := s.config.Report(&body, one.ID); err != nil {
		return &statusError{http.StatusUnprocessableEntity, "there can be no report: " + err.Error()}
	}
	w.Header().Set("Content-Security-Policy", reportPolicy())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(body.Bytes()) // an error is that of a reader who left
	return nil
}

// plain returns an error for a run with something in it that is neither a file nor a
// directory: what reads whole runs follows links.
func (a *archive) plain(id string) error {
	return fs.WalkDir(a.root.FS(), id, func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !d.Type().IsRegular() {
			err = fmt.Errorf("%s is neither a file nor a directory, and is not followed", name)
		}
		return err
	})
}

func (s *server) compare(w http.ResponseWriter, r *http.Request) error {
	ids := r.URL.Query()["run"]
	if len(ids) != 2 {
		return &statusError{http.StatusBadRequest, fmt.Sprintf("%d runs are chosen, expected 2 to compare", len(ids))}
	}
	var pair [2]*run
	for i, id := range ids {
		var err error
		if pair[i], err = s.archive.get(id); err != nil {
			return err
		}
	}
	if pair[1].When.Before(pair[0].When) { // the older one on the left
		pair[0], pair[1] = pair[1], pair[0]
	}
	return s.show(w, "compare.html", struct {
		frame
		Pair     [2]*run
		Sections []paired
	}{s.frame("Two runs", "runs"), pair, pairUp(sectionsOf(pair[0]), sectionsOf(pair[1]))})
}
