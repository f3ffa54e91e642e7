package service

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"glomers/checkers/journal"
)

// replies is a network that keeps what a service answers.
type replies struct{ last string }

func (r *replies) Send(_, dest string, body json.RawMessage) error {
	r.last = fmt.Sprintf("%s: %s", dest, body)
	return nil
}

// draws is a source of randomness that a transcript controls: it repeats its last
// number for ever. The lowest number draws the oldest state and the first replica,
// the highest the newest state and the second replica.
type draws struct{ numbers []uint64 }

func (d *draws) Uint64() uint64 {
	n := d.numbers[0]
	if len(d.numbers) > 1 {
		d.numbers = d.numbers[1:]
	}
	return n
}

// low is the lowest number that math/rand/v2 does not reject.
const low = 1 << 32

// TestTranscripts plays requests to a service. "service ID" begins with a new one,
// "draw" says what it will draw: low or high numbers. The other lines are requests,
// each with the node that sends it; "N times" repeats one, with # for the number.
func TestTranscripts(t *testing.T) {
	datadriven.Walk(t, "testdata", func(t *testing.T, path string) {
		random := &draws{[]uint64{low}}
		net := &replies{}
		var s *Service
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			switch d.Cmd {
			case "service":
				id := d.CmdArgs[0].Key
				s = &Service{id, net, newStore(id, rand.New(random))}
				return ""
			case "draw":
				random.numbers = nil
				for _, a := range d.CmdArgs {
					random.numbers = append(random.numbers, map[string]uint64{"low": low, "high": math.MaxUint64}[a.Key])
				}
				return ""
			case "requests":
				var out strings.Builder
				for _, line := range strings.Split(d.Input, "\n") {
					times := 1
					if _, err := fmt.Sscanf(line, "%d times", &times); err == nil {
						line = line[strings.Index(line, "times ")+len("times "):]
					}
					node, body, _ := strings.Cut(line, " ")
					for i := range times {
						s.Deliver(journal.Message{Src: node, Dest: s.ID(), Body: json.RawMessage(strings.ReplaceAll(body, "#", fmt.Sprint(i+1)))})
					}
					fmt.Fprintln(&out, net.last)
				}
				return out.String()
			}
			t.Fatalf("unknown command %s", d.Cmd)
			return ""
		})
	})
}
