package checkers

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"glomers/checkers/edn"
)

// rewrite reports whether -rewrite is given, a flag that datadriven defines.
func rewrite() bool { return flag.Lookup("rewrite").Value.String() == "true" }

const agreementDoc = "../docs/agreement.md"

// TestAgreement compares our verdicts with Maelstrom's on every recorded run and
// keeps the table in docs up to date (go test ./checkers -run Agreement -rewrite).
func TestAgreement(t *testing.T) {
	var b strings.Builder
	b.WriteString(`# Agreement with Maelstrom

Every recorded run of the real Maelstrom in testdata/oracle, checked by Maelstrom and by this project. A test writes this table. The
fields of the results are compared by further tests: all of them for echo, unique-ids, broadcast, g-set, the counters, stats and
availability; for kafka the kinds of error with their counts, the unseen messages and the worst lag; for lin-kv the verdict on each key.

| run | Maelstrom | ours | findings |
|---|---|---|---|
`)
	runs := oracleRuns(t, Workloads()...)
	for _, run := range runs {
		r, err := Check(run.history, nil, run.options)
		if err != nil {
			t.Fatal(err)
		}
		v, _ := run.results.Get(edn.Keyword("valid?"))
		if !edn.Equal(v, r.Valid.MarshalEDN()) {
			t.Errorf("%s is valid: %v, Maelstrom says %s", run.name, r.Valid, edn.String(v))
		}
		var checks []string
		for _, f := range r.Findings {
			checks = append(checks, f.Check)
		}
		fmt.Fprintf(&b, "| %s | %s | %v | %s |\n", run.name, edn.String(v), r.Valid, strings.Join(checks, ", "))
	}
	fmt.Fprintf(&b, `
%d runs, all with the same verdict. The histories for which it would differ are listed in [checkers.md](checkers.md#where-the-verdict-differs-from-maelstroms).

## Transactions under six models

Elle's verdict on each transactional run under read-uncommitted, read-committed, repeatable-read, snapshot-isolation, serializable and
strict-serializable, compared with ours: the verdict, the anomalies, and the models that they rule out (`+"`not` and `also-not`"+`). Models and
verdicts are always the same, and for registers so are the anomalies. For lists our search sometimes shows a stronger cycle than Elle's,
which stops after a second or at the first path it finds: for example a cycle with one anti-dependency (G-single-item) where Elle shows one
with several. A history with the stronger anomaly has the weaker one as well, and Elle's own rules then leave out the weaker. Each cycle that we show
is checked edge by edge in a test. These are the differences:

| run | model | Elle | ours |
|---|---|---|---|
`, len(runs))
	same := 0
	for _, run := range oracleRuns(t, "txn-rw-register", "txn-list-append") {
		for _, theirs := range elleRuns(t, run.dir) {
			model, _ := theirs.Get(edn.Keyword("model"))
			o := run.options
			o.ConsistencyModels = []string{string(model.(edn.Keyword))}
			r, err := Check(run.history, nil, o)
			if err != nil {
				t.Fatal(err)
			}
			v, _ := theirs.Get(edn.Keyword("anomaly-types"))
			want, got := keywords(v), []string{}
			if result, ok := r.Workload.(*TxnResult); ok {
				got = anomalyTypes(result)
			}
			valid, _ := theirs.Get(edn.Keyword("valid?"))
			if slices.Equal(got, want) && edn.Equal(valid, r.Workload.Common().Valid.MarshalEDN()) {
				same++
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", run.name, o.ConsistencyModels[0], verdictText(edn.String(valid), want), verdictText(r.Workload.Common().Valid.String(), got))
		}
	}
	fmt.Fprintf(&b, "\nThe other %d are equal. (A verdict of `:unknown` is a search that Elle gave up.)\n", same)
	if rewrite() {
		if err := os.WriteFile(agreementDoc, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	doc, err := os.ReadFile(agreementDoc)
	if err != nil {
		t.Fatal(err)
	}
	if string(doc) != b.String() {
		t.Errorf("%s is out of date; run go test ./checkers -run Agreement -rewrite and review the difference", agreementDoc)
	}
}

func verdictText(valid string, types []string) string {
	if len(types) == 0 {
		return valid
	}
	return strings.Join(types, ", ")
}
