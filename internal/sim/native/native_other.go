//go:build !linux || !(amd64 || arm64)

package native

import (
	"context"
	"time"

	"glomers/internal/sim"
	"glomers/internal/sim/native/overlay"
	"runtime"
)

// Program cannot be had on this system.
type Program struct{ sim.Program }

// Options configure a program.
type Options struct {
	Memory     int64
	Env        []string
	Race       bool
	CPUPerStep time.Duration
}

// Load returns an error that says why nothing runs natively here.
func Load(string, Options) (*Program, error) {
	return nil, overlay.Supported(runtime.GOOS, runtime.GOARCH)
}

// Close does nothing.
func (*Program) Close(context.Context) error { return nil }
