//go:build unix && !linux

package wasm

import "golang.org/x/sys/unix"

const madvice = unix.MADV_NORMAL
