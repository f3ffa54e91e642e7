package journal

import "testing"

func TestFields(t *testing.T) {
	f := FieldsOf([]byte(`{"Type":"x", "type": "read" ,"msg_id":7,"in_reply_to":1.0,"key":"a","key":"b","value":null}`))
	if got := f.Text("type"); got != "read" {
		t.Errorf("type is %q", got)
	}
	if id, ok := f.Int("msg_id"); id != 7 || !ok {
		t.Errorf("msg_id is %d, %v", id, ok)
	}
	for _, name := range []string{"in_reply_to", "type", "value", "Msg_ID"} {
		if n, ok := f.Int(name); ok {
			t.Errorf("%s is the integer %d", name, n)
		}
	}
	if f.Text("key") != "b" || f.Text("msg_id") != "" || f.Text("absent") != "" || string(f["value"]) != "null" {
		t.Errorf("unexpected fields: %v", f)
	}
	for _, body := range []string{`[1]`, `null`, `{"a"`, ``} {
		if f := FieldsOf([]byte(body)); f != nil || f.Text("type") != "" {
			t.Errorf("%q has the fields %v", body, f)
		}
	}
}
