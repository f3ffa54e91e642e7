package workload

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestMalformedShowsEveryField: the field that is wrong may follow a long one.
func TestMalformedShowsEveryField(t *testing.T) {
	body := json.RawMessage(`{"messages":[` + strings.Repeat("7,", 5000) + `7],"type":"raed_ok"}`)
	e := malformed("n1", body, `the type "read_ok"`)
	if !strings.Contains(e.Text, `"type":"raed_ok"`) || len(e.Text) > 400 {
		t.Errorf("got %.1000s", e.Text)
	}
}
