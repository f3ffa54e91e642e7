package workload

import (
	"fmt"
	"strings"

	"glomers/checkers/brief"
	"glomers/checkers/edn"
	"glomers/checkers/journal"
)

// RPC is a request and the reply that it requires, whose type is that of the
// request with _ok. Replies are checked as Maelstrom checks them: every field is
// there, has its shape, and nothing else is there but type, in_reply_to and an
// integer msg_id. (Maelstrom's doc/workloads.md; the schemas of its defrpc.)
type RPC struct {
	Request string
	Fields  []Field
	// Lenient accepts a reply with any fields, as Maelstrom does for init.
	Lenient bool
}

// Field is a field of a reply and the shape of its value.
type Field struct {
	Name  string
	Shape Shape
}

// Shape is what a value must look like.
type Shape interface {
	// Check returns where in the value something else was found, with what was
	// expected and found there; nil if the value has the shape.
	Check(v any) *mismatch
	// String describes the shape in an error and in the documentation.
	String() string
}

// mismatch is the part of a value that does not have its shape.
type mismatch struct {
	path     string // such as ["8"][3], "" for the value itself
	expected string
	found    any
}

// The requests of all workloads, with the replies that they require.
var (
	InitRPC = RPC{Request: "init", Lenient: true}

	EchoRPC     = RPC{Request: "echo", Fields: []Field{{"echo", anything{}}}}
	generateRPC = RPC{Request: "generate", Fields: []Field{{"id", anything{}}}}

	topologyRPC      = RPC{Request: "topology"}
	broadcastRPC     = RPC{Request: "broadcast"}
	broadcastReadRPC = RPC{Request: "read", Fields: []Field{{"messages", arrayOf{anything{}}}}}

	setAddRPC  = RPC{Request: "add"}
	setReadRPC = RPC{Request: "read", Fields: []Field{{"value", arrayOf{anything{}}}}}

	counterAddRPC  = RPC{Request: "add"}
	counterReadRPC = RPC{Request: "read", Fields: []Field{{"value", integer{}}}}

	sendRPC          = RPC{Request: "send", Fields: []Field{{"offset", offset{}}}}
	pollRPC          = RPC{Request: "poll", Fields: []Field{{"msgs", objectOf{arrayOf{offsetMessage{}}}}}}
	commitRPC        = RPC{Request: "commit_offsets"}
	listCommittedRPC = RPC{Request: "list_committed_offsets", Fields: []Field{{"offsets", objectOf{integer{}}}}}

	linKVRPCs = map[string]RPC{
		"read":  {Request: "read", Fields: []Field{{"value", anything{}}}},
		"write": {Request: "write"},
		"cas":   {Request: "cas"},
	}
	txnRPCs = map[string]RPC{ // by what writes are called
		"w":      {Request: "txn", Fields: []Field{{"txn", arrayOf{microOp{"w", anything{}}}}}},
		"append": {Request: "txn", Fields: []Field{{"txn", arrayOf{microOp{"append", arrayOf{anything{}}}}}}},
	}
)

// Reply is the body of a reply that has the shape which its RPC requires.
type Reply struct{ body edn.Map }

// Get returns the value of a field, nil if the field is absent.
func (r Reply) Get(field string) any {
	v, _ := lastValue(r.body, field)
	return v
}

// lastValue returns the value of a field. Of a name that occurs twice the last one
// counts, as in most JSON parsers.
func lastValue(body edn.Map, field string) (any, bool) {
	for i := len(body) - 1; i >= 0; i-- {
		if body[i].Key == field {
			return body[i].Value, true
		}
	}
	return nil, false
}

// reply checks the body of a reply to the RPC.
func (rpc RPC) reply(node string, body edn.Map) (Reply, *Error) {
	typ, _ := lastValue(body, "type")
	if typ == "error" {
		return Reply{}, fromBody(body)
	}
	if want := rpc.Request + "_ok"; typ != want {
		return Reply{}, rpc.malformed(node, `its "type" is %s, expected %q`, jsonText(typ), want)
	}
	if rpc.Lenient {
		return Reply{body}, nil
	}
	for _, f := range rpc.Fields {
		v, ok := lastValue(body, f.Name)
		if !ok {
			return Reply{}, rpc.malformed(node, `it has no %q, expected %s%s`, f.Name, f.Shape, similarField(body, f.Name))
		}
		if m := f.Shape.Check(v); m != nil {
			return Reply{}, rpc.malformed(node, "%q%s is %s, expected %s", f.Name, m.path, jsonText(m.found), m.expected)
		}
	}
	for _, e := range body {
		if err := rpc.allows(node, e); err != nil {
			return Reply{}, err
		}
	}
	return Reply{body}, nil
}

// similarField points out a field that differs from the expected one in case.
func similarField(body edn.Map, want string) string {
	for _, e := range body {
		if name := e.Key.(string); journal.SameLetters(name, want) {
			return fmt.Sprintf("; it has %q, but names are matched exactly", name)
		}
	}
	return ""
}

// allows reports a field that the reply must not have.
func (rpc RPC) allows(node string, e edn.Entry) *Error {
	name := e.Key.(string)
	switch name {
	case "type", "in_reply_to":
		return nil
	case "msg_id":
		if m := (integer{}).Check(e.Value); m != nil {
			return rpc.malformed(node, `its "msg_id" is %s, expected an integer or no "msg_id" at all`, jsonText(e.Value))
		}
		return nil
	}
	names := []string{`"type"`, `"in_reply_to"`}
	for _, f := range rpc.Fields {
		if f.Name == name {
			return nil
		}
		names = append(names, fmt.Sprintf("%q", f.Name))
	}
	return rpc.malformed(node, "it has the field %q, expected only %s", name, strings.Join(names, ", "))
}

const malformedReply = "malformed-rpc-response"

// malformed is the error for a reply of the wrong shape. Nobody knows whether the
// operation happened.
func (rpc RPC) malformed(node, format string, args ...any) *Error {
	return &Error{Name: malformedReply, Text: fmt.Sprintf("reply of %s to %s: ", node, rpc.Request) + fmt.Sprintf(format, args...)}
}

// anything is any JSON value, null as well.
type anything struct{}

func (anything) Check(any) *mismatch { return nil }
func (anything) String() string      { return "a value" }

// integer is a number of at most 64 bits without a decimal point: 3, but not 3.0.
type integer struct{}

func (i integer) Check(v any) *mismatch {
	if _, ok := v.(int64); ok {
		return nil
	}
	if _, ok := v.(float64); ok {
		return &mismatch{"", "an integer without a decimal point or exponent", v}
	}
	return &mismatch{"", i.String(), v}
}
func (integer) String() string { return "an integer" }

// arrayOf is an array, or null, which Maelstrom takes for an empty one.
type arrayOf struct{ element Shape }

func (a arrayOf) Check(v any) *mismatch {
	if v == nil {
		return nil
	}
	elements, ok := v.([]any)
	if !ok {
		return &mismatch{"", a.String(), v}
	}
	for i, e := range elements {
		if m := a.element.Check(e); m != nil {
			m.path = fmt.Sprintf("[%d]%s", i, m.path)
			return m
		}
	}
	return nil
}

func (a arrayOf) String() string {
	if a.element == (anything{}) {
		return "an array"
	}
	return "an array of which each element is " + a.element.String()
}

// objectOf is an object with any names.
type objectOf struct{ value Shape }

func (o objectOf) Check(v any) *mismatch {
	members, ok := v.(edn.Map)
	if !ok {
		return &mismatch{"", o.String(), v}
	}
	for _, e := range members {
		if m := o.value.Check(e.Value); m != nil {
			m.path = fmt.Sprintf("[%q]%s", e.Key, m.path)
			return m
		}
	}
	return nil
}

func (o objectOf) String() string { return "an object of which each value is " + o.value.String() }

// offset is an integer from 0 on. The checks, and Maelstrom's, know no position for a
// message at a negative offset, so that nothing that is wrong with it could be seen.
type offset struct{}

func (o offset) Check(v any) *mismatch {
	if m := (integer{}).Check(v); m != nil {
		return m
	}
	if v.(int64) < 0 {
		return &mismatch{"", o.String(), v}
	}
	return nil
}
func (offset) String() string { return "an integer, 0 or more" }

// offsetMessage is an array of an offset and a message.
type offsetMessage struct{}

func (o offsetMessage) Check(v any) *mismatch {
	pair, _ := v.([]any)
	if len(pair) != 2 || (offset{}).Check(pair[0]) != nil {
		return &mismatch{"", o.String(), v}
	}
	return nil
}
func (offsetMessage) String() string {
	return "[offset, message] with an integer offset, 0 or more"
}

// microOp is a read or a write of a transaction.
type microOp struct {
	write string
	read  Shape // of the value that a read returns
}

func (o microOp) Check(v any) *mismatch {
	mop, _ := v.([]any)
	if len(mop) != 3 || mop[0] != "r" && mop[0] != o.write {
		return &mismatch{"", o.String(), v}
	}
	if mop[0] == "r" {
		if m := o.read.Check(mop[2]); m != nil {
			m.path = "[2]" + m.path
			return m
		}
	}
	return nil
}

func (o microOp) String() string {
	return fmt.Sprintf(`["r", key, value] or [%q, key, value]`, o.write)
}

// jsonText shows a JSON value in an error.
func jsonText(v any) string { return brief.Text(string(edn.ToJSON(v)), 100) }
