package cli

import (
	"testing"

	"glomers/internal/verdict"
)

// TestFailureOf checks what a table of designs says of a run that is no pass.
func TestFailureOf(t *testing.T) {
	messages := verdict.Finding{Kind: "messages per operation", Source: verdict.Limited}
	median := verdict.Finding{Kind: "median stable latency", Source: verdict.Limited}
	lost := verdict.Finding{Kind: "lost", Source: verdict.Official}
	for _, test := range []struct {
		findings []verdict.Finding
		want     string
	}{
		{nil, "unknown"},
		{[]verdict.Finding{lost, messages, median}, "lost"},
		{[]verdict.Finding{messages, median}, "messages per operation, median stable latency"},
	} {
		if got := failureOf(&verdict.Verdict{Findings: test.findings}); got != test.want {
			t.Errorf("%d findings: %q, expected %q", len(test.findings), got, test.want)
		}
	}
}
