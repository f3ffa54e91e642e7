// Package wasm runs simulated nodes as WebAssembly modules for wasip1.
package wasm
