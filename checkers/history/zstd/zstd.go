// Package zstd reads histories that are compressed with zstd:
//
//	r := history.Reader{Decompressors: []history.Decompressor{zstd.Decompressor()}}
//	h, err := r.ReadFile("history.edn.zst")
//
// It is a package of its own so that programs that only use the checkers do not
// depend on a compression library.
package zstd

import (
	"io"

	"github.com/klauspost/compress/zstd"

	"glomers/checkers/history"
)

// maxWindow bounds what a compressed text can make the decoder allocate. It is the
// largest window that the zstd command accepts by default.
const maxWindow = 128 << 20

// Decompressor returns the decompressor of zstd.
func Decompressor() history.Decompressor {
	return history.Decompressor{
		Name:  "zstd",
		Magic: []byte{0x28, 0xb5, 0x2f, 0xfd},
		Open: func(r io.Reader) (io.ReadCloser, error) {
			d, err := zstd.NewReader(r, zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderConcurrency(1))
			if err != nil {
				return nil, err
			}
			return d.IOReadCloser(), nil
		},
	}
}
