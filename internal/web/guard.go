package web

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	reportpage "glomers/internal/report/page"
)

// policy is the Content-Security-Policy of the server's own pages: nothing but its
// own style sheet, scripts and pictures.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// picturePolicy is that of a picture: SVG may have a style of its own, and nothing else.
const picturePolicy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

// reportPolicy is that of a report: its own script and style, and an origin of its own,
// from which it reaches neither this server nor any other.
func reportPolicy() string {
	return reportpage.SecurityPolicy() + "; frame-ancestors 'none'; sandbox allow-scripts"
}

// guard refuses requests that a page of the server did not make.
type guard struct {
	hosts []string // names by which the server may be called, besides IP addresses if any is true
	any   bool     // it listens beyond loopback: any IP address, which DNS cannot rebind
	token string   // that forms carry
}

// newGuard returns the guard of a server that listens on addr; names are further
// names of this machine.
func newGuard(addr net.Addr, names []string) *guard {
	secret := make([]byte, 24)
	rand.Read(secret) // never fails
	g := &guard{hosts: []string{"localhost", "127.0.0.1", "::1"}, token: base64.RawURLEncoding.EncodeToString(secret)}
	if tcp, ok := addr.(*net.TCPAddr); !ok || !tcp.IP.IsLoopback() {
		g.any = true
		g.hosts = append(g.hosts, names...)
	} else {
		g.hosts = append(g.hosts, tcp.IP.String())
	}
	return g
}

// knows reports whether a Host header names this server. The port is not compared:
// it may be forwarded, and a page elsewhere cannot choose the name.
func (g *guard) knows(host string) bool {
	u, err := url.Parse("http://" + host)
	if err != nil || u.Host != host || u.User != nil {
		return false
	}
	name := strings.ToLower(u.Hostname())
	if slices.ContainsFunc(g.hosts, func(h string) bool { return strings.EqualFold(h, name) }) {
		return true
	}
	_, err = netip.ParseAddr(name)
	return g.any && err == nil
}

// refusal is why a request is not answered.
type refusal struct {
	status int
	reason string
}

// check returns why a request is refused, nil if it is not.
func (g *guard) check(r *http.Request) *refusal {
	if !g.knows(r.Host) {
		return &refusal{http.StatusMisdirectedRequest, fmt.Sprintf("the host %q is not a name of this server; use the address that glomers serve printed", r.Host)}
	}
	site := r.Header.Get("Sec-Fetch-Site")
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		// A link from elsewhere may be followed; nothing may be embedded or fetched.
		follows := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
		if site != "" && site != "same-origin" && site != "none" && !follows {
			return &refusal{http.StatusForbidden, "a page of another site asked for this"}
		}
		if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
			return &refusal{http.StatusForbidden, fmt.Sprintf("a page of %q asked for this", origin)}
		}
		return nil
	case http.MethodPost:
		return g.checkPost(r, site)
	}
	return &refusal{http.StatusMethodNotAllowed, "the method is " + r.Method + ", expected GET or POST"}
}

func (g *guard) checkPost(r *http.Request, site string) *refusal {
	if site != "" && site != "same-origin" {
		return &refusal{http.StatusForbidden, "a page of another site sent this"}
	}
	if origin := r.Header.Get("Origin"); origin != "" && origin != "http://"+r.Host {
		return &refusal{http.StatusForbidden, fmt.Sprintf("a page of %q sent this", origin)}
	}
	r.Body = http.MaxBytesReader(nil, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return &refusal{http.StatusBadRequest, "the form cannot be read: " + err.Error()}
	}
	if subtle.ConstantTimeCompare([]byte(r.PostForm.Get("token")), []byte(g.token)) != 1 {
		return &refusal{http.StatusForbidden, "the form has no valid token: it is from before the server was started, or from elsewhere; load the page again"}
	}
	return nil
}

// protect puts the guard before a handler and sets what every answer has.
func (g *guard) protect(next http.Handler, refuse func(http.ResponseWriter, *http.Request, int, string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin") // with none at all, browsers send forms without their origin
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		h.Set("Cache-Control", "no-store")
		if refused := g.check(r); refused != nil {
			if refused.status == http.StatusMethodNotAllowed {
				h.Set("Allow", "GET, HEAD, POST")
			}
			refuse(w, r, refused.status, refused.reason)
			return
		}
		next.ServeHTTP(w, r)
	})
}
