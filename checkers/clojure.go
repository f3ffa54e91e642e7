package checkers

import (
	"cmp"
	"math/bits"

	"glomers/checkers/edn"
)

// compareInClojureSet orders values as a Clojure hash set iterates over them: by
// their hashes, five bits at a time, the lowest first. Where an offset has several
// messages, Jepsen takes the first one of a set, and its counts can be reproduced
// only by taking the same one. Values other than integers are ordered by
// edn.Compare; for them our choice may differ from Jepsen's.
func compareInClojureSet(a, b any) int {
	x, ok1 := a.(int64)
	y, ok2 := b.(int64)
	if !ok1 || !ok2 {
		return edn.Compare(a, b)
	}
	return cmp.Or(cmp.Compare(trieOrder(x), trieOrder(y)), cmp.Compare(x, y))
}

// trieOrder returns a number by which values sort in the order of iteration: the
// five-bit digits of the hash of n, with the lowest digit most significant.
func trieOrder(n int64) uint64 {
	h, order := uint64(murmur3(n)), uint64(0)
	for range 7 {
		order = order<<5 | h&31
		h >>= 5
	}
	return order
}

// murmur3 is the 32-bit Murmur3 hash of a 64-bit integer with seed 0, which is
// Clojure's hash of integers.
func murmur3(n int64) uint32 {
	if n == 0 {
		return 0
	}
	const c1, c2 = 0xcc9e2d51, 0x1b873593
	h := uint32(0)
	for _, k := range [2]uint32{uint32(n), uint32(uint64(n) >> 32)} {
		h ^= bits.RotateLeft32(k*c1, 15) * c2
		h = bits.RotateLeft32(h, 13)*5 + 0xe6546b64
	}
	h ^= 8
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}
