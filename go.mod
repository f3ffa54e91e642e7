module glomers

go 1.25.0

require (
	github.com/klauspost/compress v1.18.0 // indirect
	golang.org/x/sys v0.46.0 // indirect
	golang.org/x/term v0.44.0 // indirect
)
