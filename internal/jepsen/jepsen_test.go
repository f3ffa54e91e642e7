package jepsen

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"glomers/checkers/edn"
	"glomers/checkers/journal"
)

const stores = "../../testdata/stores/"

// TestOptions reads the options of recorded runs, from each file by itself.
func TestOptions(t *testing.T) {
	for run, want := range map[string]string{
		"broadcast/3b": "workload :broadcast, nodes [n0 n1 n2 n3 n4], concurrency 5, rate 10, time limit 20, latency 0 constant, nemesis interval 10, " +
			"availability any, models [strict-serializable], transactions 4, writes 16, topology grid, bin ./build/bin/3b-broadcast",
		"txn-rw-register/6b": "workload :txn-rw-register, nodes [n0 n1], concurrency 4, rate 1000, time limit 20, latency 0 constant, nemesis interval 10, " +
			"availability 1, models [read-uncommitted], transactions 4, writes 16, topology grid, bin ./build/bin/6b-txn",
	} {
		for _, file := range []string{LogFile, TestFile} {
			text, err := os.ReadFile(stores + run + "/" + file)
			if errors.Is(err, fs.ErrNotExist) && file == TestFile {
				continue // too large to keep
			}
			if err != nil {
				t.Fatal(err)
			}
			o, err := ReadOptions(fstest.MapFS{file: {Data: text}})
			if err != nil {
				t.Errorf("%s of %s: %v", file, run, err)
				continue
			}
			least := "any"
			if o.Availability != nil {
				least = fmt.Sprint(*o.Availability)
			}
			got := fmt.Sprintf("workload :%s, nodes %v, concurrency %d, rate %v, time limit %v, latency %v %s, nemesis interval %v, availability %s, models %v, transactions %d, writes %d, topology %s, bin %s",
				o.Workload, o.Nodes, o.Concurrency, o.Rate, o.TimeLimit, o.LatencyMS, o.LatencyDist, o.NemesisInterval, least, o.ConsistencyModels, o.MaxTxnLength, o.MaxWritesPerKey, o.Topology, o.Bin)
			if got != want {
				t.Errorf("%s of %s gives\n%s, want\n%s", file, run, got, want)
			}
			if place := o.Place("availability"); !strings.HasPrefix(place, file) {
				t.Errorf("the availability of %s was found at %q, want %s", run, place, file)
			}
		}
	}
	o, err := ReadOptions(os.DirFS(stores + "broadcast/3b"))
	if err != nil || o.Place("availability") != "jepsen.log:8" {
		t.Errorf("got %+v, %v", o, err)
	}
	if o, err := ReadOptions(fstest.MapFS{}); o != nil || err != nil {
		t.Errorf("a directory of other things has the options %v, %v", o, err)
	}
}

func TestNemesis(t *testing.T) {
	for argv, want := range map[string]string{`"--nemesis" "partition"`: "[partition]", `"--nemesis=kill,pause"`: "[kill pause]", `"test"`: "[]"} {
		o, err := ReadOptions(fstest.MapFS{LogFile: {Data: []byte("x " + runningTest + "\n{:rate 1\n :argv\n (" + argv + ")}\n\n")}})
		if err != nil || fmt.Sprint(o.Nemesis) != want {
			t.Errorf("%s gives %v, %v, want %s", argv, o, err, want)
		}
	}
}

func TestOptionErrors(t *testing.T) {
	for text, want := range map[string]string{
		"nothing": "jepsen.log has no test map",
		"x " + runningTest + "\n{:rate 1\n :availability 7}\n\n":            "jepsen.log:3: :availability is 7, expected :total or a number from 0 to 1",
		"x " + runningTest + "\n{:nodes 3}\n":                               "jepsen.log:2: :nodes is 3, expected names",
		"x " + runningTest + "\n{:concurrency -3}\n":                        "jepsen.log:2: :concurrency is -3, expected a number",
		"x " + runningTest + "\n{:rate #object[a \"b\"]\n :latency nemo}\n": "jepsen.log:2: :rate is #object [a \"b\"], expected a number",
	} {
		_, err := ReadOptions(fstest.MapFS{LogFile: {Data: []byte(text)}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q gives %v, want %s", text, err, want)
		}
	}
	whole, err := os.ReadFile(stores + "broadcast/3b/" + TestFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func([]byte) []byte{
		"it does not begin with JEPSEN":   func(b []byte) []byte { return b[1:] },
		"version 9 of the format":         func(b []byte) []byte { b[9] = 9; return b },
		"the file ends before it":         func(b []byte) []byte { return b[:len(b)/2] },
		"the file ends inside it":         func(b []byte) []byte { return b[:len(b)-1] },
		"the index has no block":          func(b []byte) []byte { b[0x3628+28+3] = 99; return b },
		"the block index is damaged":      func(b []byte) []byte { b[0x3628+13] = 2; return b },
		"bytes long, expected":            func(b []byte) []byte { b[0x3628] = 0x7f; return b },
		"block at byte 13115: byte 1: un": func(b []byte) []byte { b[13115+28] = 0xbf; return b },
	} {
		_, err := ReadOptions(fstest.MapFS{TestFile: {Data: damage(bytes.Clone(whole))}})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %s", err, name)
		}
	}
}

// TestMessages: the statistics of a recorded run's messages are those that
// Maelstrom wrote to its results.
func TestMessages(t *testing.T) {
	text, err := os.ReadFile(stores + "broadcast/3b/results.edn")
	if err != nil {
		t.Fatal(err)
	}
	results, err := edn.NewDecoder(bytes.NewReader(text)).Decode()
	if err != nil {
		t.Fatal(err)
	}
	want, _ := results.(edn.Map).Get(edn.Keyword("net"))

	var stats journal.Stats
	last := int64(-1)
	exists, err := ReadMessages(os.DirFS(stores+"broadcast/3b"), func(e journal.Event) {
		stats.Add(e)
		if e.Kind == journal.Send {
			if e.Message.ID < last-50 || e.Time < 0 || !bytes.HasPrefix(e.Message.Body, []byte("{")) {
				t.Fatalf("%v follows message %d", e, last)
			}
			last = e.Message.ID
		}
	})
	if err != nil || !exists {
		t.Fatal(exists, err)
	}
	stats.PerOp(194) // the invocations of its history
	got := append(edn.Marshal(stats).(edn.Map), edn.Entry{Key: edn.Keyword("valid?"), Value: true})
	if !edn.Equal(got, want) {
		t.Errorf("got %s,\nwant %s", edn.String(got), edn.String(want))
	}
}

func TestMessagesDamaged(t *testing.T) {
	text, err := os.ReadFile(stores + "broadcast/3b/net-journal/10.fressian")
	if err != nil {
		t.Fatal(err)
	}
	count := func(files fstest.MapFS) (int, error) {
		n := 0
		_, err := ReadMessages(files, func(journal.Event) { n++ })
		return n, err
	}
	whole, err := count(fstest.MapFS{"net-journal/1.fressian": {Data: text}})
	if err != nil || whole != 140 {
		t.Fatalf("%d events, %v", whole, err)
	}
	n, err := count(fstest.MapFS{"net-journal/1.fressian": {Data: text[:len(text)-1]}, "net-journal/2.fressian": {Data: text}})
	if !errors.Is(err, journal.ErrTruncated) || n != 2*whole-1 {
		t.Errorf("a journal that was cut off gives %d events and %v", n, err)
	}
	n, err = count(fstest.MapFS{"net-journal/1.fressian": {Data: []byte{7}}})
	if err == nil || n != 0 || !strings.Contains(err.Error(), "net-journal/1.fressian: byte 1: expected a send or receive") {
		t.Errorf("a number gives %d events and %v", n, err)
	}
	if n, err := count(fstest.MapFS{}); n != 0 || err != nil {
		t.Errorf("no journal gives %d events and %v", n, err)
	}
}

// FuzzOptions: whatever the files hold, reading them ends in options or an error.
func FuzzOptions(f *testing.F) {
	for _, run := range []string{"broadcast/3b", "txn-rw-register/6b"} {
		log, _ := os.ReadFile(stores + run + "/" + LogFile)
		test, _ := os.ReadFile(stores + run + "/" + TestFile)
		f.Add(log, test)
	}
	f.Fuzz(func(t *testing.T, log, test []byte) {
		o, err := ReadOptions(fstest.MapFS{LogFile: {Data: log}, TestFile: {Data: test}})
		if err != nil {
			return
		}
		for _, found := range o.Found {
			if !strings.HasPrefix(found.Place, LogFile+":") && found.Place != TestFile {
				t.Errorf("%s was found at %q", found.Option, found.Place)
			}
		}
		if o.Availability != nil && !(*o.Availability >= 0 && *o.Availability <= 1) {
			t.Errorf("an availability of %v", *o.Availability)
		}
	})
}
