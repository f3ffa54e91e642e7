package jepsen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"glomers/checkers/edn"
	"glomers/internal/fressian"
)

// test.jepsen is a sequence of blocks (see jepsen.store.format in Jepsen's source):
//
//	JEPSEN  version:4  offset of the index block:8
//	block:  length:8  CRC-32:4  type:2  14 bytes without meaning  data
//
// all in big-endian order. Checksums are not verified: what is read of the file is
// small and has a known shape. The index holds the number of the root block, then
// the number and offset of every block. The root is the test map.
const (
	testMagic     = "JEPSEN"
	testVersion   = 1
	blockHeader   = 14
	blockReserved = 14
	maxBlock      = 64 << 20

	indexBlock    = 1
	fressianBlock = 2
	partialBlock  = 3 // a map whose other members are in another block
)

// readTest reads the test map of test.jepsen.
func readTest(dir fs.FS) (map[string]entry, error) {
	f, err := dir.Open(TestFile)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r, ok := f.(io.ReaderAt)
	if !ok {
		text, err := io.ReadAll(io.LimitReader(f, maxBlock))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", TestFile, err)
		}
		r = bytes.NewReader(text)
	}
	v, err := readRoot(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", TestFile, err)
	}
	test, ok := v.(edn.Map)
	if !ok {
		return nil, fmt.Errorf("%s: expected a map, the test, found %s", TestFile, edn.Brief(v, 60))
	}
	entries := map[string]entry{}
	for _, e := range test {
		if key, ok := e.Key.(edn.Keyword); ok {
			entries[string(key)] = entry{e.Value, TestFile}
		}
	}
	return entries, nil
}

// readRoot reads the value of the root block.
func readRoot(r io.ReaderAt) (any, error) {
	header := make([]byte, len(testMagic)+12)
	if _, err := r.ReadAt(header, 0); err != nil || string(header[:len(testMagic)]) != testMagic {
		return nil, fmt.Errorf("it does not begin with %s", testMagic)
	}
	if version := binary.BigEndian.Uint32(header[len(testMagic):]); version != testVersion {
		return nil, fmt.Errorf("version %d of the format, expected %d", version, testVersion)
	}
	kind, index, err := readBlock(r, int64(binary.BigEndian.Uint64(header[len(testMagic)+4:])))
	if err != nil {
		return nil, err
	}
	if kind != indexBlock || len(index) < 4 || (len(index)-4)%12 != 0 {
		return nil, errors.New("the block index is damaged")
	}
	root := binary.BigEndian.Uint32(index)
	for entry := index[4:]; len(entry) > 0; entry = entry[12:] {
		if binary.BigEndian.Uint32(entry) == root {
			return readValue(r, int64(binary.BigEndian.Uint64(entry[4:])))
		}
	}
	return nil, fmt.Errorf("the index has no block %d, the test", root)
}

func readValue(r io.ReaderAt, offset int64) (any, error) {
	kind, data, err := readBlock(r, offset)
	if err != nil {
		return nil, err
	}
	switch {
	case kind == partialBlock && len(data) > 4:
		data = data[4:]
	case kind != fressianBlock:
		return nil, fmt.Errorf("the test is in a block of type %d", kind)
	}
	v, err := fressian.NewDecoder(bytes.NewReader(data)).Decode()
	if err != nil {
		return nil, fmt.Errorf("block at byte %d: %w", offset, err)
	}
	return v, nil
}

// readBlock returns the type and the data of a block.
func readBlock(r io.ReaderAt, offset int64) (kind int, data []byte, err error) {
	header := make([]byte, blockHeader)
	if _, err := r.ReadAt(header, offset); err != nil {
		return 0, nil, fmt.Errorf("block at byte %d: the file ends before it", offset)
	}
	length := int64(binary.BigEndian.Uint64(header))
	if length < blockHeader+blockReserved || length > maxBlock {
		return 0, nil, fmt.Errorf("block at byte %d: %d bytes long, expected %d to %d", offset, length, blockHeader+blockReserved, maxBlock)
	}
	block, err := io.ReadAll(io.NewSectionReader(r, offset, length))
	if err != nil {
		return 0, nil, err
	}
	if int64(len(block)) < length {
		return 0, nil, fmt.Errorf("block at byte %d: the file ends inside it", offset)
	}
	return int(binary.BigEndian.Uint16(block[12:])), block[blockHeader+blockReserved:], nil
}
