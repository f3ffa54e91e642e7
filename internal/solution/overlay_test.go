package solution

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"glomers/internal/toolchaintest"
)

// TestWasmEdits: every edit fits each toolchain.
func TestWasmEdits(t *testing.T) {
	toolchaintest.Each(t, func(t *testing.T, version string) {
		t.Setenv("GOTOOLCHAIN", version)
		path, _, err := overlay(context.Background(), t.TempDir(), t.TempDir(), wasmEdits)
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var list struct{ Replace map[string]string }
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
		for _, e := range wasmEdits {
			found := false
			for original, edited := range list.Replace {
				if !strings.HasSuffix(filepath.ToSlash(original), e.file) {
					continue
				}
				text, err := os.ReadFile(edited)
				if err != nil {
					t.Fatal(err)
				}
				found = strings.Contains(string(text), e.new) && !strings.Contains(string(text), e.old)
			}
			if !found {
				t.Errorf("the edit of %s does not fit this toolchain", e.file)
			}
		}
	})
}

// TestEditThatDoesNotFit: a toolchain with another text is built as it is.
func TestEditThatDoesNotFit(t *testing.T) {
	path, _, err := overlay(context.Background(), ".", t.TempDir(), []edit{{"src/os/exec.go", "no such text", ""}, {"src/no/such/file.go", "", ""}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != `{"Replace":{}}` {
		t.Errorf("the overlay is %s, %v", text, err)
	}
}
