package linkvpage_test

import (
	"bytes"
	"strings"
	"testing"

	"glomers/checkers"
	"glomers/checkers/history"
	"glomers/checkers/linkvpage"
)

// Two registers: that of key 1 is read as it was written; of key "a/b", process 1
// reads 2 after the compare-and-set to 3 has ended.
const registers = `
{:index 0, :time 1, :type :invoke, :process 0, :f :write, :value [1 5]}
{:index 1, :time 2, :type :ok, :process 0, :f :write, :value [1 5]}
{:index 2, :time 3, :type :invoke, :process 0, :f :read, :value [1 nil]}
{:index 3, :time 4, :type :ok, :process 0, :f :read, :value [1 5]}
{:index 4, :time 5, :type :invoke, :process 0, :f :read, :value ["a/b" nil]}
{:index 5, :time 6, :type :ok, :process 0, :f :read, :value ["a/b" nil]}
{:index 6, :time 7, :type :invoke, :process 0, :f :write, :value ["a/b" 2]}
{:index 7, :time 8, :type :ok, :process 0, :f :write, :value ["a/b" 2]}
{:index 8, :time 9, :type :invoke, :process 0, :f :cas, :value ["a/b" [2 3]]}
{:index 9, :time 10, :type :ok, :process 0, :f :cas, :value ["a/b" [2 3]]}
{:index 10, :time 11, :type :invoke, :process 2, :f :cas, :value ["a/b" [7 8]]}
{:index 11, :time 12, :type :info, :process 2, :f :cas, :value ["a/b" [7 8]], :error :net-timeout}
{:index 12, :time 13, :type :invoke, :process 1, :f :read, :value ["a/b" nil]}
{:index 13, :time 14, :type :ok, :process 1, :f :read, :value ["a/b" 2]}
`

func TestPages(t *testing.T) {
	ops, err := history.Read(strings.NewReader(registers))
	if err != nil {
		t.Fatal(err)
	}
	h, err := history.New(ops)
	if err != nil {
		t.Fatal(err)
	}
	r, err := checkers.LinKV(h, checkers.Options{})
	if err != nil {
		t.Fatal(err)
	}
	pages := linkvpage.Pages(r)
	if len(pages) != 1 {
		t.Fatalf("%d pages, expected one, of the key that is not linearizable", len(pages))
	}
	if got, want := pages[0].Name, "linearizable-_a_b_.html"; got != want {
		t.Errorf("the page is called %s, expected %s, which is a name on every system", got, want)
	}
	var html bytes.Buffer
	if err := pages[0].WriteHTML(&html); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"<html", `"read nil"`, `"write 2"`, `"cas 2 → 3"`, `"cas 7 → 8"`, `"read 2"`} {
		if !strings.Contains(html.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(html.String(), "write 5") {
		t.Error("the page shows an operation on another key")
	}

	// All but the last read can be ordered; the cas of unknown outcome changes nothing.
	const orders = `"PartialLinearizations":[[{"Index":0,"StateDescription":"nil"},{"Index":1,"StateDescription":"2"},{"Index":2,"StateDescription":"3"},{"Index":3,"StateDescription":"3"}]]`
	if !strings.Contains(html.String(), orders) {
		t.Errorf("the page lacks %s", orders)
	}
}
