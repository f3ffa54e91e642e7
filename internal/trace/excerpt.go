package trace

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"glomers/checkers/brief"
	"glomers/checkers/edn"
)

// shown is how many runes of a value or a message the trace quotes; of a longer one it
// shows the parts that mention its subject.
const (
	shown = 160
	few   = 8 // elements that are worth reading whole
)

// body is the text of a message's body.
func (t *Trace) body(body []byte) string {
	whole := brief.JSON(body, shown)
	v, ok := decode(body)
	if !ok {
		return whole
	}
	cut, did := t.names.cut(v)
	if !did {
		return whole
	}
	text, err := json.Marshal(cut)
	if err != nil {
		return whole
	}
	return brief.JSON(text, shown)
}

// cut leaves out of long lists and objects what does not mention the subject, and
// reports whether it left out anything.
func (n names) cut(v any) (any, bool) {
	switch v := v.(type) {
	case []any:
		var kept []any
		for _, x := range v {
			if n.in(x) > 0 {
				part, _ := n.cut(x)
				kept = append(kept, part)
			}
		}
		if len(v) > few && len(kept) > 0 && len(kept) <= few {
			return append(kept, fmt.Sprintf("… of %d", len(v))), true
		}
		return v, false
	case map[string]any:
		out, did := map[string]any{}, false
		keys := slices.Sorted(maps.Keys(v))
		for _, k := range keys {
			part, cut := n.cut(v[k])
			out[k] = part
			did = did || cut
		}
		if len(v) <= few {
			return out, did
		}
		for _, k := range keys {
			if !n.word(k) && !n.number(k) && n.in(v[k]) == 0 {
				delete(out, k)
			}
		}
		if len(out) == 0 {
			return v, false
		}
		out["…"] = fmt.Sprintf("of %d", len(v))
		return out, true
	}
	return v, false
}

// value is the text of an operation's value.
func (t *Trace) value(v any) string {
	if cut, did := t.names.cutEDN(v); did {
		return edn.Brief(cut, shown)
	}
	return edn.Brief(v, shown)
}

// mentions counts how often a value of an operation mentions the subject.
func (n names) mentions(v any) int { return n.inText(edn.ToJSON(v)) }

// cutEDN does for the values of operations what cut does for messages.
func (n names) cutEDN(v any) (any, bool) {
	switch v := v.(type) {
	case edn.List:
		return n.cutList(v)
	case []any:
		return n.cutList(v)
	case edn.Map:
		var out edn.Map
		for _, e := range v {
			if n.mentions(e.Key) > 0 {
				out = append(out, e)
			}
		}
		if len(v) > 1 && len(out) > 0 && len(out) < len(v) {
			return append(out, edn.Entry{Key: edn.Symbol("…"), Value: edn.Symbol(fmt.Sprintf("of %d keys", len(v)))}), true
		}
	}
	return v, false
}

func (n names) cutList(list []any) (any, bool) {
	out, did := []any{}, false
	var kept []any
	for _, x := range list {
		part, cut := n.cutEDN(x)
		did = did || cut
		out = append(out, part)
		if n.mentions(x) > 0 {
			kept = append(kept, part)
		}
	}
	if len(list) > few && len(kept) > 0 && len(kept) <= few {
		return append(kept, edn.Symbol(fmt.Sprintf("… of %d", len(list)))), true
	}
	return out, did
}
