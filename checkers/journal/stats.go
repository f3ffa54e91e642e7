package journal

// Traffic counts the messages of a group.
type Traffic struct {
	SendCount int64    `json:"send-count"`            // sends
	RecvCount int64    `json:"recv-count"`            // receives; sends less losses
	MsgCount  int64    `json:"msg-count"`             // distinct messages
	MsgsPerOp *float32 `json:"msgs-per-op,omitempty"` // MsgCount divided by the operations that clients invoked; nil if there were none
}

// Stats are Maelstrom's network statistics
// (https://github.com/jepsen-io/maelstrom/blob/main/doc/results.md). The zero value
// is that of no events.
type Stats struct {
	All     Traffic `json:"all"`
	Clients Traffic `json:"clients"` // from or to a client
	Servers Traffic `json:"servers"` // between nodes and services

	Events int64 `json:"-"` // sends, receives and losses: the lines of the journal after the first
}

// Add counts one event.
func (s *Stats) Add(e Event) {
	s.Events++
	group := &s.Servers
	if e.Message.InvolvesClient() {
		group = &s.Clients
	}
	for _, t := range []*Traffic{&s.All, group} {
		switch e.Kind {
		case Send:
			t.SendCount++
			t.MsgCount++
		case Recv:
			t.RecvCount++
		}
	}
}

// PerOp sets the messages per operation, given the number of operations that
// clients invoked. It leaves them out for a run without operations.
func (s *Stats) PerOp(operations int) {
	if operations == 0 {
		return
	}
	for _, t := range []*Traffic{&s.All, &s.Servers} {
		ratio := float32(float64(t.MsgCount) / float64(operations))
		t.MsgsPerOp = &ratio
	}
}
