package cli

import (
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"glomers/checkers"
	"glomers/checkers/history"
	"glomers/internal/nodeio"
	"glomers/internal/runner"
)

// terminal is an output stream, which may be a terminal or not. Colours appear only if it
// is one, and NO_COLOR is not set.
type terminal struct {
	w       io.Writer
	file    *os.File // that w writes to; nil if it is none
	tty     bool
	color   bool
	unicode bool // it can show characters beyond ASCII
	mu      sync.Mutex

	columns, lines int // 0 to ask the terminal
}

// sink is a stream that keeps its first error, such as that of a full disk.
type sink struct {
	w   io.Writer
	mu  sync.Mutex
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.w.Write(p)
	if s.err == nil {
		s.err = err
	}
	return n, err
}

// lost returns the error because of which some of the output was lost; nil if nothing was.
func (t *terminal) lost() error {
	if s, ok := t.w.(*sink); ok {
		return s.err
	}
	return nil
}

func newTerminal(w io.Writer) *terminal {
	t := &terminal{w: &sink{w: w}}
	if f, ok := w.(*os.File); ok {
		t.file, t.tty = f, term.IsTerminal(int(f.Fd()))
	}
	t.unicode = t.tty && speaksUnicode() && os.Getenv("TERM") != "dumb"
	t.color = t.tty && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	return t
}

// styled is a text that is safe to print: all foreign text in it has been made printable,
// and its escape sequences are our own.
type styled string

// printf prints a text. Arguments are made printable first, since they may come from a
// node, a compiler or a recorded run; only styled texts may have escape sequences.
func (t *terminal) printf(format string, args ...any) {
	safe := make([]any, len(args))
	for i, arg := range args {
		switch arg := arg.(type) {
		case styled:
			safe[i] = string(arg)
		case string:
			safe[i] = printable(arg)
		case []byte:
			safe[i] = printable(string(arg))
		case error:
			safe[i] = printable(arg.Error())
		case fmt.Stringer:
			safe[i] = printable(arg.String())
		default:
			safe[i] = arg
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, format, safe...)
}

// printable is nodeio.Printable for a text of several lines.
func printable(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = nodeio.Printable(strings.TrimSuffix(line, "\r"))
	}
	return strings.Join(lines, "\n")
}

func (t *terminal) style(c text.Colors, s any) styled {
	plain, ok := s.(styled)
	if !ok {
		plain = styled(printable(fmt.Sprint(s)))
	}
	if !t.color {
		return plain
	}
	return styled(c.EscapeSeq()) + plain + styled(text.EscapeReset)
}

func (t *terminal) good(s any) styled { return t.style(text.Colors{text.FgGreen}, s) }
func (t *terminal) bad(s any) styled  { return t.style(text.Colors{text.FgRed}, s) }
func (t *terminal) warn(s any) styled { return t.style(text.Colors{text.FgYellow}, s) }
func (t *terminal) bold(s any) styled { return t.style(text.Colors{text.Bold}, s) }
func (t *terminal) dim(s any) styled  { return t.style(text.Colors{text.Faint}, s) }

// progress shows the progress of a run: on a terminal as a bar, otherwise as a line for
// each phase.
type progress struct {
	t     *terminal
	bar   *progressbar.ProgressBar
	phase runner.Phase

	millions int   // of operations read, as last shown
	storm    int64 // the messages of a storm, as last shown

	latencies []float64 // seconds, as reported so far
}

func newProgress(t *terminal) *progress { return &progress{t: t} }

func (p *progress) update(r runner.Progress) {
	if r.Phase != p.phase {
		p.phase = r.Phase
		if !p.t.tty {
			if r.Total > 0 {
				p.t.printf("%s (%v)\n", r.Phase, r.Total)
			} else {
				p.t.printf("%s\n", r.Phase)
			}
			return
		}
		p.finish()
		p.bar = progressbar.NewOptions64(max(int64(r.Total), 1),
			progressbar.OptionSetWriter(p.t.w),
			progressbar.OptionSetWidth(barWidth),
			progressbar.OptionSetTheme(p.t.barTheme()),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionEnableColorCodes(p.t.color),
			progressbar.OptionThrottle(50*time.Millisecond),
			progressbar.OptionClearOnFinish())
	}
	perOperation, storm := r.Storm()
	if storm && !p.t.tty && r.Messages >= 2*p.storm { // rarely enough for a log
		p.storm = r.Messages
		p.t.printf("%d messages between servers an operation so far\n", perOperation)
	}
	if p.bar == nil {
		return
	}
	columns, _ := p.t.size()
	text := p.line(r, columns-barWidth-12) // a line that wraps could not be overwritten, so each update would add another
	p.bar.Describe(text)
	if r.Total > 0 {
		p.bar.Set64(min(int64(r.Elapsed), int64(r.Total)-1))
	}
}

// barWidth is how many columns the bar itself has.
const barWidth = 24

// barTheme is what the bar is drawn with.
func (t *terminal) barTheme() progressbar.Theme {
	if t.unicode {
		return progressbar.ThemeDefault
	}
	return progressbar.ThemeASCII
}

// line describes the state of a run in at most so many columns, the most important first.
func (p *progress) line(r runner.Progress, columns int) string {
	if r.Phase == runner.Running && r.Rate > 0 {
		p.latencies = append(p.latencies, r.Latency.Seconds())
	}
	perOperation, storm := r.Storm()
	optional := func(wanted bool, format string, args ...any) string {
		if !wanted {
			return ""
		}
		return fmt.Sprintf(format, args...)
	}
	trend := ""
	if p.t.unicode && len(p.latencies) > 1 {
		trend = spark(p.latencies[max(0, len(p.latencies)-16):])
	}
	return fitting(columns,
		fmt.Sprintf("%-7s %5.1fs  %d ops, %d ok", r.Phase, r.Elapsed.Seconds(), r.Invoked, r.OK),
		optional(r.Fail > 0, "%d failed", r.Fail),
		optional(r.Info > 0, "%d unknown", r.Info),
		r.Faults,
		optional(storm, "%d messages an operation so far", perOperation),
		optional(r.Rate > 0, "%.0f/s", r.Rate),
		optional(r.Latency > 0, "%s ms", checkers.Figure(math.Round(r.Latency.Seconds()*1e5)/100)),
		trend)
}

// clock shows on a terminal how long something has taken so far.
func (p *progress) clock(what string, elapsed time.Duration) {
	if !p.t.tty {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(p.t.w), progressbar.OptionSpinnerType(14),
			progressbar.OptionEnableColorCodes(p.t.color), progressbar.OptionClearOnFinish())
	}
	p.bar.Describe(fmt.Sprintf("%s %v", what, elapsed.Round(time.Second)))
}

// reading shows how much of a long history has been read: on a terminal as a bar,
// otherwise as a line for every million operations.
func (p *progress) reading(h history.Progress) {
	const line = 1_000_000
	if h.Operations < line/10 {
		return
	}
	if !p.t.tty {
		if millions := h.Operations / line; millions > p.millions {
			p.millions = millions
			p.t.printf("reading the history: %d million operations so far\n", millions)
		}
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(max(h.Size, 1), progressbar.OptionSetWriter(p.t.w), progressbar.OptionSetWidth(24),
			progressbar.OptionSetPredictTime(false), progressbar.OptionEnableColorCodes(p.t.color), progressbar.OptionClearOnFinish())
	}
	p.bar.Describe(fmt.Sprintf("reading the history: %d operations", h.Operations))
	p.bar.Set64(min(h.Bytes, max(h.Size, 1)-1))
}

func (p *progress) finish() {
	if p.bar != nil {
		p.bar.Clear()
		p.bar = nil
	}
}

// counter shows how many of many runs are done: on a terminal as a bar, otherwise as a
// line from time to time.
type counter struct {
	t           *terminal
	bar         *progressbar.ProgressBar
	done, total int64
	text        string
}

func newCounter(t *terminal, total int64) *counter {
	c := &counter{t: t, total: total}
	if t.tty {
		c.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(t.w),
			progressbar.OptionSetWidth(24),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionEnableColorCodes(t.color),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish())
	}
	return c
}

func (c *counter) add(text string) {
	c.done++
	c.text = text
	if c.bar != nil {
		c.bar.Describe(text)
		c.bar.Add(1)
	} else if tenth := max(c.total/10, 1); c.done%tenth == 0 {
		c.t.printf("%d of %d, %s\n", c.done, c.total, text)
	}
}

func (c *counter) finish() {
	if c.bar != nil {
		c.bar.Clear()
	}
}

// terminalWriter writes to a terminal text that may come from nodes, made printable.
type terminalWriter struct{ t *terminal }

func (w terminalWriter) Write(p []byte) (int, error) {
	w.t.printf("%s", p)
	return len(p), nil
}
