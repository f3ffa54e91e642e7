//go:build !linux || !(amd64 || arm64)

package native

import (
	"context"
	"time"

	"glomers/internal/sim"
	"glomers/internal/sim/native/overlay"
	"runtime"
)

// Program has no values on this system: Load always fails.
type Program struct{ sim.Program }

// Options configure a program.
type Options struct {
	Memory     int64
	Env        []string
	Race       bool
	CPUPerStep time.Duration
}

// Load returns an error that names the systems with native simulation.
func Load(string, Options) (*Program, error) {
	return nil, overlay.Supported(runtime.GOOS, runtime.GOARCH)
}

// Close does nothing.
func (*Program) Close(context.Context) error { return nil }
