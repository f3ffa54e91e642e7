package trace

import (
	"slices"
	"time"

	"glomers/checkers/history"
	"glomers/checkers/journal"
)

// Story collects the messages that a diagram of a subject shows: those of the trace and,
// so that one sees where they come from, the requests of clients that a node was working
// on when it sent or got one of them, those of the operations in the trace, and the
// answers to all of these.
type Story struct {
	trace   *Trace
	context map[int64]bool             // messages of clients
	open    map[string][]clientRequest // node → requests that it has not answered
	invoked map[string][]time.Duration // node → the invocations in the trace whose requests were not seen yet
	claimed map[string]time.Duration   // node → when the last request that was taken for one of them was sent
}

// clientRequest is a request of a client that waits for its answer.
type clientRequest struct {
	message int64 // its number in the journal
	src     string
	id      int64
	shown   bool
}

// NewStory returns the story of a subject in a run with this history.
func NewStory(h *history.History, nodes Nodes, s Subject) *Story {
	t := New(h, nodes, s)
	story := &Story{trace: t, context: map[int64]bool{}, open: map[string][]clientRequest{}, invoked: map[string][]time.Duration{}, claimed: map[string]time.Duration{}}
	for _, l := range t.fold(slices.Clone(t.lines)) { // before the first message: the operations
		if l.op == nil || !l.op.Client() {
			continue
		}
		node, at := nodes.of(l.op.Process), t.begin(l.op).Time
		story.invoked[node] = append(story.invoked[node], at)
	}
	return story
}

// Add takes the next event of the journal.
func (s *Story) Add(e journal.Event) {
	s.trace.Add(e)
	m := e.Message
	switch {
	case !m.InvolvesClient():
		if s.trace.shown[m.ID] {
			node := m.Dest
			if e.Kind == journal.Send {
				node = m.Src
			}
			for i := range s.open[node] {
				s.show(&s.open[node][i])
			}
		}
	case e.Kind != journal.Send:
	case journal.IsClient(m.Src):
		s.request(e.Time, &m)
	default:
		s.answer(&m)
	}
}

// request takes a request of a client. The first one that a node is sent after an
// invocation is taken for that operation's, and so are others of the same moment.
func (s *Story) request(at time.Duration, m *journal.Message) {
	r := clientRequest{message: m.ID, src: m.Src, id: headerOf(m.Body).msgID}
	due := func(t time.Duration) bool { return t <= at }
	if slices.ContainsFunc(s.invoked[m.Dest], due) {
		s.invoked[m.Dest] = slices.DeleteFunc(s.invoked[m.Dest], due)
		s.claimed[m.Dest] = at
	}
	if claimed, ok := s.claimed[m.Dest]; ok && claimed == at {
		s.show(&r)
	}
	s.open[m.Dest] = append(s.open[m.Dest], r)
}

// answer takes a message to a client.
func (s *Story) answer(m *journal.Message) {
	h := headerOf(m.Body)
	open := s.open[m.Src]
	i := slices.IndexFunc(open, func(r clientRequest) bool { return h.answersSome && r.src == m.Dest && r.id == h.inReplyTo })
	if i < 0 {
		return
	}
	s.context[m.ID] = open[i].shown
	s.open[m.Src] = slices.Delete(open, i, i+1)
}

func (s *Story) show(r *clientRequest) {
	r.shown = true
	s.context[r.message] = true
}

// Has reports whether a message belongs to the story. All events must have been added.
func (s *Story) Has(m journal.Message) bool {
	return s.trace.everything() || s.trace.shown[m.ID] || s.context[m.ID]
}
