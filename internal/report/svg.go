// Package report draws pictures of a run from its records: who sent what to
// whom and when, and who talked to whom how much. It reads what a history and a
// journal hold and nothing else, so that the runs of the real Maelstrom look the
// same as ours.
//
// The pictures are SVG with their own style sheet. They follow the reader's
// preference for a light or a dark page, and no meaning depends on colour alone.
package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

// style gives light and dark pages the same picture with colours that contrast
// with their background (WCAG AA).
const style = `
:root{--bg:#ffffff;--ink:#1f2328;--dim:#59636e;--line:#d1d9e0;--msg:#0550ae;--ack:#6e7781;--lost:#b3261e;--fault:#fff1d6}
@media (prefers-color-scheme:dark){:root{--bg:#0d1117;--ink:#f0f6fc;--dim:#9198a1;--line:#3d444d;--msg:#79c0ff;--ack:#8b949e;--lost:#ff7b72;--fault:#3a2d12}}
text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--ink)}
.bg{fill:var(--bg)}.lane{stroke:var(--line);stroke-width:1.5}.head{font-weight:600;text-anchor:middle}
.time{fill:var(--dim);font-size:11px;text-anchor:end;font-variant-numeric:tabular-nums}
.msg{stroke:var(--msg);stroke-width:1.4;fill:none}.ack{stroke:var(--ack);stroke-width:1;fill:none}
.lost{stroke:var(--lost);stroke-width:1.4;stroke-dasharray:5 3;fill:none}
.label{font-size:11px;text-anchor:middle;stroke:var(--bg);stroke-width:3px;paint-order:stroke;stroke-linejoin:round}
.label.lost-text{fill:var(--lost)}.label.ack-text{fill:var(--dim)}
.fault{fill:var(--fault)}.fault-text{fill:var(--dim);font-size:11px;font-style:italic}
.gap{stroke:var(--dim);stroke-dasharray:1 4}.node{fill:var(--bg);stroke:var(--ink);stroke-width:1.5}
.tip-msg{fill:var(--msg)}.tip-ack{fill:var(--ack)}.edge{stroke:var(--msg);fill:none;stroke-linecap:round;opacity:.75}
.count{font-size:13px;text-anchor:middle;stroke:var(--bg);stroke-width:6px;paint-order:stroke}
`

// canvas collects the elements of an SVG document.
type canvas struct{ bytes.Buffer }

func (c *canvas) add(format string, args ...any) {
	fmt.Fprintf(c, format, args...)
	c.WriteByte('\n')
}

// document wraps what was drawn into a complete SVG document.
func (c *canvas) document(width, height float64, title string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f" role="img" aria-label="%s">`+"\n",
		width, height, width, height, escape(title))
	fmt.Fprintf(&b, "<title>%s</title>\n<style>%s</style>\n", escape(title), style)
	fmt.Fprintf(&b, `<defs><marker id="m" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip-msg" d="M0 0 8 4 0 8z"/></marker>`+
		`<marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="tip-ack" d="M0 0 8 4 0 8z"/></marker></defs>`+"\n")
	fmt.Fprintf(&b, `<rect class="bg" width="%.0f" height="%.0f"/>`+"\n", width, height)
	b.Write(c.Bytes())
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// escape makes any text, also one that a hostile node printed, safe within XML.
func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(strings.ToValidUTF8(s, "\uFFFD"))) // a Builder never fails
	return b.String()
}
