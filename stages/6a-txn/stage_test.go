package main

import (
	"encoding/json"
	"testing"

	"glomers/internal/stagetest"
)

func TestMain(m *testing.M) { stagetest.Main(m) }

func TestStage(t *testing.T) { stagetest.Run(t) }

// TestRefused checks that a transaction which is refused has written nothing.
func TestRefused(t *testing.T) {
	s := &server{store: map[int]*int{}}
	var txn []op
	if err := json.Unmarshal([]byte(`[["w", 1, 2], ["increment", 1, 3]]`), &txn); err != nil {
		t.Fatal(err)
	}
	if err := s.execute(txn); err == nil || len(s.store) > 0 {
		t.Errorf("the error is %v and the store %v, expected an error and nothing written", err, s.store)
	}
}
