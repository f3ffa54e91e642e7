package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"glomers/checkers/journal"
)

//go:embed assets/page.html
var pageHTML string

//go:embed assets/page.css
var pageCSS string

//go:embed assets/data.js
var dataJS string

//go:embed assets/kafka.js
var kafkaJS string

//go:embed assets/time.js
var timeJS string

//go:embed assets/plots.js
var plotsJS string

//go:embed assets/diagram.js
var diagramJS string

//go:embed assets/main.js
var mainJS string

// script is the one script of the page. Its files share one scope.
func script() string {
	return "(()=>{\"use strict\";\n" + strings.Join([]string{dataJS, kafkaJS, timeJS, plotsJS, diagramJS, mainJS}, "\n") + "})();\n"
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// SecurityPolicy is the Content-Security-Policy of the page: its own script and style
// sheet, and nothing from anywhere else. The page has it in its head; a server can
// send it as well.
func SecurityPolicy() string {
	return "default-src 'none'; script-src " + hash(script()) + "; style-src " + hash(pageCSS) + "; base-uri 'none'; form-action 'none'"
}

// view is what the template shows.
type view struct {
	*Run
	Policy string
	Style  template.CSS
	Counts []count
	Errors []string
	Kinds  []kindCount
	Matrix *matrix
	Left   []string // what the page leaves out
}

// Write writes the page of a run.
func Write(w io.Writer, r *Run) error {
	ops := newOperations(r.History)
	m := newMessages(r.Nodes)
	exists := false
	if r.Messages != nil {
		var err error
		if exists, err = r.Messages(m.add); err != nil {
			return err
		}
	}
	logs, err := readLogs(r.Logs)
	if err != nil {
		return err
	}
	v := &view{Run: r, Policy: SecurityPolicy(), Style: template.CSS(pageCSS), Left: leftOut(m, ops, logs)}
	if r.Results != nil {
		v.Counts, v.Errors = counts(r.Results), r.Results.Stats.Errors()
		v.Kinds = m.byKind(r.Results.Stats.Count)
	}
	if exists {
		v.Matrix = m.matrix()
	} else {
		v.Left = append(v.Left, "The run has no journal of messages, so there is no diagram of them.")
	}
	blocks, err := encode(r, m, ops, logs)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := page.Execute(&b, v); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	for _, name := range []string{"index", "bodies", "values", "logs"} {
		fmt.Fprintf(&b, "<script type=\"text/plain\" id=\"%s\">%s</script>\n", name, blocks[name])
	}
	fmt.Fprintf(&b, "<script>%s</script>\n</body>\n</html>\n", script())
	_, err = w.Write(b.Bytes())
	return err
}

// index is what the scripts need besides the columns.
type index struct {
	Nodes       []string  `json:"nodes"` // of the run, without clients and services
	Names       []string  `json:"names"` // of all that send or receive
	Clients     []bool    `json:"clients"`
	Kinds       []string  `json:"kinds"`
	Reasons     []string  `json:"reasons"`
	Functions   []string  `json:"functions"`
	Faults      []Fault   `json:"faults"`
	Findings    []Finding `json:"findings"`
	Messages    int       `json:"messages"`
	Operations  int       `json:"operations"`
	Concurrency int       `json:"concurrency"`
	Kafka       bool      `json:"kafka"`
	End         float64   `json:"end"` // milliseconds
}

// encode returns the blocks of data.
func encode(r *Run, m *messages, ops *operations, logs []nodeLog) (map[string]string, error) {
	x := index{
		Nodes: orEmpty(r.Nodes), Names: orEmpty(m.nodes.list), Kinds: orEmpty(m.kinds.list), Reasons: orEmpty(m.reasons.list), Functions: orEmpty(ops.fs.list),
		Faults: ops.faults, Findings: r.Findings, Messages: len(m.flights), Operations: len(ops.list), Concurrency: r.Concurrency, Kafka: r.Kafka,
		End: ms(max(m.last, ops.last)),
	}
	x.Clients = make([]bool, len(x.Names))
	for i, id := range x.Names {
		x.Clients[i] = journal.IsClient(id)
	}
	var c columns
	m.encode(&c)
	ops.encode(&c)
	first := newBlock()
	if err := writeIndex(first, x, &c); err != nil {
		return nil, err
	}
	last, err := logBlock(logs)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, b := range []struct {
		name string
		*block
	}{{"index", first}, {"bodies", m.bodies}, {"values", ops.texts}, {"logs", last}} {
		if out[b.name], err = b.base64(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// leftOut says what the limits of the page left out.
func leftOut(m *messages, ops *operations, logs []nodeLog) []string {
	var out []string
	if m.left > 0 {
		out = append(out, fmt.Sprintf("The diagram shows the first %d of %d messages.", len(m.flights), m.total))
	}
	if ops.left > 0 {
		out = append(out, fmt.Sprintf("The plots show the first %d of %d operations.", len(ops.list), len(ops.list)+ops.left))
	}
	cut := 0
	for i := range m.flights {
		if m.flights[i].cut > 0 {
			cut++
		}
	}
	if cut > 0 {
		out = append(out, fmt.Sprintf("Of %d long messages only the beginning is kept here.", cut))
	}
	for _, l := range logs {
		if l.Cut > 0 {
			out = append(out, fmt.Sprintf("Of the log of %s, %d bytes in its middle are left out here.", l.Node, l.Cut))
		}
	}
	return out
}
