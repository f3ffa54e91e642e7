package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"glomers/checkers"
	"glomers/checkers/edn"
	"glomers/checkers/history"
	"glomers/checkers/linkvpage"
	"glomers/internal/nemesis"
	"glomers/internal/spec"
	"glomers/internal/standing"
	"glomers/internal/store"
	"glomers/internal/verdict"
	"glomers/stages"
)

// report is a verdict with what the command knows about the run besides its records.
type report struct {
	*verdict.Verdict
	dir      string
	pages    string     // directory of the drawings, empty if they are not kept
	page     string     // path of the report; empty if there is none
	test     *spec.Test // nil for a run whose options are not known
	stage    *stages.Stage
	end      *store.End
	warnings []string

	history  *history.History   // for the course of the run; nil not to show it
	judgedBy string             // for a run whose options are not known: what was assumed, and why
	standing *standing.Standing // after the last run of a stage that was passed, otherwise nil
}

// verdictError returns the error that stands for the exit code of a verdict.
func verdictError(v *verdict.Verdict) error {
	return map[verdict.Outcome]error{verdict.Pass: nil, verdict.Fail: errFailed, verdict.Unknown: errUnknown}[v.Outcome]
}

// extra returns the entries of results.edn that Maelstrom does not have.
func (r *report) extra() edn.Map {
	m := r.Verdict.EDN()
	if r.test != nil {
		m = append(m, edn.Entry{Key: edn.Keyword("seed"), Value: edn.Marshal(r.test.Seed)})
	}
	if r.end != nil {
		m = append(m, edn.Entry{Key: edn.Keyword("history-sha256"), Value: r.end.HistorySHA256},
			edn.Entry{Key: edn.Keyword("journal-sha256"), Value: r.end.JournalSHA256})
	}
	if r.stage != nil {
		m = append(m, edn.Entry{Key: edn.Keyword("stage"), Value: r.stage.ID})
	}
	return m
}

// notice adds to the record of a run what neither history nor journal shows: which links
// partitions cut, and stray messages to clients.
func notice(run *store.Run, r verdict.Records) {
	switch text := nemesis.Describe(r.Partitions); {
	case nemesis.CutNothing(r.Partitions):
		run.Warn(text)
	case text != "":
		run.Note(text)
	}
	if n := r.Strays.Count; n > 0 {
		run.Warn(fmt.Sprintf("%s to clients answered no request; the first: %s", count(n, "message"), r.Strays.First[0]))
	}
}

// print prints a verdict: for people, or as JSON.
func (a *app) print(r *report, asJSON bool) {
	r.warnings = append(r.warnings, r.Warnings(r.dir)...)
	remarks := r.remarks()
	if r.end != nil {
		r.warnings = append(r.warnings, r.end.Warnings...)
		remarks = append(remarks, r.end.Notes...)
	}
	if asJSON {
		a.printJSON(r, remarks)
		return
	}
	t := a.out
	if r.judgedBy != "" {
		t.printf("judged by: %s\n", r.judgedBy)
	}
	rows := append(r.Rows(r.test), t.courseRows(r.history)...)
	a.printRows(rows)
	a.printFindings(r, len(rows))
	for _, remark := range remarks {
		t.printf("\n  %s %s\n", t.warn("note:"), remark)
	}
	if r.Outcome != verdict.Pass {
		if errors := r.Results.Stats.Errors(); len(errors) > 0 && r.Results.Stats.Valid == checkers.Valid {
			t.printf("\n  errors that clients got:\n    %s\n", strings.Join(errors, "\n    "))
		}
	}
	for _, warning := range r.warnings {
		t.printf("\n  %s %s\n", t.warn("warning:"), warning)
	}
	paint := map[verdict.Outcome]func(any) styled{verdict.Pass: t.good, verdict.Fail: t.bad, verdict.Unknown: t.warn}[r.Outcome]
	t.printf("\n  %s", paint(t.bold(r.Outcome.String())))
	switch {
	case r.Incomplete != "":
		t.printf("  %s", r.Incomplete)
	case r.test != nil && r.test.Shrunk:
		t.printf("  %s", t.dim("(the smallest test found that fails in this way)"))
	case r.stage != nil && r.test != nil && !r.test.Official:
		t.printf("  %s", t.dim("(not the challenge's own options)"))
	}
	t.printf("\n")
	a.printPlaces(r)
}

// around is the number of lines reserved for what a verdict has besides the rows and the
// findings: remarks, warnings, and where to look next.
const around = 16

// printFindings prints why a run did not pass. On a terminal it shortens the findings if
// they would scroll the rows out of sight: it prints some without their examples, and of
// others only the names.
func (a *app) printFindings(r *report, rows int) {
	t := a.out
	_, room := t.size()
	room -= rows + around
	var left []string // kinds of findings for which there is no room
	printed := 0
	for _, f := range r.Findings {
		if f.Source == verdict.Limited || f.Source == verdict.Race {
			continue // a row or a warning shows it already
		}
		details := ""
		for _, d := range f.Details {
			details += "    " + strings.ReplaceAll(d, "\n", "\n    ") + "\n"
		}
		if t.tty && printed > 0 { // the first is always printed in full
			if printed+2 > room {
				left = append(left, f.Kind)
				continue
			}
			if printed+2+strings.Count(details, "\n") > room {
				details = ""
			}
		}
		t.printf("\n  %s %s\n%s", t.bad(f.Kind+":"), f.Summary, details)
		printed += 2 + strings.Count(details, "\n")
	}
	if len(left) > 0 {
		t.printf("\n  %s %s   (in full: %s)\n", t.bad("and:"), strings.Join(left, ", "), commandLine([]string{"report", r.dir}))
	}
}

// printJSON prints a verdict for programs.
func (a *app) printJSON(r *report, remarks []string) {
	m := append(edn.Map{{Key: "dir", Value: r.dir}, {Key: "outcome", Value: strings.ToLower(r.Outcome.String())}}, r.extra()...)
	if r.judgedBy != "" {
		m = append(m, edn.Entry{Key: "judged-by", Value: r.judgedBy})
	}
	m = append(m, edn.Marshal(*r.Results).(edn.Map)...)
	m = append(m, edn.Entry{Key: "findings", Value: edn.Marshal(r.Findings)})
	for _, texts := range []struct {
		key  string
		list []string
	}{{"notes", remarks}, {"warnings", r.warnings}} {
		if len(texts.list) > 0 {
			m = append(m, edn.Entry{Key: texts.key, Value: edn.Marshal(texts.list)})
		}
	}
	for _, text := range []struct{ key, value string }{{"hint", r.hint()}, {"report", r.page}, {"repeat", r.command()}} {
		if text.value != "" {
			m = append(m, edn.Entry{Key: text.key, Value: text.value})
		}
	}
	if r.standing != nil {
		m = append(m, r.standing.EDN()...)
	}
	var text json.RawMessage = edn.ToJSON(m)
	indented, err := json.MarshalIndent(text, "", "  ")
	if err != nil {
		indented = text
	}
	a.out.printf("%s\n", indented)
}

// printRows prints the checks, the limits and the figures in columns.
func (a *app) printRows(rows []verdict.Row) {
	t := a.out
	width := 0
	for _, r := range rows {
		width = max(width, len([]rune(r.Name)))
	}
	t.printf("\n")
	for _, r := range rows {
		mark, paint := t.good("✓"), t.good
		switch r.State {
		case verdict.Bad:
			mark, paint = t.bad("✗"), t.bad
		case verdict.Doubtful:
			mark, paint = t.warn("?"), t.warn
		case verdict.Figure:
			mark, paint = " ", func(s any) styled { return styled(printable(fmt.Sprint(s))) }
		}
		pad := strings.Repeat(" ", width-len([]rune(r.Name)))
		t.printf("  %s %s%s  %s", mark, r.Name, pad, paint(r.Value))
		if r.Limit != "" {
			t.printf("  %s", t.dim(r.Limit))
		}
		t.printf("\n")
	}
}

// printPlaces prints where to look next.
func (a *app) printPlaces(r *report) {
	t := a.out
	passed := r.Outcome == verdict.Pass
	if hint := r.hint(); hint != "" {
		t.printf("  hint     %s\n", strings.ReplaceAll(wrapText(hint, 100), "\n", "\n           "))
	}
	if s := r.standing; s != nil {
		t.printf("  medal    %s\n", t.bold(s.Medal))
		if s.Next != "" {
			t.printf("  next     %s\n", strings.ReplaceAll(wrapText(s.NextStep(), 100), "\n", "\n           "))
		}
		for _, command := range s.Commands {
			t.printf("           %s\n", command)
		}
	}
	t.printf("  details  %s\n", r.dir)
	if r.page != "" && !passed {
		t.printf("  report   %s\n", r.page)
	}
	if command := r.command(); command != "" && !passed {
		t.printf("  repeat   %s\n", command)
		for _, step := range r.nextSteps() {
			t.printf("  next     %s\n", step)
		}
	}
	if r.pages != "" {
		if linKV, ok := r.Results.Workload.(*checkers.LinKVResult); ok {
			for _, p := range linkvpage.Pages(linKV) {
				t.printf("  drawing  %s\n", filepath.Join(r.pages, p.Name))
			}
		}
	}
	if logs := filepath.Join(r.dir, store.NodeLogs); !passed && isDir(logs) {
		t.printf("  logs     %s\n", logs)
	}
}

// command returns the command line that repeats the run; "" if none is known.
func (r *report) command() string {
	if r.test == nil {
		return ""
	}
	return r.test.Command
}

// hint returns the stage's hint for the first finding that it has one for. An operation
// that never succeeded comes first, since it is likely to cause what other checks found;
// and before that the likely reason why it never did, which is that clients got answers
// to no request, no answers at all, or answers of another shape.
func (r *report) hint() string {
	if r.stage == nil || r.Incomplete != "" {
		return ""
	}
	var kinds []string
	for _, f := range r.Findings {
		switch {
		case len(r.Silent) > 0 && slices.Contains(ofSilence, f.Kind):
			kinds = append(kinds, "silent", f.Kind)
		case f.Kind != "stats":
			kinds = append(kinds, f.Kind)
		case r.Strays.Count > 0:
			kinds = slices.Insert(kinds, 0, "stray", f.Kind)
		case allEndIn(f, "net-timeout"):
			kinds = slices.Insert(kinds, 0, "unanswered", f.Kind)
		case allEndIn(f, "malformed-rpc-response"):
			kinds = slices.Insert(kinds, 0, "malformed", f.Kind)
		default:
			kinds = slices.Insert(kinds, 0, f.Kind)
		}
	}
	_, text := r.stage.HintFor(kinds...)
	return text
}

// ofSilence are the findings that a node which stopped answering is likely to cause.
var ofSilence = []string{"lost", "stable", "availability", "no-final-read"}

// allEndIn reports whether all requests of an operation that never succeeded ended in
// one error.
func allEndIn(f verdict.Finding, name string) bool {
	return len(f.Details) > 0 && !slices.ContainsFunc(f.Details, func(detail string) bool {
		return !strings.Contains(detail+": ", ": "+name+": ")
	})
}

// remarks returns which nodes stopped answering and, of a run that passes, what went wrong
// nevertheless.
func (r *report) remarks() []string {
	var out []string
	if n := len(r.Silent); n > 0 {
		const few = 3
		var nodes []string
		for _, s := range r.Silent[:min(n, few)] {
			nodes = append(nodes, s.String())
		}
		text := "stopped answering: " + strings.Join(nodes, ", ")
		if n > few {
			text += " and " + count(n-few, "more node")
		}
		out = append(out, text)
	}
	if r.Outcome != verdict.Pass {
		return out
	}
	if s := &r.Results.Stats; s.OKCount < s.Count {
		text := fmt.Sprintf("%d of %d operations did not succeed", s.Count-s.OKCount, s.Count)
		if errors := s.Errors(); len(errors) > 0 {
			text += ":\n    " + strings.Join(errors, "\n    ")
		}
		out = append(out, text)
	}
	if set, ok := r.Results.Workload.(*checkers.SetFullResult); ok && len(set.NeverRead) > 0 {
		out = append(out, fmt.Sprintf("%d of %s never read, so nothing is known about them", len(set.NeverRead), count(set.AttemptCount, "value")+" were"))
	}
	return out
}

// nextSteps returns commands that show more of a run that failed.
func (r *report) nextSteps() []string {
	if !simulates(r.test.Engine) {
		return nil
	}
	replay := []string{"replay"}
	if latest, err := filepath.EvalSymlinks(filepath.Join("store", "latest")); err != nil || !sameFile(latest, r.dir) {
		replay = append(replay, r.dir)
	}
	steps := []string{commandLine(replay) + "   # what happened, message by message"}
	if words, ok := strings.CutPrefix(r.test.Command, "glomers test "); ok && !r.test.Shrunk {
		steps = append(steps, "glomers shrink "+words+"   # the smallest test that fails in the same way")
	}
	return steps
}

// wrapText breaks a text between words.
func wrapText(s string, width int) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(s) {
		n := len([]rune(word))
		switch {
		case column > 0 && column+1+n > width:
			b.WriteString("\n")
			column = 0
		case column > 0:
			b.WriteString(" ")
			column++
		}
		b.WriteString(word)
		column += n
	}
	return b.String()
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// number writes a figure with four digits, and never as 1.8e+04.
func number(v float64) string {
	switch m := math.Abs(v); {
	case m >= 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case m > 0 && m < 0.001:
		return strconv.FormatFloat(v, 'f', 6, 64)
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// count writes a number with its noun.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// safeTable is a table whose cells are made printable, as the arguments of printf are,
// unless they are styled.
type safeTable struct{ table.Writer }

func (t safeTable) AppendHeader(row table.Row, c ...table.RowConfig) {
	t.Writer.AppendHeader(safeRow(row), c...)
}
func (t safeTable) AppendRow(row table.Row, c ...table.RowConfig) {
	t.Writer.AppendRow(safeRow(row), c...)
}

func safeRow(row table.Row) table.Row {
	safe := make(table.Row, len(row))
	for i, cell := range row {
		if text, ok := cell.(styled); ok {
			safe[i] = string(text)
		} else {
			safe[i] = printable(fmt.Sprint(cell))
		}
	}
	return safe
}

// newTable returns a table in the plain style of the command.
func (t *terminal) newTable() safeTable {
	w := table.NewWriter()
	w.SetOutputMirror(t.w)
	style := table.StyleLight
	style.Options = table.OptionsNoBordersAndSeparators
	style.Format.Header = 0
	w.SetStyle(style)
	return safeTable{w}
}
