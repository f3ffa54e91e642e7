package stages

import "slices"

// Hint is one step towards a solution. A learner gets one at a time.
type Hint struct {
	// For names the findings and limits that the hint answers, such as lost or
	// "messages per operation"; a hint for nothing in particular has none.
	For  []string
	Text string
}

// Hints returns the hints of the stage, from a nudge to the last one, which is the
// design.
func (s Stage) Hints() []Hint { return slices.Clone(hints[s.ID]) }

// HintFor returns the number, from 1, and the text of the hint that answers the
// first of the failed checks that has one, or 0. It never is the last hint, which
// gives the design away.
func (s Stage) HintFor(failed ...string) (int, string) {
	for _, check := range failed {
		all := hints[s.ID]
		for i, h := range all[:max(0, len(all)-1)] {
			if slices.Contains(h.For, check) {
				return i + 1, h.Text
			}
		}
		if text, ok := everyStage[check]; ok {
			return 0, text
		}
	}
	return 0, ""
}

// everyStage answers findings that mean the same in every stage.
var everyStage = map[string]string{
	"stats": "An operation of this kind never succeeded. Is there a handler for its type, and does it answer with that type and _ok, and with the fields that the " +
		"protocol names?",
	"stray": "An answer carries in_reply_to: the msg_id of the request. Without it the client cannot know what was answered, and waits until it gives up. Maelstrom's Go " +
		"library sets it in Reply.",
	"malformed": "Requests were answered, but not in the shape that the protocol asks for: the lines with malformed-rpc-response name the field, what was expected and what " +
		"came. In Go a nil slice becomes null, which is not a list.",
	"unanswered": "No request of this kind was ever answered. What does the handler wait for before it answers: a lock that it holds itself, another node that waits for " +
		"this one, a program that reads only one message at a time? The last lines of the node's log show how far it came.",
	"silent": "A node stopped answering, though nothing is ever between it and its clients. What does it wait for: a lock that it holds itself, a channel that nobody " +
		"reads, another node that may be out of reach? The last lines of its log show how far it came.",
	"data-race": "Two goroutines use the same memory at once, and one of them changes it. The report in the node's log names both places; a mutex that both of them hold " +
		"lets only one in at a time.",
	"availability":  "Some requests got no answer, or an error. Whom does the node wait for before it answers?",
	"no-final-read": "A node did not answer its last read, though the network had been whole for ten seconds. Is it stuck, waiting for an answer that was lost?",
	"invented":      "A node returned a value that nobody had sent. Where could it come from: a wrong type, a shared slice, the zero value?",
	"topology":      "The answer to topology has the type topology_ok and no other fields. A node that has no use for the topology answers it all the same.",
	"init":          "The answer to init has the type init_ok, and goes out as soon as init arrives, not when something else is ready.",
}

var hints = map[string][]Hint{
	"1": {
		{nil, "A node reads one JSON message a line from stdin and writes one a line to stdout. Everything that is for people goes to stderr."},
		{[]string{"stray"}, "An answer carries in_reply_to: the msg_id of the request. Maelstrom's Go library sets it in Reply."},
		{[]string{"echo"}, "The answer has the type echo_ok, and its field echo holds what the request's field echo held, whatever that is."},
		{nil, "Decode the body into a map, change its type to echo_ok, and reply with that map: every other field stays as it came."},
	},
	"2": {
		{nil, "What does a node have that no other node has?"},
		{[]string{"duplicated"}, "Two requests got the same id. What in it differs between two nodes, between two requests to one node, and between two lives of a node that was killed? Neither a clock " +
			"nor a few random bits do that: many requests come at nearly the same time, a clock can be set back, and every pair of random numbers may collide."},
		{[]string{"availability"}, "A node that asks another one cannot answer during a partition. It does not have to ask."},
		{nil, "In hard mode nodes are killed and begin again with an empty memory, and clocks are set back. What still differs between the first life of a node and its second?"},
		{nil, "Join the node's id, something drawn at random when the node starts, and a counter that goes up with every request. No messages, no clock, no agreement."},
	},
	"3a": {
		{[]string{"stats"}, "There are three requests to answer: broadcast, read and topology. read_ok carries messages, a list; a nil slice in Go becomes null, which is not a list."},
		{[]string{"lost", "stable"}, "An acknowledged value has to be in every later read. Does every path that answers broadcast_ok keep the value first, and can a handler that runs at the same time undo it?"},
		{nil, "The Go library runs each handler in a goroutine of its own. What two of them change at once needs a mutex; --race finds it."},
		{[]string{"duplicates"}, "A value is listed twice. Values are a set: remember which ones are known."},
		{nil, "A struct with a mutex, a map of known values and a slice in the order of arrival. broadcast adds under the lock; read answers with the slice, still under the lock or from a copy."},
	},
	"3b": {
		{nil, "A client tells one node. How does another node hear of it?"},
		{[]string{"lost", "not-everywhere", "stable"}, "Some node never heard of a value, or not in time. glomers replay --about VALUE shows how far it travelled, and who could have passed it on. If there are hundreds of messages per operation, the nodes are too busy with what they know already."},
		{[]string{"messages per operation"}, "If every node passes on all that it hears, a value travels for ever. When is there nothing new to pass on?"},
		{nil, "A gossip message between nodes needs no answer here: the network of this stage loses nothing. Give it a type of its own, so that it is not mistaken for a client's broadcast."},
		{nil, "When a node hears a value for the first time, it sends it to its neighbours in the topology, except the one that it came from. A value that is known is ignored, so the flood ends by itself."},
	},
	"3c": {
		{nil, "The network now loses messages, silently. How would the sender ever find out?"},
		{[]string{"lost", "not-everywhere"}, "A value did not get through a partition, and nobody sent it again when the network was whole. Somebody has to remember that it has not arrived: who, for which neighbours, and for how long?"},
		{nil, "An acknowledgement can be lost as well. Then the value is sent again although it arrived: receiving it twice must do no harm."},
		{[]string{"messages per operation"}, "Waiting half a second before sending again costs nothing in a healthy network. Sending one message with all that is missing costs less than one for each value."},
		{nil, "A goroutine for each value that repeats until it succeeds works, and after ten seconds of partition there are thousands of them. What single list for each neighbour says the same?"},
		{nil, "For each neighbour keep the set of values that it has not acknowledged. Send them at once, and on a ticker send again what is overdue, all in one message. An acknowledgement takes them out of the set."},
	},
	"3d": {
		{nil, "You are offered a topology; nothing says that you must use it. How many hops is it from corner to corner of the grid, and what are they worth at 100 ms each?"},
		{[]string{"median stable latency", "maximum stable latency"}, "Latency is 100 ms times the number of hops, and whatever you wait for in between. What is the shallowest shape?"},
		{[]string{"messages per operation"}, "24 nodes have to hear of each value: 24 messages, and 24 more if each is acknowledged. Half of the operations are reads. Which of these messages are not needed, or could be shared by several values?"},
		{[]string{"lost", "not-everywhere"}, "With --nemesis partition this network loses messages as well. Fewer messages must not mean that nobody notices a loss: who knows that a value has not arrived?"},
		{nil, "A retry that fires before an acknowledgement can be back, 200 ms at the least, doubles the messages of a healthy network."},
		{nil, "A star: one node is the hub. A value goes to the hub and from there to everyone, two hops, 24 messages and 24 acknowledgements: 24 messages per operation. Then let messages wait some tens of milliseconds for company."},
	},
	"3e": {
		{nil, "The limits trade time for messages: a second instead of 0.4. What can a message do with that time?"},
		{[]string{"messages per operation"}, "One message can carry many values. How many new values are there in half a second, and how many messages if they all travel together?"},
		{[]string{"median stable latency", "maximum stable latency"}, "A value waits on average half an interval at each place where it is collected, and a whole one at worst. At how many places does it wait on its way?"},
		{[]string{"lost", "not-everywhere"}, "A batch that is lost is many values lost. Keep them until they are acknowledged, as in 3c."},
		{nil, "An acknowledgement is a message. A number that says how far you have heard, put into the next message that goes that way anyway, costs nothing."},
		{nil, "A star whose leaves collect what they hear from clients and send it to the hub once per interval; the hub answers each with everything that is new. Longer intervals, fewer messages."},
	},
	"4": {
		{nil, "seq-kv is a sequentially consistent store: it may answer a read with a value from the past. Which requests must it answer from the present?"},
		{[]string{"final-reads"}, "A sum that is too low lacks an addition: another one overwrote it, it was forgotten, or the store answered this read from the past. A sum that is too high has one twice. Which of them is it here, and what happens when a request times out?"},
		{[]string{"outside"}, "A read shows more than has been added. Something was counted twice: an addition tried again after a timeout had in fact happened."},
		{[]string{"availability"}, "If a node waits for the store in each request, the request fails when the store cannot be reached. What could it answer with?"},
		{nil, "If every node writes a key of its own, no two nodes write the same one, and nobody needs compare-and-set to win a race. What is then the value of the counter?"},
		{nil, "Each node keeps its own total and the last totals it heard of the others, answers from memory, and tells the others its total now and then, as an absolute number: heard twice, it does no harm. Or it writes that total to a key of its own in seq-kv and reads the others' keys."},
	},
	"5a": {
		{[]string{"stats"}, "There are four requests: send, poll, commit_offsets, list_committed_offsets. A poll answers with lists of [offset, message] pairs, by key."},
		{[]string{"duplicate"}, "A message is at two offsets: send answered with one, and a poll shows it at the other. Do both count from the same number? And can two sends take the same offset before either message is stored?"},
		{[]string{"inconsistent-offsets"}, "Two messages share an offset. Taking the next offset and storing the message have to be one step, under one lock."},
		{[]string{"lost-write", "unseen", "poll-skip", "int-poll-skip"}, "A client that reads a key from offset to offset never sees some message. A poll returns messages in order and without gaps, from the offset that was asked for."},
		{[]string{"nonmonotonic-poll", "int-nonmonotonic-poll", "nonmonotonic-send", "int-nonmonotonic-send"}, "Offsets went back. They grow with each message of a key, and a poll lists them in ascending order."},
		{[]string{"commit-forgotten", "commit-beyond"}, "list_committed_offsets has to return what was committed, also for a key that another client committed. A commit that arrives late must not take back a higher one."},
		{nil, "A map from key to a slice: the offset is the index. send appends and answers with the length before; poll slices; commits are a second map, which keeps the maximum. One mutex around it all."},
	},
	"5b": {
		{nil, "Two nodes, one log. Who decides which message gets offset 17, and what if both try at once?"},
		{[]string{"inconsistent-offsets", "lost-write"}, "Two nodes gave out one offset, or one overwrote what the other had stored. lin-kv's cas succeeds for one of two that compare with the same value; the other has to read again."},
		{[]string{"duplicate"}, "A message is at two offsets. Do send and poll count alike, on both nodes? And a request that got no answer may have happened all the same: look before you try again. How would you tell that what is stored there is your own?"},
		{[]string{"unseen", "unseen-from-a-node"}, "A message is known to one node only. Where can both nodes look for what the other one has stored?"},
		{[]string{"poll-skip", "int-poll-skip"}, "An offset was given out, and a later one could be read before its message was there. In which order are the two stored?"},
		{[]string{"messages per operation"}, "Every request to lin-kv and every answer is a message. How many operations can share one? Can a read that found nothing new be avoided?"},
		{[]string{"commit-forgotten", "commit-beyond"}, "Committed offsets belong into the store, too, or the client that asks the other node does not find them. Keep the maximum."},
		{nil, "Store message number i of key k under k/i, created by a cas with create_if_not_exists: whoever creates the entry owns the offset, and whoever fails reads it and tries the next one. Far fewer messages: one sequence of such entries for all keys, each with all sends and commits that waited; every node applies them in their order and answers polls from memory."},
	},
	"5c": {
		{nil, "Look at the messages of a solution of 5b: most of them ask lin-kv who gets the next offset. Who could answer that without asking anybody?"},
		{[]string{"inconsistent-offsets"}, "Two nodes gave out offsets of one key. Decide from the key alone who owns it, so that both nodes decide alike."},
		{[]string{"duplicate"}, "A message is at two offsets. Either two nodes gave it one each, as an owner and a copy that counts by itself do, or it was sent to the owner again because an answer was late. How would the owner recognize it?"},
		{[]string{"messages per operation"}, "A poll that is answered from the node's own memory costs nothing. How does that memory get there, and how many messages can share a trip?"},
		{[]string{"unseen", "unseen-from-a-node", "lost-write"}, "The owner has the message, and readers of the other node never see it. Either that node asks the owner, or it keeps a copy; who tells the copy what it lacks?"},
		{[]string{"poll-skip", "int-poll-skip", "nonmonotonic-poll", "int-nonmonotonic-poll"}, "A replica may be behind, but it must not have holes. Apply what arrives in the order of offsets, and end a poll before the first offset that may still be filled."},
		{[]string{"commit-forgotten", "commit-beyond"}, "A client may commit at one node and ask the other. Tell the other node, in a message that goes there anyway, and keep the maximum."},
		{nil, "A hash of the key names its owner, who gives out offsets from memory. The other node forwards sends to the owner, several at a time, and keeps a copy of the logs that the owner's answers bring up to date. A batch without an answer is sent again under the same number."},
	},
	"6a": {
		{[]string{"stats"}, "A transaction is a list of [\"r\", key, null] and [\"w\", key, value]. The answer is the same list with the reads filled in; a key that nobody wrote reads as null."},
		{[]string{"internal"}, "A transaction did not see its own write. Execute its operations in order, on the same state."},
		{[]string{"G1a", "lost"}, "A transaction that fails must leave nothing behind, and one that succeeds has to leave all of its writes."},
		{[]string{"availability"}, "Every transaction has to succeed: an abort is an answer, but not a success. What stands in the way of one that waits for its turn?"},
		{nil, "JSON object keys are strings, and the keys in a transaction are numbers. Which ones does your map have?"},
		{nil, "One map, one mutex, held for the whole transaction."},
	},
	"6b": {
		{[]string{"availability"}, "The other node may be out of reach for seconds, and every transaction has to be answered meanwhile. What has to happen before the answer, and what can happen after it?"},
		{[]string{"diverged", "lost"}, "The nodes never agree on some key. Do writes get through in the end, after the partition has healed? If both nodes wrote the key, do both pick the same winner?"},
		{[]string{"G0", "cyclic-versions"}, "Of two transactions, one won on x and the other on y. All writes of a transaction need the same place in the order."},
		{[]string{"internal"}, "A transaction did not see its own write. Is the node's copy unlocked between two of its operations, or are its reads executed before its writes?"},
		{[]string{"messages per operation"}, "Does each transaction need a message of its own? The other node learns of several as well from one."},
		{nil, "Give each transaction a Lamport timestamp with the node's id to break ties. Execute locally, answer, and send the writes to the other node until it acknowledges; a write replaces an older one and ignores a newer one."},
	},
	"6c": {
		{[]string{"G1a", "G1b", "G1c"}, "A transaction saw the inside of another one: writes that were later overwritten by the same transaction, or half of them. When do the writes of a transaction become visible, here and on the other node?"},
		{[]string{"availability"}, "A node that waits for the other one cannot answer while they are apart. Does read committed need anything from the other node before the answer?"},
		{[]string{"diverged", "lost", "G0", "cyclic-versions"}, "As in 6b: one timestamp for all writes of a transaction, the later one wins everywhere, and what was not acknowledged is sent again."},
		{[]string{"internal"}, "If writes are buffered until the end, a read has to look into the buffer first."},
		{[]string{"messages per operation"}, "Transactions can share a message, as long as each of them is applied as a whole."},
		{nil, "As 6b, and apply a transaction as a whole under one lock: buffer its writes, give it its timestamp, install all of its writes at once. The other node does the same with what it receives."},
	},
}
