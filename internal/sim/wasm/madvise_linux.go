package wasm

import "golang.org/x/sys/unix"

// madvice asks for large pages: with many nodes, looking up small ones costs
// several percent.
const madvice = unix.MADV_HUGEPAGE
