// Package store keeps runs on disk in Maelstrom's layout:
//
//	store/WORKLOAD/TIME/
//	    history.edn, history.txt   the operations, written as they happen
//	    journal.txt                the messages (see package journal)
//	    results.edn, results.json  the verdict
//	    linearizable-KEY.html      lin-kv: the attempts to order the operations on a key
//	    test.json                  what was run: options, seed, engine (see package spec)
//	    end.json                   how the run ended, written last (see End)
//	    pass.json                  that the stage was passed, with this run as the last one (see Pass)
//	    run.log                    what the runner did
//	    node-logs/n1.log           what each node printed on stderr
//	    node-logs/n1.files/        what a simulated node wrote to files
//	store/latest, store/WORKLOAD/latest   links to the newest run
//	store/explore/TIME/explore.html       what an exploration came to, and as explore.json
//	store/hard-mode/STAGE-PROGRAM.json    the seeds of hard mode that a program was tried with (see HardMode)
package store

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"glomers/checkers"
	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/checkers/linkvpage"
	"glomers/internal/spec"
)

// The names of the files of a run.
const (
	HistoryEDN  = "history.edn"
	HistoryText = "history.txt"
	Journal     = "journal.txt"
	ResultsEDN  = "results.edn"
	ResultsJSON = "results.json"
	TestJSON    = "test.json"
	EndJSON     = "end.json"
	PassJSON    = "pass.json"
	RunLog      = "run.log"
	NodeLogs    = "node-logs"
)

// timeName is the form of the names of directories.
const timeName = "20060102T150405.000-0700"

// Run is a run that is being written.
type Run struct {
	Dir string

	root     string
	files    []*file
	nodeLogs []*nodeLog
	history  *file
	text     *file
	messages *journal.Writer
	log      *file
	end      End
	err      error
	line     []byte

	historyHash, journalHash hash.Hash
}

// file is a buffered file that keeps its first error.
type file struct {
	*bufio.Writer
	f *os.File
}

// Create makes the directory of a run below root and points the links to it.
func Create(root string, t *spec.Test) (*Run, error) {
	r := &Run{root: root}
	base := filepath.Join(root, t.Workload)
	if err := os.MkdirAll(base, 0o777); err != nil {
		return nil, fmt.Errorf("create the store: %w", err)
	}
	// Two runs may start within a millisecond: the later one takes the next.
	for at := t.Start; ; at = at.Add(time.Millisecond) {
		r.Dir = filepath.Join(base, at.Format(timeName))
		err := os.Mkdir(r.Dir, 0o777)
		if err == nil {
			break
		}
		if !errors.Is(err, os.ErrExist) {
			return nil, fmt.Errorf("create the directory of the run: %w", err)
		}
	}
	if err := os.Mkdir(filepath.Join(r.Dir, NodeLogs), 0o777); err != nil {
		return nil, err
	}
	r.history, r.text, r.log = r.create(HistoryEDN), r.create(HistoryText), r.create(RunLog)
	messages := r.create(Journal)
	if r.err != nil {
		return nil, r.err
	}
	r.historyHash, r.journalHash = sha256.New(), sha256.New()
	r.messages = journal.NewWriter(io.MultiWriter(messages, r.journalHash))
	link(filepath.Join(root, "latest"), filepath.Join(t.Workload, filepath.Base(r.Dir)))
	link(filepath.Join(base, "latest"), filepath.Base(r.Dir))
	text, err := json.MarshalIndent(t, "", "  ")
	if err != nil {
		return nil, err
	}
	return r, r.write(TestJSON, append(text, '\n'))
}

func (r *Run) create(name string) *file {
	f, err := os.Create(filepath.Join(r.Dir, name))
	if err != nil {
		r.fail(err)
		return nil
	}
	w := &file{bufio.NewWriterSize(f, 64<<10), f}
	r.files = append(r.files, w)
	return w
}

// link points a symbolic link to the newest run. Where links cannot be made, as on
// Windows without the privilege, runs are found by their names.
func link(path, target string) {
	os.Remove(path)
	os.Symlink(target, path)
}

func (r *Run) write(name string, text []byte) error {
	if err := os.WriteFile(filepath.Join(r.Dir, name), text, 0o666); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func (r *Run) fail(err error) {
	if r.err == nil && err != nil {
		r.err = fmt.Errorf("store the run: %w", err)
	}
}

// RecordOp appends an operation to the history.
func (r *Run) RecordOp(op history.Op) {
	op.Index = r.end.Operations
	r.end.Operations++
	r.line = append(edn.Append(r.line[:0], op.MarshalEDN()), '\n')
	r.historyHash.Write(r.line)
	_, err := r.history.Write(r.line)
	r.fail(err)
	_, err = fmt.Fprintln(r.text, op.Text())
	r.fail(err)
}

// Record appends an event to the journal.
func (r *Run) Record(e journal.Event) {
	r.end.Events++
	r.messages.Record(e)
}

// NodeLog creates the log of a node. What is written to it is on disk after the next
// Flush.
func (r *Run) NodeLog(node string) (io.WriteCloser, error) {
	f, err := os.Create(filepath.Join(r.Dir, NodeLogs, filepath.Base(node)+".log"))
	if err != nil {
		return nil, err
	}
	l := &nodeLog{w: bufio.NewWriterSize(f, 16<<10), f: f}
	r.nodeLogs = append(r.nodeLogs, l)
	return l, nil
}

// nodeLog is the log of a node. Nodes print two lines for each message, so it is
// buffered. Its methods may be called at the same time: processes write to their
// logs from goroutines of their own.
type nodeLog struct {
	mu sync.Mutex
	w  *bufio.Writer
	f  *os.File
}

func (l *nodeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

func (l *nodeLog) flush() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Flush()
}

func (l *nodeLog) Close() error { return errors.Join(l.flush(), l.f.Close()) }

// NodeFile creates the copy of a file that a node wrote to a disk of its own.
func (r *Run) NodeFile(node, path string) (io.WriteCloser, error) {
	if path = strings.TrimLeft(path, "/"); !filepath.IsLocal(path) {
		return nil, fmt.Errorf("%q cannot be the name of a file here", path)
	}
	name := filepath.Join(r.Dir, NodeLogs, filepath.Base(node)+".files", filepath.FromSlash(path))
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		return nil, err
	}
	return os.Create(name)
}

// LogWriter returns the run log.
func (r *Run) LogWriter() io.Writer { return r.log }

// Operations returns how many records the history has.
func (r *Run) Operations() int { return r.end.Operations }

// Flush brings what was recorded to the disk and returns the first error of any
// write since Create.
func (r *Run) Flush() error {
	r.fail(r.messages.Flush())
	for _, f := range r.files {
		r.fail(f.Writer.Flush())
	}
	for _, l := range r.nodeLogs {
		l.flush() // a log that cannot be kept is no reason to end the run
	}
	return r.err
}

func (r *Run) close() error {
	r.Flush()
	for _, f := range r.files {
		r.fail(f.f.Close())
	}
	return r.err
}

// WriteResults writes results.edn and results.json into the directory of a run.
// The extra entries come first.
func WriteResults(dir string, results *checkers.Results, extra edn.Map) error {
	m := append(append(edn.Map{}, extra...), edn.Marshal(*results).(edn.Map)...)
	if err := WritePages(dir, results); err != nil {
		return err
	}
	r := &Run{Dir: dir}
	if err := r.write(ResultsEDN, append(edn.Pretty(m), '\n')); err != nil {
		return err
	}
	indented, err := json.MarshalIndent(json.RawMessage(edn.ToJSON(m)), "", "  ")
	if err != nil {
		return err
	}
	return r.write(ResultsJSON, append(indented, '\n'))
}

func writePage(dir string, p linkvpage.Page) error {
	f, err := os.Create(filepath.Join(dir, p.Name))
	if err != nil {
		return err
	}
	if err := p.WriteHTML(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// WritePages writes the pages of results into a directory, which is made if need
// be.
func WritePages(dir string, results *checkers.Results) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	linKV, ok := results.Workload.(*checkers.LinKVResult)
	if !ok {
		return nil
	}
	for _, p := range linkvpage.Pages(linKV) {
		if err := writePage(dir, p); err != nil {
			return fmt.Errorf("write %s: %w", p.Name, err)
		}
	}
	return nil
}

// Recorded is a run that is on disk.
type Recorded struct {
	Dir  string
	Test *spec.Test // nil for a run of the real Maelstrom

	// CutJournal is set by Messages for a journal of the real Maelstrom that ends in
	// the middle of an event. That of a run of glomers is compared with the end record.
	CutJournal bool
}

// Open finds the parts of the run in a directory.
func Open(dir string) (*Recorded, error) {
	r := &Recorded{Dir: dir}
	text, err := os.ReadFile(filepath.Join(dir, TestJSON))
	if errors.Is(err, os.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	r.Test = &spec.Test{}
	if err := decodeJSON(filepath.Join(dir, TestJSON), text, r.Test); err != nil {
		return nil, err
	}
	return r, nil
}

// HistoryPath returns the path of the history, which may be compressed.
func (r *Recorded) HistoryPath() (string, error) {
	for _, name := range []string{HistoryEDN, HistoryEDN + ".gz", HistoryEDN + ".zst", "history.jsonl"} {
		path := filepath.Join(r.Dir, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s holds no history: expected %s, plain or compressed", r.Dir, HistoryEDN)
}

// Messages reads the journal, which may end early. It reports whether there is
// one.
func (r *Recorded) Messages(each func(journal.Event)) (bool, error) {
	f, err := os.Open(filepath.Join(r.Dir, Journal))
	if errors.Is(err, os.ErrNotExist) {
		return r.foreignMessages(each)
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	err = journal.Read(f, func(e journal.Event) error {
		each(e)
		return nil
	})
	if err != nil && !errors.Is(err, journal.ErrTruncated) {
		return true, history.InFile(f.Name(), err)
	}
	return true, nil
}

// raceReport matches the first line of a report of Go's race detector. The log of a
// simulated node has the time before it.
var raceReport = regexp.MustCompile(`^( *\d+\.\d+ )?WARNING: DATA RACE`)

// RacyNodes returns the nodes whose logs hold a report of Go's race detector.
func RacyNodes(dir string) []string {
	logs, _ := filepath.Glob(filepath.Join(dir, NodeLogs, "*.log"))
	var racy []string
	for _, path := range logs {
		if f, err := os.Open(path); err == nil {
			lines := bufio.NewReaderSize(f, 256<<10)
			for {
				line, err := lines.ReadSlice('\n')
				if raceReport.Match(line) {
					racy = append(racy, strings.TrimSuffix(filepath.Base(path), ".log"))
					break
				}
				if err != nil && err != bufio.ErrBufferFull {
					break
				}
			}
			f.Close()
		}
	}
	return racy
}
