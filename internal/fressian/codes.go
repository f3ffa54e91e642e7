package fressian

import "unicode/utf16"

// The first byte of a value. Ranges include their start but not their end.
const (
	codePackedIntEnd = 0x80

	codeCacheStart       = 0x80 // a reference to a cached value; the offset is its number
	codeCacheEnd         = 0xA0
	codeStructCacheStart = 0xA0 // a struct of a cached type; the offset is its number
	codeStructCacheEnd   = 0xB0

	codeGetCache = 0xCC
	codePutCache = 0xCD
	codeFooter   = 0xCF

	codeBytesStart  = 0xD0
	codeBytesEnd    = 0xD8
	codeBytesChunk  = 0xD8
	codeBytes       = 0xD9
	codeStringStart = 0xDA
	codeStringEnd   = 0xE2
	codeStringChunk = 0xE2
	codeString      = 0xE3
	codeListStart   = 0xE4
	codeListEnd     = 0xEC
	codeList        = 0xEC
	codeClosedList  = 0xED
	codeOpenList    = 0xEE

	codeStructType = 0xEF
	codeStruct     = 0xF0

	codeTrue     = 0xF5
	codeFalse    = 0xF6
	codeNull     = 0xF7
	codeInt      = 0xF8
	codeFloat    = 0xF9
	codeDouble   = 0xFA
	codeDouble0  = 0xFB
	codeDouble1  = 0xFC
	codeEnd      = 0xFD
	codeReset    = 0xFE
	codeMinusOne = 0xFF
)

// codePackedInt are the codes of integers that are followed by 1, 2, … 6 bytes. The
// code holds the upper bits: code - zero.
var codePackedInt = [...]struct{ start, zero byte }{{0x40, 0x50}, {0x60, 0x68}, {0x70, 0x72}, {0x74, 0x76}, {0x78, 0x7A}, {0x7C, 0x7E}}

// builtin are the structs that have codes of their own.
var builtin = map[byte]structType{
	0xB0: {"long[]", 2}, 0xB1: {"double[]", 2}, 0xB2: {"boolean[]", 2}, 0xB3: {"int[]", 2}, 0xB4: {"float[]", 2}, 0xB5: {"Object[]", 2},
	0xC0: {"map", 1}, 0xC1: {"set", 1}, 0xC3: {"uuid", 2}, 0xC4: {"regex", 1}, 0xC5: {"uri", 1},
	0xC6: {"bigint", 1}, 0xC7: {"bigdec", 2}, 0xC8: {"inst", 1}, 0xC9: {"sym", 2}, 0xCA: {"key", 2},
}

// joinSurrogates decodes text in which each half of a surrogate pair is encoded as a
// character of three bytes, as Java does. Any other invalid UTF-8 becomes U+FFFD.
func joinSurrogates(b []byte) []rune {
	var units []uint16
	for i := 0; i < len(b); {
		c := rune(b[i])
		next := func(n int) rune {
			if i+n < len(b) {
				return rune(b[i+n] & 0x3F)
			}
			return 0
		}
		switch {
		case c < 0x80:
			units = append(units, uint16(c))
			i++
		case c>>5 == 0b110:
			units = append(units, uint16(c&0x1F<<6|next(1)))
			i += 2
		case c>>4 == 0b1110:
			units = append(units, uint16(c&0x0F<<12|next(1)<<6|next(2)))
			i += 3
		default:
			units = append(units, 0xFFFD)
			i++
		}
	}
	return utf16.Decode(units)
}
