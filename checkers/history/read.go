package history

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"unsafe"

	"glomers/checkers/edn"
)

// MaxLine is the longest line of a JSON history, in bytes.
const MaxLine = 16 << 20

// Limits bound what a Reader reads. A field that is 0 has its value in
// DefaultLimits.
type Limits struct {
	Text       int64 // bytes of the text, after decompression
	Operations int   // records: invocations and completions
	Memory     int64 // estimated bytes of all operations with their values
}

// DefaultLimits are far above what a test records, and keep a corrupt or malicious
// file from exhausting memory.
var DefaultLimits = Limits{Text: 4 << 30, Operations: 20_000_000, Memory: 4 << 30}

// Progress is how much a Reader has read.
type Progress struct {
	Operations int   // read so far
	Bytes      int64 // read of the file so far, before decompression
	Size       int64 // of the file, 0 if unknown
}

// A Decompressor reads a compressed format.
type Decompressor struct {
	Name  string // such as zstd
	Magic []byte // what every text of the format begins with
	Open  func(io.Reader) (io.ReadCloser, error)
}

// Reader reads histories. The zero value reads plain text and gzip, within
// DefaultLimits.
type Reader struct {
	Limits        Limits
	Decompressors []Decompressor // besides gzip; package history/zstd has one
	Progress      func(Progress) // if not nil, called every 4 MiB of text and at the end
}

// Read reads operations with the zero Reader.
func Read(r io.Reader) ([]Op, error) { return new(Reader).Read(r) }

// ReadFile reads a history from a file with the zero Reader.
func ReadFile(path string) (*History, error) { return new(Reader).ReadFile(path) }

// ReadFile reads a history from a file. Errors about its contents begin with the
// name of the file, line and column; see InFile.
func (r *Reader) ReadFile(path string) (*History, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	ops, err := r.Read(f)
	if err != nil {
		return nil, InFile(path, err)
	}
	h, err := New(ops)
	if err != nil {
		return nil, InFile(path, err)
	}
	return h, nil
}

// Read reads operations: EDN maps one after the other or in one vector, as
// Jepsen writes them, or JSON objects with the same keys, one a line. Either may
// be compressed with gzip, or as one of the Decompressors knows. The text is not
// kept in memory.
//
// Errors about the text are a *PlaceError or an *edn.SyntaxError, which begin
// with a line and a column. The operations read before the error are returned
// with it.
func (r *Reader) Read(text io.Reader) ([]Op, error) {
	size := int64(0)
	if f, ok := text.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
	}
	return r.read(text, size)
}

func (r *Reader) read(file io.Reader, size int64) ([]Op, error) {
	s := &session{limits: r.Limits.orDefault(), report: r.Progress, file: countingReader{r: file}, size: size}
	br := bufio.NewReaderSize(&s.file, 64<<10)
	s.text = br
	magic, _ := br.Peek(4) // fewer for a short text; an error comes again
	for _, d := range append([]Decompressor{gzipDecompressor}, r.Decompressors...) {
		if !bytes.HasPrefix(magic, d.Magic) {
			continue
		}
		z, err := d.Open(br)
		if err != nil {
			return nil, &PlaceError{1, 1, fmt.Errorf("damaged %s header: %w", d.Name, err)}
		}
		defer z.Close()
		s.text = z
		break
	}
	if s.text == br && bytes.Equal(magic, zstdMagic) {
		return nil, &PlaceError{1, 1, errors.New("the history is compressed with zstd, for which the reader has no decompressor: give it that of package zstd, or decompress the file")}
	}
	text := bufio.NewReaderSize(s, 256<<10)
	read := s.readEDN
	if isJSON(text) {
		read = s.readJSON
	}
	err := read(text)
	s.progress()
	return s.ops, err
}

func (l Limits) orDefault() Limits {
	if l.Text == 0 {
		l.Text = DefaultLimits.Text
	}
	if l.Operations == 0 {
		l.Operations = DefaultLimits.Operations
	}
	if l.Memory == 0 {
		l.Memory = DefaultLimits.Memory
	}
	return l
}

var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

var gzipDecompressor = Decompressor{"gzip", []byte{0x1f, 0x8b}, func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }}

// countingReader counts the bytes that are read.
type countingReader struct {
	r io.Reader
	n int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// session is one call of Read. It is the reader of the decompressed text.
type session struct {
	limits   Limits
	report   func(Progress)
	file     countingReader
	size     int64 // of the file, 0 if unknown
	text     io.Reader
	read     int64 // bytes of text
	reported int64 // what read was at the last report
	ops      []Op
}

// reportEvery is how many bytes of text are read between two reports.
const reportEvery = 4 << 20

// Read reads decompressed text up to the limit.
func (s *session) Read(p []byte) (int, error) {
	n, err := s.text.Read(p)
	if s.read += int64(n); s.read > s.limits.Text {
		return 0, fmt.Errorf("the text is longer than %s, the limit", byteSize(s.limits.Text))
	}
	if s.read-s.reported >= reportEvery {
		s.progress()
	}
	return n, err
}

func (s *session) progress() {
	s.reported = s.read
	if s.report != nil {
		s.report(Progress{len(s.ops), s.file.n, s.size})
	}
}

func byteSize(n int64) string {
	for _, unit := range []struct {
		shift int
		name  string
	}{{30, "GiB"}, {20, "MiB"}, {10, "KiB"}} {
		if n%(1<<unit.shift) == 0 {
			return fmt.Sprintf("%d %s", n>>unit.shift, unit.name)
		}
	}
	return fmt.Sprintf("%d bytes", n)
}

// add appends an operation. memory is the estimated size in bytes of the values of all
// operations so far, this one included.
func (s *session) add(op Op, memory int64) error {
	switch {
	case len(s.ops) >= s.limits.Operations:
		return fmt.Errorf("more than %d operations, the limit", s.limits.Operations)
	case memory+int64(len(s.ops))*opSize > s.limits.Memory:
		return fmt.Errorf("the first %d operations take more than %s of memory, the limit", len(s.ops), byteSize(s.limits.Memory))
	}
	if len(s.ops) == cap(s.ops) {
		s.grow()
	}
	s.ops = append(s.ops, op)
	return nil
}

const opSize = int64(unsafe.Sizeof(Op{}))

// grow makes room for the operations that the rest of the file is likely to hold.
// Growing by a factor alone would copy a long history many times, and take twice
// the memory in the end.
func (s *session) grow() {
	n := int64(len(s.ops))
	const enough = 1 << 16 // operations from which the rest can be estimated
	if n < enough || s.size == 0 || s.file.n == 0 {
		s.ops = slices.Grow(s.ops, int(max(64, n)))
		return
	}
	total := int64(float64(n) * float64(s.size) / float64(s.file.n) * 1.03)
	total = min(total, int64(s.limits.Operations), s.limits.Memory/opSize)
	s.ops = slices.Grow(s.ops, int(max(total-n, n/8)))
}

// isJSON decides by the first object, whose first key is a string followed by a colon
// in JSON and a keyword in EDN.
func isJSON(br *bufio.Reader) bool {
	head, _ := br.Peek(512)
	head = bytes.TrimLeft(head, " \t\r\n[")
	if len(head) == 0 || head[0] != '{' {
		return false
	}
	head = bytes.TrimLeft(head[1:], " \t\r\n")
	if len(head) == 0 || head[0] != '"' {
		return false
	}
	end := bytes.IndexByte(head[1:], '"')
	if end < 0 {
		return false
	}
	return bytes.HasPrefix(bytes.TrimLeft(head[end+2:], " \t"), []byte(":"))
}

func (s *session) readEDN(r *bufio.Reader) error {
	d := edn.NewDecoder(r)
	inVector := d.EnterVector()
	scratch := make(edn.Map, 0, 16)
	for {
		if inVector && d.LeaveVector() {
			inVector = false
		}
		_, _ = d.More() // to where the operation begins; an error comes again
		line, column := d.Position()
		v, err := d.DecodeMap(scratch)
		switch {
		case err == io.EOF && inVector:
			return &PlaceError{line, column, errors.New("the text ends inside the vector of operations")}
		case err == io.EOF && len(s.ops) == 0:
			return &PlaceError{line, column, errors.New("the history is empty: expected operations such as {:index 0, :type :invoke, …}")}
		case err == io.EOF:
			return nil
		case err != nil:
			return placed(err, d.Position)
		}
		op, err := fromEDN(v, len(s.ops))
		if err == nil {
			op.Line, op.Column = int32(line), int32(column)
			err = s.add(op, d.Memory())
		}
		if err != nil {
			return &PlaceError{line, column, err}
		}
	}
}

// placed returns err with the place of the reader, unless it is a SyntaxError,
// which has its own.
func placed(err error, position func() (line, column int)) error {
	var syntax *edn.SyntaxError
	if errors.As(err, &syntax) {
		return err
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("the compressed text ends too early: %w", err)
	}
	line, column := position()
	return &PlaceError{line, column, err}
}

func (s *session) readJSON(br *bufio.Reader) error {
	lines := bufio.NewScanner(br)
	lines.Buffer(make([]byte, 64<<10), MaxLine)
	n, memory := 0, int64(0)
	for lines.Scan() {
		n++
		text := bytes.TrimLeft(lines.Bytes(), " \t\r")
		if len(text) == 0 {
			continue
		}
		column := len(lines.Bytes()) - len(text) + 1
		v, err := edn.FromJSON(text)
		var syntax *edn.SyntaxError
		if errors.As(err, &syntax) {
			return &edn.SyntaxError{Line: n, Column: column - 1 + syntax.Column, Msg: syntax.Msg}
		}
		op, err := fromJSON(v, len(s.ops))
		if err == nil {
			op.Line, op.Column = int32(n), int32(column)
			memory += edn.Size(op.Value) + edn.Size(op.Error) + edn.Size(op.Extra)
			err = s.add(op, memory)
		}
		if err != nil {
			return &PlaceError{n, column, err}
		}
	}
	err := lines.Err()
	if err == bufio.ErrTooLong {
		err = fmt.Errorf("a line longer than %s, the limit", byteSize(MaxLine))
	}
	if err != nil {
		return placed(err, func() (int, int) { return n + 1, 1 })
	}
	return nil
}
