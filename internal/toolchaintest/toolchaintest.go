// Package toolchaintest runs tests with each of the Go versions that native simulation
// is kept working with: the oldest that it knows, the newest, and those between.
package toolchaintest

import (
	_ "embed"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// versions are the versions, one a line. The first is the oldest.
//
//go:embed versions.txt
var versions string

// Required is the environment variable that makes a missing toolchain a failure.
const Required = "GLOMERS_TOOLCHAINS"

// Each runs a test for each version. The test is skipped where the go command would have
// to fetch the toolchain first, or fails if GLOMERS_TOOLCHAINS is set. What it runs gets a
// toolchain by the version's name in GOTOOLCHAIN or in a go.mod.
func Each(t *testing.T, test func(t *testing.T, version string)) {
	for _, version := range Versions() {
		t.Run(version, func(t *testing.T) {
			err := missing(version)
			if err != nil && os.Getenv(Required) != "" {
				t.Fatal(err)
			}
			if err != nil {
				t.Skip(err)
			}
			test(t, version)
		})
	}
}

// Versions returns the names of the versions, such as go1.24.0, the oldest first, and
// the one that built the test.
func Versions() []string {
	all := strings.Fields(versions)
	if !slices.Contains(all, runtime.Version()) {
		all = append(all, runtime.Version())
	}
	return all
}

// missing returns an error if a toolchain is not on this machine.
func missing(version string) error {
	cmd := exec.Command("go", "version")
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+version, "GOPROXY=off")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), version+" ") {
		return errors.New(version + " is not here; GOTOOLCHAIN=" + version + " go version fetches it")
	}
	return nil
}

// Root returns the GOROOT of a version.
func Root(t *testing.T, version string) string {
	t.Helper()
	cmd := exec.Command("go", "env", "GOROOT")
	cmd.Dir = t.TempDir() // where no go.mod demands another version
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+version)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
