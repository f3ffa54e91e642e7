package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// HardMode says with which seeds a program passed or failed the hard mode of a stage.
// The zero value is a program that has not been tried.
type HardMode struct {
	Stage   string   `json:"stage"`
	Program string   `json:"program"` // see spec.Host
	Passed  []Seeds  `json:"passed"`  // ascending, apart from each other
	Failed  []uint64 `json:"failed"`  // ascending
}

// Seeds are consecutive seeds.
type Seeds struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}

// Count returns how many seeds passed.
func (h *HardMode) Count() int {
	n := uint64(0)
	for _, s := range h.Passed {
		n += s.Last - s.First + 1
	}
	return int(min(n, 1<<31-1))
}

// add takes the outcome of a seed. That of a later trial replaces the earlier one: the
// faults of hard mode may have changed since.
func (h *HardMode) add(seed uint64, passed bool) {
	at, failed := slices.BinarySearch(h.Failed, seed)
	in := slices.IndexFunc(h.Passed, func(s Seeds) bool { return s.First <= seed && seed <= s.Last })
	switch {
	case passed && failed:
		h.Failed = slices.Delete(h.Failed, at, at+1)
	case !passed && !failed:
		h.Failed = slices.Insert(h.Failed, at, seed)
	}
	switch {
	case passed && in < 0:
		h.Passed = joined(append(h.Passed, Seeds{seed, seed}))
	case !passed && in >= 0:
		s := h.Passed[in]
		var parts []Seeds
		if s.First < seed {
			parts = append(parts, Seeds{s.First, seed - 1})
		}
		if seed < s.Last {
			parts = append(parts, Seeds{seed + 1, s.Last})
		}
		h.Passed = slices.Replace(h.Passed, in, in+1, parts...)
	}
}

// joined sorts ranges, which do not overlap, and joins those that are adjacent.
func joined(ranges []Seeds) []Seeds {
	slices.SortFunc(ranges, func(a, b Seeds) int {
		if a.First < b.First {
			return -1
		}
		return 1
	})
	out := ranges[:1]
	for _, r := range ranges[1:] {
		if last := &out[len(out)-1]; last.Last+1 == r.First {
			last.Last = r.Last
		} else {
			out = append(out, r)
		}
	}
	return out
}

func hardModePath(root, stage, program string) string {
	return filepath.Join(root, "hard-mode", fmt.Sprintf("%s-%.16s.json", stage, program))
}

// ReadHardMode returns what is known of a program in the hard mode of a stage.
func ReadHardMode(root, stage, program string) (HardMode, error) {
	path := hardModePath(root, stage, program)
	text, err := lockedfile.Read(path)
	if errors.Is(err, os.ErrNotExist) {
		return HardMode{Stage: stage, Program: program}, nil
	}
	if err != nil {
		return HardMode{}, err
	}
	return decodeHardMode(path, text, stage, program)
}

func decodeHardMode(path string, text []byte, stage, program string) (HardMode, error) {
	h := HardMode{Stage: stage, Program: program}
	if len(bytes.TrimSpace(text)) == 0 { // just made
		return h, nil
	}
	if err := decodeJSON(path, text, &h); err != nil {
		return h, fmt.Errorf("%w; it records the seeds of hard mode, delete it to begin anew", err)
	}
	return h, nil
}

// AddHardMode adds outcomes, by seed, to what is known of a program in the hard mode
// of a stage, and returns all that is known.
func AddHardMode(root, stage, program string, outcomes map[uint64]bool) (HardMode, error) {
	path := hardModePath(root, stage, program)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return HardMode{}, fmt.Errorf("create the store: %w", err)
	}
	var h HardMode
	err := lockedfile.Transform(path, func(text []byte) ([]byte, error) { // others may explore the same program
		var err error
		if h, err = decodeHardMode(path, text, stage, program); err != nil {
			return nil, err
		}
		for _, seed := range slices.Sorted(maps.Keys(outcomes)) {
			h.add(seed, outcomes[seed])
		}
		text, err = json.MarshalIndent(h, "", "  ")
		return append(text, '\n'), err
	})
	return h, err
}
