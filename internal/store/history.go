package store

import (
	"glomers/checkers/history"
	"glomers/checkers/history/zstd"
)

// ReadHistory reads a history file, plain or compressed with gzip or zstd. It
// calls progress now and then, if that is not nil.
func ReadHistory(path string, progress func(history.Progress)) (*history.History, error) {
	r := history.Reader{Decompressors: []history.Decompressor{zstd.Decompressor()}, Progress: progress}
	return r.ReadFile(path)
}
