package store

import (
	"os"

	"glomers/checkers/history"
	"glomers/checkers/history/zstd"
)

// ReadHistory reads a history file, plain or compressed with gzip or zstd. It
// calls progress now and then, if that is not nil.
func ReadHistory(path string, progress func(history.Progress)) (*history.History, error) {
	return reader(progress).ReadFile(path)
}

func reader(progress func(history.Progress)) *history.Reader {
	return &history.Reader{Decompressors: []history.Decompressor{zstd.Decompressor()}, Progress: progress}
}

// History reads the history. That of a run of glomers that was killed may be empty, or end
// in the middle of an operation: cut is then what is wrong with its end, and the history
// holds the operations before it.
func (r *Recorded) History(progress func(history.Progress)) (h *history.History, cut, err error) {
	path, err := r.HistoryPath()
	if err != nil {
		return nil, nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	ops, err := reader(progress).Read(f)
	if err != nil {
		if err = history.InFile(path, err); r.Test == nil || len(ops) == 0 && info.Size() > 0 {
			return nil, nil, err
		}
		cut = err
	}
	if h, err = history.New(ops); err != nil {
		return nil, nil, history.InFile(path, err)
	}
	return h, cut, nil
}
