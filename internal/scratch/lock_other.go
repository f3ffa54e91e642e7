//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package scratch

import "errors"

// lock says that directories cannot be locked here.
func lock(string) (unlock func(), err error) { return nil, errors.ErrUnsupported }
