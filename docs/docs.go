// Package docs holds the pages of this directory, for whoever shows them.
package docs

import (
	"embed"
	"io/fs"
)

//go:embed *.md images/*.png
var files embed.FS

// Files returns the pages and their pictures, by the names of their files.
func Files() fs.FS { return files }
