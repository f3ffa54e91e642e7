// Package web serves the workbook to a browser: the stages with their write-ups, the
// runs of a store, and a button that runs a stage.
//
// A server on loopback is reachable by every page that the same browser shows, so
// that it defends itself against the pages of others:
//
//   - A request must name the server by an address of its own. A name that somebody
//     else's DNS points here (DNS rebinding) is refused.
//   - What changes something is a POST with the token that only the server's own
//     pages hold, and from the same origin.
//   - A page of another origin cannot embed or read anything: requests that it makes,
//     except for following a link, are refused.
//   - The policy of every page forbids scripts other than the server's own, all
//     connections to elsewhere, and frames.
//
// A store may come from somebody else. Its files are read below one root that neither
// ".." nor a symbolic link leaves, shown as text, and never run: not as programs, and
// not in the browser. What the browser asks to be run is one of the programs that
// were named when the server was made, never a path.
package web
