// Package history reads and writes histories: what the clients of a test did and
// saw, as a sequence of operations in the order in which they began and ended.
//
// A history is what Jepsen writes to history.edn
// (https://github.com/jepsen-io/history). An operation appears in it twice: once
// when a process invokes it, and once when it completes as ok (it happened), fail
// (it did not) or info (nobody knows). A process has at most one operation in
// flight. A process whose operation ended as info invokes nothing more; its client
// continues under a new process number. An operation without a completion was in
// flight when the test ended, and counts as info.
//
// ReadFile reads a history from a file. A Reader also allows other limits, more kinds
// of compression, and a callback for its progress. New makes a history of operations
// from any other source.
package history
