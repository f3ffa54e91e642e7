package page_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"glomers/checkers"
	"glomers/checkers/history"
	"glomers/checkers/journal"
	"glomers/internal/report/page"
)

const evil = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"

// hostile is a run whose every text is markup.
func hostile(t *testing.T) *page.Run {
	t.Helper()
	h, err := history.New([]history.Op{
		{Type: history.Info, Process: history.Nemesis, F: "start-" + evil, Value: evil, Time: 1},
		{Type: history.Invoke, F: evil, Value: evil, Time: 2},
		{Type: history.OK, F: evil, Value: evil, Error: evil, Time: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	body, err := json.Marshal(map[string]string{"type": evil, evil: evil})
	if err != nil {
		t.Fatal(err)
	}
	return &page.Run{
		Title: evil, Outcome: evil, Why: evil, Facts: []page.Fact{{Name: evil, Value: evil}},
		Rows:  []page.Row{{Name: evil, Value: evil, Limit: evil, State: evil}},
		Notes: []string{evil}, History: h, Nodes: []string{evil},
		Findings: []page.Finding{{Kind: evil, Source: evil, Summary: evil, More: evil, Examples: []page.Example{
			{Text: evil, Values: []string{evil}, Operations: []int{1}},
			{Text: evil, Cycle: []page.Step{{Label: evil, Value: evil, Kind: evil, Why: evil}, {Kind: evil}}},
		}}},
		Results: &checkers.Results{Stats: checkers.StatsOf(h)},
		Messages: func(each func(journal.Event)) (bool, error) {
			m := journal.Message{Src: evil, Dest: evil, Body: body}
			each(journal.Event{Kind: journal.Send, Message: m, Time: 3})
			each(journal.Event{Kind: journal.Drop, Message: m, Time: 4, Reason: evil})
			return true, nil
		},
		Logs: fstest.MapFS{evil[9:17] + ".log": {Data: []byte(evil)}},
	}
}

// TestSigns checks that the page has no sign of its own that many fonts lack, or that
// is taken from a font of emoji where there is one.
func TestSigns(t *testing.T) {
	var b bytes.Buffer
	if err := page.Write(&b, hostile(t)); err != nil {
		t.Fatal(err)
	}
	for _, sign := range b.String() {
		if sign >= 0xFF00 && sign < 0xFFF0 || sign > 0xFFFF || strings.ContainsRune("◀▶", sign) {
			t.Errorf("the page has the sign %q, %U", sign, sign)
		}
	}
	for _, label := range []string{"earlier", "later", "zoom in", "zoom out"} {
		if !regexp.MustCompile(`button\(icon\("[^"]+"\), "` + label + `"`).MatchString(b.String()) {
			t.Errorf("the button %q is not drawn", label)
		}
	}
}

// TestMarkupIsData checks that nothing a run holds becomes a part of the document.
func TestMarkupIsData(t *testing.T) {
	var b bytes.Buffer
	if err := page.Write(&b, hostile(t)); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<img", "<script>alert"} {
		if strings.Contains(b.String(), bad) {
			t.Errorf("the page holds %q as markup", bad)
		}
	}
	if n := strings.Count(b.String(), "<script"); n != 5 {
		t.Errorf("the page has %d scripts and blocks of data, expected 4 blocks and the page's own script", n)
	}
	if !strings.Contains(b.String(), "&lt;img src=x") {
		t.Error("the page does not show the text at all")
	}
}
